"""Many rasters of one place in, one finer raster out: the series as a stack that the engine runs on like any raster."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import threading
from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import MULTI_IMAGE, ModelCard
from sr_plugin.core.errors import Cancelled, OutputError, ParameterError, UnsupportedRaster
from sr_plugin.core.job import JobPlan
from sr_plugin.core.series import CHANGES, NO_VIEW, SeriesSettings, ViewPlace
from sr_plugin.core.series_choices import MATCHES
from sr_plugin.core.series_dates import choose_views, date_in_text
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.any_request import absolute_view
from sr_plugin.pipeline.estimate import check_disks, estimate_run
from sr_plugin.pipeline.memory import total_memory
from sr_plugin.pipeline.output_values import chosen_nodata
from sr_plugin.pipeline.prepare import PreparedRun, prepare_run
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback, SuperResolveRequest
from sr_plugin.pipeline.run_listing import RunListing
from sr_plugin.pipeline.series_request import SeriesRequest, SeriesResult, SeriesView, ViewReport
from sr_plugin.pipeline.series_windows import read_windows, spread_windows
from sr_plugin.pipeline.superresolve import SessionFactory, packages_needed, superresolve
from sr_plugin.raster.band_stack import BandStack
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.series_stack import PlacedView, make_series_stack, overlaps, place_view
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.writer import OutputBand
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.worker_session import WorkerSession

#: Pixels around a place that matching, comparing and filling look at beyond what the model does.
_MATCH_REACH = 48
#: Bytes that a tile may take.
_MEMORY = 1 << 30
#: Beginnings of metadata keys that hold the date of the image.
_DATE_KEYS = ("ACQUISITION", "SENSING", "DATE_ACQUIRED", "PRODUCT_START", "DATATAKE_1_DATATAKE_S")
_CHANGES_TITLE = "Views that differ from the reference"


def series_worker_factory(preferred_python: str = "") -> SessionFactory:
    """Sessions in a worker process that has what registration and the model need."""

    def open_session(card: ModelCard) -> ModelSession:
        # Whatever the model needs, views are registered with what edges are compared with.
        probe = find_worker_python(packages_needed(card), preferred_python or None, also="edges")
        return WorkerSession(probe.path)

    return open_session


def date_of(view: SeriesView, source: RasterSource) -> Optional[datetime.date]:
    """The date that was given for a view, else one in the raster's metadata or file name, else None."""
    if view.date is not None:
        return view.date
    dataset = source.dataset
    metadata: Dict[str, str] = {**(dataset.GetMetadata() or {}), **(dataset.GetMetadata("IMAGERY") or {})}
    for key in sorted(metadata):
        if key.upper().startswith(_DATE_KEYS):
            found = date_in_text(metadata[key])
            if found is not None:
                return found
    return date_in_text(os.path.basename(view.input))


def reference_of(views: Sequence[SeriesView], wanted: Optional[datetime.date]) -> int:
    """Number of the view that is the reference.

    Raises:
        SuperResolutionError: when a raster cannot be opened, or dates are needed and not known.
    """
    dates = [date_of(view, RasterSource(view.input)) for view in views]
    return choose_views(dates, wanted, None).order[0]


