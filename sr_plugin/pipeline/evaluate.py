"""Flow 4: results judged by a truth, or by their own input, tile by tile."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.edges import EdgeCounts, EdgeFigures, EdgeSettings, edge_figures
from sr_plugin.core.errors import Cancelled, EmptyExtent, ParameterError
from sr_plugin.core.evaluation import BICUBIC, EvaluationSettings, figures_of, measure_names, ranking
from sr_plugin.core.grid import Window
from sr_plugin.core.session import ModelSession, TileResult
from sr_plugin.core.spectral_indices import possible_indices
from sr_plugin.core.uncertainty_figures import UncertaintyFigures
from sr_plugin.core.uncertainty_report import uncertainty_text
from sr_plugin.pipeline import evaluation_preparation as preparation
from sr_plugin.pipeline.edge_outputs import check_outputs, write_files
from sr_plugin.pipeline.edge_planes import expanded, resolve_settings
from sr_plugin.pipeline.evaluation_files import csv_bytes, json_bytes
from sr_plugin.pipeline.evaluation_land_cover import LandCoverEvaluation, LandCoverFigures
from sr_plugin.pipeline.evaluation_rasters import EvaluationRasters, mean_planes
from sr_plugin.pipeline.evaluation_request import EvaluatedTile, EvaluateRequest, EvaluateResult
from sr_plugin.pipeline.evaluation_uncertainty import UncertaintyPlane, judge_uncertainty
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback
from sr_plugin.pipeline.tile_stream import comparing_session, stream_tiles, tiles_of
from sr_plugin.raster.block_cache import limited_block_cache

#: Cells along a side of a window, and bands of all rasters together above which there are fewer, for memory.
_CELLS, _MANY_BANDS = 4, 24
#: Times that the shift of the truth is measured again after moving it.
_REFINEMENTS = 4


class _Evaluation:
    """One evaluation while it runs."""

    def __init__(self, request: EvaluateRequest, feedback: RunFeedback, session: ModelSession) -> None:
        self._request, self._feedback, self._session = request, feedback, session
        self._open()
        self._uncertainty = UncertaintyPlane(request.uncertainty, self._rasters) if request.uncertainty else None
        sources = [*self._rasters.sources.values(), *([self._uncertainty.source] if self._uncertainty else [])]
        files = [path for source in sources for path in source.files]
        check_outputs({}, request.files, files)
        self._shift: Optional[Tuple[float, float]] = None
        self._spread = math.nan
        self._edges: Dict[str, EdgeCounts] = {}
        self._tiles: List[Tuple[Window, np.ndarray]] = []
        self._histograms: Dict[str, np.ndarray] = {}
        self._rank_figures: Optional[UncertaintyFigures] = None
        self._tile_ranks: Dict[Tuple[int, int], float] = {}

    def _open(self, shift: Tuple[float, float] = (0.0, 0.0)) -> None:
        request = self._request
        self._rasters = EvaluationRasters(request.names, request.bands, (shift[1], shift[0]), request.mask)
        self._area = self._rasters.area(request.extent, [*request.names])
        bands = self._rasters.sources["input"].layer_bands()
        chosen = [band for number in self._rasters.bands["input"] for band in bands if band.number == number]
        indices = tuple(possible_indices(chosen))
        self._names = preparation.names_of([*request.names])
        settings = EvaluationSettings(
            len(self._rasters.info),
            self._rasters.nested,
            bool(request.truth),
            psf=request.psf,
            indices=indices,
            span=self._rasters.span,
        )
        if not request.truth and settings.ratio < 1:
            # Says what is wrong before a cell's side is asked for, which needs the ratio.
            replace(settings, cell=1).checked()
        self._settings = settings.with_cell_near(request.cell).checked()

    def run(self) -> EvaluateResult:
        started = time.monotonic()
        request, cancelled = self._request, self._feedback.cancelled
        sample = preparation.take_sample(self._rasters, self._area, self._settings, self._session, cancelled)
        if request.register and "truth" in sample.shifts:
            sample = self._registered(sample)
        curves = preparation.matching_curves(sample) if request.match and request.truth else {}
        self._curves = curves
        pixels = preparation.matched_pixels(sample, curves)
        peak = request.peak or preparation.usual_peak(self._rasters, sample)
        self._settings = preparation.completed_settings(self._settings, pixels, peak)
        self._matching = preparation.matching_arrays(curves)
        self._announce()
        land_cover = self._trained_land_cover() if request.polygons else None
        self._stream()
        if self._uncertainty is not None:
            self._judge_uncertainty(self._uncertainty)
        matched = {name: tuple(float(v) for v in (pixels[name] - sample.pixels[name]).mean(axis=1)) for name in curves}
        areas = self._classified(land_cover) if land_cover else {}
        result = self._result(sample, matched, areas, time.monotonic() - started)
        self._write(result)
        return result

    def _registered(self, sample: preparation.Sample) -> preparation.Sample:
        shift = sample.shifts["truth"]
        self._spread = sample.spread["truth"]
        if not preparation.sensible_shift(shift, self._spread, self._settings.enlargement):
            self._shift = (0.0, 0.0)
            length = float(np.hypot(*shift))
            if length >= 1:
                why = "the parts of the scene disagree" if length < self._spread else "that is too far to be believed"
                self._feedback.warning(f"The truth seems to lie {length:.1f} pixels off, but {why}: it is not moved.")
            return sample
        sample, rest = self._moved_sample(shift), shift
        for _ in range(_REFINEMENTS):
            # Gaps, filled alike in both, hold back a shift; with the truth nearly in its place they hardly do.
            last, rest = rest, sample.shifts.get("truth", (0.0, 0.0))
            if not preparation.LEAST_SHIFT <= np.hypot(*rest) <= 0.8 * np.hypot(*last):
                break
            shift = (shift[0] + rest[0], shift[1] + rest[1])
            sample = self._moved_sample(shift)
        self._shift = shift
        self._feedback.message(
            f"The truth is moved by {shift[0]:+.2f} rows and {shift[1]:+.2f} columns of the result's pixels."
        )
        return sample

    def _moved_sample(self, shift: Tuple[float, float]) -> preparation.Sample:
        """A new sample with the truth moved."""
        self._open(shift)
        return preparation.take_sample(
            self._rasters, self._area, self._settings, self._session, self._feedback.cancelled
        )

    def _announce(self) -> None:
        tell, settings = self._feedback.message, self._settings
        tell(f"Judged by the {'truth' if settings.against_truth else 'input'}")
        tell(f"Bands: {', '.join(self._band_names())}")
        how = "as given" if self._request.peak else "found out"
        tell(f"Range of the values for PSNR and SSIM: {settings.peak:g} ({how})")
        for text in self._rasters.notes.values():
            tell(text)
        for text in self._rasters.warnings.values():
            self._feedback.warning(text)
        if not settings.ratio:
            self._feedback.warning(
                "The grids of input and result are not nested, so the consistency with the input is not told."
            )

    def _band_names(self) -> Tuple[str, ...]:
        return tuple(info.description or f"Band {info.number}" for info in self._rasters.info)

    def _cores(self) -> List[Window]:
        planes = self._settings.bands * len(self._rasters.sources)
        cells = max(1, int(_CELLS * min(1.0, math.sqrt(_MANY_BANDS / planes))))
        return tiles_of(self._area, self._settings.cell * cells)

    def _stream(self) -> None:
        session, cancelled = self._session, self._feedback.cancelled
        edge_settings = resolve_settings(self._rasters, self._area, EdgeSettings(), session, cancelled)
        halo = max(self._settings.halo, edge_settings.halo(self._rasters.ratio))
        halo = -(-halo // self._settings.unit) * self._settings.unit
        wire = self._settings.to_wire()
        readable = self._rasters.readable(self._area, self._settings.unit)

        def submit(core: Window) -> List[Future[TileResult]]:
            self._stop_if_cancelled()
            window, crop = expanded(core, halo, readable)
            arrays = self._rasters.read_all(window)
            measured = session.evaluate("measure", [*arrays, *self._matching], wire, crop)
            return [measured, session.edges(mean_planes(arrays), edge_settings, crop, ())]

        stream_tiles(self._cores(), session, self._feedback, submit, self._take)

    def _take(self, core: Window, measured: TileResult, compared: TileResult) -> None:
        for key, value in compared.statistics.items():
            name, _, counted = key.partition(".")
            if name in self._names:
                found = EdgeCounts.from_wire({counted: value})
                self._edges[name] = self._edges.get(name, EdgeCounts()) + found
        for item in measured.arrays:
            if item.name != "sums":
                name = item.name.partition("_")[2]
                self._histograms[name] = self._histograms.get(name, 0) + item.data
                continue
            side = self._settings.cell
            for row, column in np.ndindex(*item.data.shape[:2]):
                cell = Window(core.col + column * side, core.row + row * side, side, side).intersection(core)
                self._tiles.append((cell, item.data[row, column]))

    def _judge_uncertainty(self, plane: UncertaintyPlane) -> None:
        self._rank_figures, self._tile_ranks = judge_uncertainty(
            plane,
            self._rasters,
            self._area,
            self._settings,
            self._matching,
            self._session,
            self._feedback.cancelled,
        )

    def _trained_land_cover(self) -> LandCoverEvaluation:
        # Before the tiles: polygons that are of no use are told before the long part.
        self._feedback.message("Learning land cover")
        found = LandCoverEvaluation(
            self._rasters, self._area, self._cores(), self._request.polygons, self._settings, self._matching
        )
        found.train(self._session, self._feedback.cancelled)
        return found

    def _classified(self, land_cover: LandCoverEvaluation) -> Dict[str, LandCoverFigures]:
        self._feedback.message("Classifying land cover")
        return land_cover.classify(self._session, self._feedback.cancelled)

    def _stop_if_cancelled(self) -> None:
        if self._feedback.cancelled():
            raise Cancelled("The evaluation was cancelled.")

    def _result(
        self,
        sample: preparation.Sample,
        matched: Mapping[str, Tuple[float, ...]],
        land_cover: Mapping[str, LandCoverFigures],
        seconds: float,
    ) -> EvaluateResult:
        whole = np.sum([sums for _, sums in self._tiles], axis=0)
        with_truth = self._settings.against_truth
        edges = {name: edge_figures(counts, with_truth) for name, counts in self._edges.items()}
        figures = {}
        for number, name in enumerate(self._names):
            found = figures_of(whole[number], self._settings)
            more = _edge_overall(name, edges)
            if name in sample.shifts:
                more["shift"] = float(np.hypot(*sample.shifts[name]))
            figures[name] = replace(found, overall={**found.overall, **more})
        pixels = measure_names(self._settings).index("pixels")
        tiles = [self._tile(window, sums) for window, sums in self._tiles if sums[0, pixels] > 0]
        if not tiles:
            raise EmptyExtent(
                "No pixel of the input lies wholly where all rasters are valid and inside extent and mask.",
                "Take a wider mask or extent, or give a truth, by which finer pixels are judged.",
            )
        return EvaluateResult(
            figures=figures,
            ranking=ranking(figures),
            titles=self._request.plane_titles,
            bands=self._band_names(),
            edges=edges,
            tiles=tiles,
            grid=self._rasters.grid.cropped(self._area),
            settings=self._settings,
            truth_shift=self._shift,
            truth_spread=self._spread,
            matched=matched,
            land_cover=land_cover,
            histograms=self._histograms,
            seconds=seconds,
            corner=(self._area.col, self._area.row),
            uncertainty=self._rank_figures,
        )

    def _tile(self, window: Window, sums: np.ndarray) -> EvaluatedTile:
        place = window.shifted(-self._area.col, -self._area.row)
        figures = {name: figures_of(sums[number], self._settings) for number, name in enumerate(self._names)}
        key = (place.col // self._settings.cell, place.row // self._settings.cell)
        return EvaluatedTile(place, figures, self._tile_ranks.get(key, math.nan))

    def _write(self, result: EvaluateResult) -> None:
        # Imported here: pictures are needed by few runs.
        from sr_plugin.pipeline.evaluation_report import EvaluationPictures

        request, contents = self._request, {}
        if request.table:
            contents[request.table] = csv_bytes(result)
        if request.summary:
            contents[request.summary] = json_bytes(result)
        if request.report or request.figure:
            pictures = EvaluationPictures(self._rasters, self._area, result, self._curves)
            if request.report:
                contents[request.report] = pictures.html()
            if request.figure:
                contents[request.figure] = pictures.figure(self._session)
        self._stop_if_cancelled()
        write_files(contents)


def _edge_overall(name: str, edges: Mapping[str, EdgeFigures]) -> Dict[str, float]:
    """Sharpness and edge F1 of a candidate; those of bicubic stand beside any result."""
    of = next(iter(edges.values())) if name == BICUBIC else edges[name]
    sharpness, f1 = (of.sharpness_input, of.f1_input) if name == BICUBIC else (of.sharpness_result, of.f1)
    share = sharpness / of.sharpness_truth if of.sharpness_truth else math.nan
    return {"sharpness": sharpness, "sharpness_ratio": share, "edge_f1": f1}


def evaluate(
    request: EvaluateRequest,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[Callable[[], ModelSession]] = None,
) -> EvaluateResult:
    """Judge results by a truth, or, without one, by how well they agree with their input.

    Args:
        request: what to judge and what to write.
        feedback: progress, messages and cancel.
        open_session: where it is computed; a worker process unless given.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: naming what went wrong. Nothing then stands under the outputs' names.
    """
    feedback = feedback or SilentFeedback()
    if not request.results:
        raise ParameterError("There is no result to evaluate.", "Choose at least one super-resolved raster.")
    if request.uncertainty and not request.truth:
        raise ParameterError(
            "Without a truth an uncertainty cannot be judged.", "Give a truth, or leave the uncertainty out."
        )
    if request.cell < 1:
        raise ParameterError("The tile size must be positive.")
    if open_session is None:
        open_session = partial(comparing_session, request.figure, request.worker_python)

    with limited_block_cache(), open_session() as session:
        result = _Evaluation(request, feedback, session).run()
    for place, (name, _) in enumerate(result.ranking, start=1):
        overall = result.figures[name].overall
        told = f"PSNR {overall['psnr']:.2f} dB, SSIM {overall['ssim']:.4f}"
        feedback.message(f"{place}. {result.titles[name]}: {told}")
    if result.uncertainty:
        feedback.message(uncertainty_text(result.uncertainty, result.titles["result"]))
    return result
