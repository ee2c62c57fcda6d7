"""Flow 1: a raster in, a sharper raster out. The same call serves every interface."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Callable, List, Optional

from sr_plugin.core.card import INVENTION_WARNING, ModelCard
from sr_plugin.core.errors import Cancelled, DeviceUnavailable, RuntimeMissing
from sr_plugin.core.session import LoadedModel, ModelSession
from sr_plugin.pipeline.blended_cells import session_settings
from sr_plugin.pipeline.cancellable import Preparation, prepare_patiently
from sr_plugin.pipeline.estimate import computed_pixels, remember_speed
from sr_plugin.pipeline.journal import Computation
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback, SuperResolveRequest, SuperResolveResult
from sr_plugin.pipeline.run_listing import RunListing
from sr_plugin.pipeline.samples import sample_pieces
from sr_plugin.pipeline.threads import run_patiently
from sr_plugin.pipeline.tile_loop import LoopStatistics, TileLoop
from sr_plugin.pipeline.uncertainty_plan import cost_of_uncertainty
from sr_plugin.pipeline.unfinished import UnfinishedOutput, recorded_computation, take_names_back, worth_keeping
from sr_plugin.raster.block_cache import limited_block_cache
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.worker_session import WorkerSession

#: Opens a session that can run a model.
SessionFactory = Callable[[ModelCard], ModelSession]


def packages_needed(card: ModelCard) -> str:
    """Which packages the worker must have: ``builtin``, ``onnx`` or ``checkpoint``."""
    if not card.weights:
        return "builtin"
    return "onnx" if any(w.container == "onnx" for w in card.weights) else "checkpoint"


def worker_factory(preferred_python: str = "") -> SessionFactory:
    """Sessions in a worker process, with the given Python or the first one found that has what the model needs."""

    def open_session(card: ModelCard) -> ModelSession:
        probe = find_worker_python(packages_needed(card), preferred_python or None)
        return WorkerSession(probe.path)

    return open_session


def _cost(run: PreparedRun) -> str:
    grid, estimate = run.plan.output_grid, run.estimate
    text = f"Result: {grid.width} x {grid.height} x {run.plan.output_bands}, "
    text += f"at most {estimate.disk_bytes / 1e6:.1f} MB on disk with overviews"
    if estimate.temporary_bytes:
        text += f" and as much again while the cloud-optimised copy is made ({estimate.temporary_bytes / 1e6:.1f} MB)"
    if estimate.seconds is not None:
        text += f"; about {max(1, round(estimate.seconds))} s by earlier runs on this machine"
    return text


def _announce(run: PreparedRun, loaded: LoadedModel, feedback: RunFeedback) -> None:
    plan, card = run.plan, run.plan.card
    digest = f", SHA-256 {card.sha256[:12]}" if card.weights else ""
    feedback.message(f"Model: {card.title} ({card.name}), x{card.scale}{digest}")
    feedback.message(f"Device: {loaded.device_name} ({loaded.device}), {loaded.precision}, {loaded.backend}")
    feedback.message(f"Values: {run.scaling}; result as {plan.settings.output_type}")
    feedback.message(
        f"Tiles: {len(plan.tiles)} of at most {plan.tile} x {plan.tile} pixels with a margin of {plan.margin} "
        f"(the model reaches {'over the whole tile' if card.reach is None else card.reach})"
    )
    feedback.message(_cost(run))
    more_work = cost_of_uncertainty(plan)
    if more_work:
        feedback.message(more_work)
    if card.generative:
        feedback.warning(INVENTION_WARNING)
    for remark in loaded.remarks:
        feedback.message(remark)
    for note in loaded.notes:
        feedback.warning(note)


def _load(session: ModelSession, run: PreparedRun, feedback: RunFeedback) -> LoadedModel:
    """Load the model; one that takes long or hangs can be cancelled, and so can a source that blocks."""
    settings = replace(session_settings(run.plan), pixels=computed_pixels(run.plan))
    earlier = recorded_computation(run)
    gone: List[str] = []

    def load() -> LoadedModel:
        if earlier is not None:
            # Pixels of an interrupted run are only continued by what computed them.
            same = replace(settings, backend=earlier.runtime, precision=earlier.precision)
            try:
                return session.load(run.plan.card, same)
            except (DeviceUnavailable, RuntimeMissing):
                gone.append(earlier.backend)
        single = run.plan.settings.series is None
        samples = sample_pieces(run) if run.plan.card.weights and single else []
        return session.load(run.plan.card, settings, samples)

    def tick() -> None:
        if feedback.cancelled():
            session.kill()
            raise Cancelled("The run was cancelled.")

    loaded = run_patiently("sr-load", load, tick)
    if gone:
        feedback.warning(f"What computed the interrupted run ({gone[0]}) is gone, so everything is computed anew.")
    return loaded


def _run_tiles(
    run: PreparedRun,
    session: ModelSession,
    loaded: LoadedModel,
    feedback: RunFeedback,
    keep_partial: bool,
    listing: RunListing,
) -> LoopStatistics:
    output = UnfinishedOutput(run, feedback, Computation.of(loaded), durable=listing.entered)
    listing.enter(run)
    try:
        statistics = TileLoop(run, session, output, feedback).run()
        output.finish(feedback.cancelled)
    except BaseException as error:
        if worth_keeping(error, keep_partial):
            output.keep()
            feedback.message(f"What was done is kept in {output.partial}; the same run goes on from there.")
        else:
            output.discard()
        raise
    return statistics


def _neediest(run: PreparedRun) -> ModelCard:
    """The model whose packages serve all models of a run."""
    return next((card for card in run.plan.cards if packages_needed(card) == "checkpoint"), run.plan.card)


def superresolve(
    request: SuperResolveRequest,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[SessionFactory] = None,
    prepare: Optional[Preparation] = None,
    listing: Optional[RunListing] = None,
) -> SuperResolveResult:
    """Super-resolve a raster.

    Args:
        request: what is asked for.
        feedback: progress, messages and cancel.
        open_session: where the model runs; a worker process unless given.
        prepare: checks and plans the request; what a raster or a fusion of bands needs unless given.
        listing: of the run that this is a step of, see :mod:`sr_plugin.pipeline.run_listing`; a run of its own
            unless given.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: naming what went wrong. Nothing then stands under the output's name.
    """
    feedback = feedback or SilentFeedback()
    if listing is None:
        with RunListing(request, feedback) as own:
            return superresolve(request, feedback, open_session, prepare, own)
    started = time.monotonic()
    factory = open_session or worker_factory(request.worker_python)
    run = prepare_patiently(request, feedback, factory, prepare)
    if feedback.cancelled():
        raise Cancelled("The run was cancelled.")
    listing.hold(request.outputs)
    whole = listing.whole(run)
    if whole is not None:
        listing.enter(run)
        feedback.message(f"'{request.output}' was whole already when the run was interrupted, so it stays as it is.")
        # The record may tell the names of another current folder.
        return replace(
            whole,
            output=request.output,
            uncertainty=request.uncertainty,
            uncertainty_mask=request.uncertainty_mask,
        )
    take_names_back(run)
    with limited_block_cache(run.source_cache), factory(_neediest(run)) as session:
        loaded = _load(session, run, feedback)
        start_seconds = time.monotonic() - started
        _announce(run, loaded, feedback)
        statistics = _run_tiles(run, session, loaded, feedback, request.keep_partial, listing)
    seconds = time.monotonic() - started
    if not statistics.resumed:
        remember_speed(run.plan, seconds, start_seconds)
    grid = run.plan.output_grid
    result = SuperResolveResult(
        output=request.output,
        model=run.plan.card.name,
        model_sha256=run.plan.card.sha256,
        scale=run.plan.card.scale,
        width=grid.width,
        height=grid.height,
        bands=run.plan.output_bands,
        source_bands=run.plan.source.bands,
        mask_band=run.plan.mask_band,
        tiles=statistics.tiles,
        backend=loaded.backend,
        device=loaded.device,
        device_name=loaded.device_name,
        precision=loaded.precision,
        seconds=seconds,
        consistency_rmse=statistics.consistency_rmse,
        uncertainty=request.uncertainty,
        uncertainty_mask=request.uncertainty_mask,
    )
    listing.step_done(run, result)
    return result