class _Series:
    """The views of a request, chosen and placed; opens rasters, so one object serves one thread."""

    def __init__(self, request: SeriesRequest, feedback: RunFeedback) -> None:
        if not request.views:
            raise ParameterError("No raster was given.", "Choose the rasters of the series.")
        if request.match not in MATCHES:
            raise ParameterError(f"'{request.match}' is no way to match values.", f"Use one of {', '.join(MATCHES)}.")
        sources = [RasterSource(view.input) for view in request.views]
        # Also those of views that are left out: nobody wants to lose them.
        masks = [RasterSource(view.mask) for view in request.views if view.mask]
        _check_outputs(request, [file for source in (*sources, *masks) for file in source.files])
        dates = [date_of(view, source) for view, source in zip(request.views, sources)]
        chosen = choose_views(dates, request.reference_date, request.span_days)
        for numbers, reason in ((chosen.too_far, "beyond the span of days"), (chosen.undated, "of unknown date")):
            for number in numbers:
                feedback.warning(f"'{_name(request.views[number])}' is left out: {reason}.")
        reference = sources[chosen.order[0]]
        self.views: List[SeriesView] = []
        self.placed: List[PlacedView] = []
        self.dates: List[Optional[datetime.date]] = []
        for number in chosen.order:
            placed = place_view(sources[number], reference)
            if not overlaps(placed, reference.grid):
                feedback.warning(f"'{_name(request.views[number])}' is left out: it does not overlap the reference.")
                continue
            if placed.warped:
                feedback.warning(
                    f"'{_name(request.views[number])}' has another pixel size, CRS or direction than the reference and "
                    "is interpolated onto its grid, which costs some of its detail."
                )
            self.views.append(request.views[number])
            self.placed.append(placed)
            self.dates.append(dates[number])
        when = f" of {self.dates[0].isoformat()}" if self.dates[0] else ""
        feedback.message(f"Reference: '{_name(self.views[0])}'{when}; {len(self.views)} view(s) are fused.")

    def stack(self, bands: Sequence[int]) -> BandStack:
        """The virtual raster of all views."""
        return make_series_stack(self.placed, bands, [view.mask for view in self.views])

    def settings(self, request: SeriesRequest, bands: int, typical: Tuple[float, ...]) -> SeriesSettings:
        """What is known before the images are looked at."""
        places = tuple(ViewPlace(view.shift, gains=(1.0,) * bands, offsets=(0.0,) * bands) for view in self.placed)
        return SeriesSettings(
            bands=bands,
            views=places,
            noise=(0.0,) * bands,
            grain=(0.0,) * bands,
            typical=typical,
            match=request.match,
            threshold=request.threshold if len(places) > 1 else 0.0,
        )


def _name(view: SeriesView) -> str:
    return os.path.basename(view.input.rstrip("/\\")) or view.input


class _HandedOn:
    """A session factory that gives the session in which views were registered to the run that follows."""

    def __init__(self, open_session: SessionFactory) -> None:
        self._open = open_session
        self._kept: Optional[ModelSession] = None
        self._lock = threading.Lock()
        self._ended = False

    def __call__(self, card: ModelCard) -> ModelSession:
        kept, self._kept = self._kept, None
        return kept if kept is not None and kept.alive else self._open(card)

    def keep(self, session: ModelSession) -> None:
        """Give this session to the next who asks; end it when nobody will."""
        with self._lock:
            ended = self._ended
            if not ended:
                self._kept = session
        if ended:
            session.kill()

    def end(self) -> None:
        """End a session that nobody asked for."""
        with self._lock:
            self._ended = True
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.kill()


class _Preparation:
    """Plans the runs of a series: the image first, then, where asked for, the changes with the same places."""

    def __init__(self, request: SeriesRequest, mounts: contextlib.ExitStack, sessions: _HandedOn) -> None:
        self._request, self._mounts, self._sessions = request, mounts, sessions
        self.reports: Tuple[ViewReport, ...] = ()
        self._image: Optional[PreparedRun] = None
        self._reference_mask = ""

    def image(self, request: SuperResolveRequest, feedback: RunFeedback, open_session: SessionFactory) -> PreparedRun:
        """Check the series and plan its fusion; see :func:`prepare_run`."""
        series = _Series(self._request, feedback)
        self._reference_mask = series.views[0].mask
        first = replace(request, input=series.views[0].input)
        base = prepare_run(first, feedback, open_session, (MULTI_IMAGE,), room=False)
        bands = base.plan.source.bands
        stack = series.stack(bands)
        name = self._mounts.enter_context(stack.mounted())
        known = series.settings(self._request, len(bands), tuple(float(value) for value in base.typical))
        found, facts = self._registered(known, name, base, feedback, open_session)
        self.reports = tuple(
            ViewReport(
                _name(view),
                date,
                place.shift,
                int(fact["windows"]),
                float(fact["spread"]),
                float(fact["clear"]),
                placed.warped,
            )
            for view, date, place, fact, placed in zip(series.views, series.dates, found.views, facts, series.placed)
        )
        for report in self.reports[1:]:
            _tell(report, feedback, self._request.register)
        self._image = self._planned(base, found, name, stack)
        return self._image

    def _registered(
        self,
        series: SeriesSettings,
        name: str,
        base: PreparedRun,
        feedback: RunFeedback,
        open_session: SessionFactory,
    ) -> Tuple[SeriesSettings, List[Dict[str, float]]]:
        """The series with shifts, gains and noise, and what was found about each view."""
        if len(series.views) == 1:
            feedback.message("There is one view only, so nothing is registered.")
            return series, [{"windows": 0, "spread": 0.0, "clear": 1.0}]
        stack = RasterSource(name)
        planes = range(1, series.planes + 1)
        size = sum(4 for _ in planes)
        arrays, origins = read_windows(stack, planes, spread_windows(base.plan.area, size))
        register = self._request.register
        told = f"{len(series.views) - 1} view(s) on {len(arrays)} window(s)"
        feedback.message(
            f"Registering {told}." if register else f"Matching the values of {told}; the georeference is believed."
        )
        if feedback.cancelled():
            raise Cancelled("The run was cancelled.")
        session = open_session(base.plan.card)
        try:
            answer = session.place_views(arrays, series, origins, register)
        except BaseException:
            session.kill()
            raise
        self._sessions.keep(session)
        return SeriesSettings.from_wire(answer["series"]), list(answer["views"])

    def _planned(self, base: PreparedRun, series: SeriesSettings, name: str, stack: BandStack) -> PreparedRun:
        """The plan of one raster, turned into one of the stack."""
        plan, request = base.plan, self._request.run
        source = RasterSource(name)
        identity = source.identity(range(1, series.planes + 1))
        card = plan.card
        infos = RasterSource(plan.source.dataset).bands(plan.source.bands)
        # Gaps of the raster itself are known already; where it is clear, the result is.
        clouded = bool(self._reference_mask)
        mask_band = plan.mask_band or (clouded and request.gaps_as_mask)
        margin = request.margin if request.margin is not None else (card.reach or plan.margin) + _MATCH_REACH
        tile = request.tile or _tile(card, margin, series)
        multiple = card.tiles.multiple_of
        whole = replace(
            plan,
            source=identity,
            settings=replace(plan.settings, series=series, backend=_runtime(card)),
            margin=margin,
            tile=max(multiple, tile // multiple * multiple),
            nodata=None if mask_band else _nodata(request, infos, plan, clouded),
            mask_band=mask_band,
        )
        count = card.output_count(series.bands)
        output = replace(
            base.output,
            bands=[OutputBand.like(info) for info in infos] if count == len(infos) else base.output.bands,
            metadata=self._metadata(base.output.metadata),
            tile=whole.tile * card.scale,
            nodata=whole.nodata,
            mask_band=mask_band,
        )
        check_disks(whole, (output,))
        estimate = estimate_run(whole, output)
        cache = source.row_bytes(identity.bands, whole.tile, whole.tile + 2 * margin)
        files = tuple(dict.fromkeys((*base.source_files, *stack.files)))
        return replace(base, plan=whole, output=output, estimate=estimate, source_cache=cache, source_files=files)

    def _metadata(self, metadata: Dict[str, str]) -> Dict[str, str]:
        views = [
            {
                "name": report.name,
                "date": report.date.isoformat() if report.date else "",
                "shift": list(report.shift),
            }
            for report in self.reports
        ]
        return {**metadata, "SR_SOURCE": self.reports[0].name, "SR_VIEWS": json.dumps(views)}

    def changes(self, request: SuperResolveRequest, feedback: RunFeedback, open_session: SessionFactory) -> PreparedRun:
        """Plan the raster of changes, on the reference's own grid."""
        image = self._image
        card = builtin_card("average:1")
        if image is None or card is None or image.plan.settings.series is None:
            raise RuntimeError("the changes are planned after the image")
        series = replace(image.plan.settings.series, output=CHANGES)
        settings = replace(image.plan.settings, series=series, output_type="uint8", fed_bands=0)
        plan = replace(image.plan, card=card, settings=settings, nodata=float(NO_VIEW), mask_band=False)
        output = replace(
            image.output,
            path=request.output,
            grid=plan.output_grid,
            bands=[OutputBand(description=_CHANGES_TITLE)],
            pixel_type="uint8",
            nodata=plan.nodata,
            mask_band=False,
            tile=plan.tile,
            gcps=(),
            rpc={},
            cog=False,
            smooth=False,
        )
        return replace(image, plan=plan, output=output, estimate=estimate_run(plan, output))


def _runtime(card: ModelCard) -> str:
    """Networks that count views as they run cannot be converted to a graph, which holds for one number of them."""
    by_batch = card.family in ("builtin", "seriesnet")
    return "auto" if by_batch or any(weight.container == "onnx" for weight in card.weights) else "torch"


def _tile(card: ModelCard, margin: int, series: SeriesSettings) -> int:
    """Side of a tile's core in input pixels; the views of a tile are in memory all at once."""
    views = len(series.views)
    per_pixel = 16 * views * series.bands + 24 * series.bands * card.scale**2
    if card.weights:
        # Features and activations of all views of one band, or of all bands.
        width = int(card.hyperparameters.get("width", 64))
        per_pixel += 4 * views * (3 * width + 2 * card.scale**2)
    budget = min(_MEMORY, (total_memory() or 8 * _MEMORY) // 8)
    side = int((budget / per_pixel) ** 0.5) - 2 * margin
    return max(128, min(512, side // 64 * 64))


def _nodata(request: SuperResolveRequest, bands: Sequence[BandInfo], plan: JobPlan, clouded: bool) -> Optional[float]:
    """Nodata of the result: a series may have gaps where its reference declares none."""
    if plan.nodata is not None:
        return plan.nodata
    kind = plan.settings.output_type
    return chosen_nodata(request, bands, kind, clouded or kind.startswith("float"))


def _tell(report: ViewReport, feedback: RunFeedback, register: bool) -> None:
    row, column = report.shift
    where = f"'{report.name}'" + (f" of {report.date.isoformat()}" if report.date else "")
    told = f"{where}: shifted by {row:+.3f} rows and {column:+.3f} columns"
    if report.windows:
        agree = f"{report.windows} windows agree within {report.spread:.3f} pixels"
        feedback.message(f"{told} ({agree if report.windows > 1 else 'by one window'}).")
    elif report.clear < 0.05:
        feedback.warning(f"{where} shows next to nothing of this place, so it adds next to nothing.")
    elif not register:
        feedback.message(f"{told} by its georeference.")
    else:
        feedback.warning(f"{where} could not be registered; its georeference is believed.")


def _check_outputs(request: SeriesRequest, source_files: Sequence[str]) -> None:
    for path in (request.run.output, request.changes) if request.changes else (request.run.output,):
        check_output_path(path, source_files)


def _check_changes(request: SeriesRequest) -> None:
    if request.changes and os.path.realpath(request.changes) == os.path.realpath(request.run.output):
        raise OutputError("Result and changes have the same file name.", "Give them different names.")
    if request.run.consistency or request.run.luminance:
        raise UnsupportedRaster("Consistency and luminance mode are for single rasters, not for series.")


def superresolve_series(
    request: SeriesRequest,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[SessionFactory] = None,
) -> SeriesResult:
    """Fuse a series.

    Args:
        request: what is asked for.
        feedback: progress, messages and cancel.
        open_session: where views are registered and fused; a worker process unless given.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: naming what went wrong. Nothing then stands under the outputs' names.
    """
    _check_changes(request)
    feedback = feedback or SilentFeedback()
    factory = _HandedOn(open_session or series_worker_factory(request.run.worker_python))
    # By the same names the same run finds its part again, whatever the current folder is.
    request = replace(request, views=tuple(map(absolute_view, request.views)))
    with RunListing(request, feedback) as listing, contextlib.ExitStack() as mounts:
        mounts.callback(factory.end)
        preparation = _Preparation(request, mounts, factory)
        result = superresolve(request.run, feedback, factory, preparation.image, listing)
        if request.changes:
            changes = replace(request.run, output=request.changes)
            superresolve(changes, feedback, factory, preparation.changes, listing)
    return SeriesResult(result, preparation.reports, request.changes)
