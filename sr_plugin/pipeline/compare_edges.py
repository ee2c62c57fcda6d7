"""Flow 3 for whole rasters: edges of a result against those of its input, tile by tile."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

from sr_plugin.core.edge_report import NEW_EDGES_NOTE, settings_rows, table_rows
from sr_plugin.core.edges import EdgeCounts, EdgeFigures, EdgeSettings, edge_figures, figure_rows
from sr_plugin.core.errors import Cancelled, ParameterError
from sr_plugin.core.grid import Extent, Window
from sr_plugin.core.session import ModelSession, TileResult
from sr_plugin.pipeline.edge_outputs import BusiestPart, EdgeRasters, check_outputs, write_file
from sr_plugin.pipeline.edge_panels import SIDE, EdgePanels
from sr_plugin.pipeline.edge_planes import EdgePlanes, expanded, resolve_settings
from sr_plugin.pipeline.request import RunFeedback, SilentFeedback
from sr_plugin.pipeline.tile_stream import comparing_session, stream_tiles, tiles_of
from sr_plugin.raster.block_cache import limited_block_cache

#: Side of a tile's core in pixels of the fine grid.
TILE = 1024
_EXAMPLE = "A part of the scene; the figures are of all that was compared."


@dataclass(frozen=True)
class CompareEdgesRequest:
    """One comparison.

    Attributes:
        input: GDAL dataset name of the raster that went into the model.
        result: GDAL dataset name of what came out; its grid is that of the comparison.
        truth: GDAL dataset name of a raster of finer resolution over the same ground, or empty.
        band: band number of the input, 0 for the luminance. Of the other rasters the band of the same name is taken,
            else the one of the same number.
        settings: how edges are found.
        extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the result, or None for all that input and result share.
        edges_input, edges_result, classes: paths of GeoTIFFs to write, empty for none.
        report: path of a web page, or empty.
        figure: path of a PNG picture, or empty.
        titles: names of input, result and truth for the report, or empty for their file names.
        tile: side of a tile's core in pixels of the result.
        worker_python: Python for the worker, empty to find one.
    """

    input: str
    result: str
    truth: str = ""
    band: int = 0
    settings: EdgeSettings = EdgeSettings()
    extent: Optional[Extent] = None
    edges_input: str = ""
    edges_result: str = ""
    classes: str = ""
    report: str = ""
    figure: str = ""
    titles: Tuple[str, ...] = ()
    tile: int = TILE
    worker_python: str = ""

    @property
    def names(self) -> Dict[str, str]:
        """Dataset names by plane."""
        names = {"input": self.input, "result": self.result}
        return {**names, "truth": self.truth} if self.truth else names

    @property
    def rasters(self) -> Dict[str, str]:
        """Paths of the wanted rasters by the name of their array."""
        paths = {"edges_input": self.edges_input, "edges_result": self.edges_result, "classes_result": self.classes}
        return {name: path for name, path in paths.items() if path}

    @property
    def files(self) -> Dict[str, str]:
        """Paths of the wanted report and figure."""
        return {name: path for name, path in (("report", self.report), ("figure", self.figure)) if path}


@dataclass(frozen=True)
class CompareEdgesResult:
    """What a comparison gives.

    Attributes:
        counts: sums over all tiles.
        figures: made of them.
        settings: with the absolute thresholds that were used.
        bands: band numbers by plane.
        width, height: size of the compared part in pixels of the result.
        ratio: pixels of the result per pixel of the input along a side; 1 where the input was resampled to the grid.
        tiles: number of tiles.
        seconds: wall time.
    """

    counts: EdgeCounts
    figures: EdgeFigures
    settings: EdgeSettings
    bands: Dict[str, Tuple[int, ...]]
    width: int
    height: int
    ratio: int
    tiles: int
    seconds: float

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable record; None in place of NaN."""
        return {**asdict(self), "figures": self.figures.to_record()}


class _Comparison:
    """One comparison while it runs."""

    def __init__(self, request: CompareEdgesRequest, feedback: RunFeedback) -> None:
        self._request, self._feedback = request, feedback
        self._planes = EdgePlanes(request.names, request.band)
        files = [path for source in self._planes.sources.values() for path in source.files]
        check_outputs(request.rasters, request.files, files)
        self._area = self._planes.area(request.extent, [*request.names])
        unit = self._planes.ratio
        side = max(unit, request.tile // unit * unit)
        self._tiles = tiles_of(self._area, side)
        self._side = side
        self._busiest = BusiestPart(max(unit, SIDE // unit * unit), unit)
        self._counts = EdgeCounts()

    def run(self, session: ModelSession) -> CompareEdgesResult:
        started = time.monotonic()
        request, planes = self._request, self._planes
        settings = resolve_settings(planes, self._area, request.settings, session, self._feedback.cancelled)
        self._announce(settings)
        grid = planes.grid.cropped(self._area)
        rasters = EdgeRasters(request.rasters, grid, planes.sources["result"].georeferenced, settings, self._side)
        try:
            self._stream(session, settings, rasters)
            figures = edge_figures(self._counts, bool(request.truth))
            files = self._report(session, settings, figures)
            self._stop_if_cancelled()
            rasters.finish(self._feedback.cancelled)
        finally:
            rasters.discard()
        for path, data in files.items():
            write_file(path, data)
        seconds = time.monotonic() - started
        size = (self._area.width, self._area.height)
        return CompareEdgesResult(
            self._counts, figures, settings, dict(planes.bands), *size, planes.ratio, len(self._tiles), seconds
        )

    def _announce(self, settings: EdgeSettings) -> None:
        planes, tell = self._planes, self._feedback.message
        for plane, bands in planes.bands.items():
            what = "the luminance of bands {}, {}, {}" if len(bands) == 3 else "band {}"
            tell(f"Compared of the {plane}: {what.format(*bands)}")
        how = f"enlarged {planes.ratio} times by bicubic" if planes.ratio > 1 else "brought to the grid of the result"
        if planes.grid.pixel_size != planes.placed["input"].pixel_size:
            tell(f"Input: {how}")
        for label, text in settings_rows(settings, ()):
            tell(f"{label}: {text}")

    def _stop_if_cancelled(self) -> None:
        if self._feedback.cancelled():
            raise Cancelled("The comparison was cancelled.")

    def _stream(self, session: ModelSession, settings: EdgeSettings, rasters: EdgeRasters) -> None:
        halo = settings.halo(self._planes.ratio)
        outputs = sorted({*rasters.names, "classes_result"})

        def submit(core: Window) -> List[Future[TileResult]]:
            self._stop_if_cancelled()
            window, crop = expanded(core, halo, self._area)
            return [session.edges(self._planes.read(window), settings, crop, outputs)]

        stream_tiles(self._tiles, session, self._feedback, submit, partial(self._take, rasters))

    def _take(self, rasters: EdgeRasters, core: Window, result: TileResult) -> None:
        arrays = {item.name: item.data for item in result.arrays}
        rasters.write(arrays, core.shifted(-self._area.col, -self._area.row))
        counts = {key.partition(".")[2]: value for key, value in result.statistics.items()}
        self._counts = self._counts + EdgeCounts.from_wire(counts)
        self._busiest.add(arrays["classes_result"], core)

    def _report(self, session: ModelSession, settings: EdgeSettings, figures: EdgeFigures) -> Dict[str, bytes]:
        """Contents of report and figure by path."""
        request = self._request
        window = self._busiest.window
        if not request.files or window is None:
            return {}
        panels = EdgePanels(self._planes, self._area, window, settings, session)
        table = table_rows(figures, bool(request.truth))
        files: Dict[str, bytes] = {}
        if request.report:
            facts = settings_rows(settings, self._facts())
            facts.append(("Pictures", f"{window.width} x {window.height} pixels with many edges. {_EXAMPLE}"))
            files[request.report] = panels.html("Comparison of edges", table, facts)
        if request.figure:
            names = ". ".join(f"{label}: {text}" for label, text in self._facts())
            note = f"{names}. {_EXAMPLE} {NEW_EDGES_NOTE}"
            files[request.figure] = panels.figure(session, "", table, note)
        return files

    def _facts(self) -> List[Tuple[str, str]]:
        names = self._request.names
        titles = self._request.titles or tuple(os.path.basename(name) or name for name in names.values())
        return [(plane.capitalize(), title) for plane, title in zip(names, titles)]


def compare_edges(
    request: CompareEdgesRequest,
    feedback: Optional[RunFeedback] = None,
    open_session: Optional[Callable[[], ModelSession]] = None,
) -> CompareEdgesResult:
    """Compare the edges of a result with those of its input, and with the truth where there is one.

    Args:
        request: what to compare and what to write.
        feedback: progress, messages and cancel.
        open_session: where edges are found; a worker process unless given.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: naming what went wrong. Nothing then stands under the outputs' names.
    """
    feedback = feedback or SilentFeedback()
    request = replace(request, settings=request.settings.checked())
    if request.tile < 1:
        raise ParameterError("The tile size must be positive.")
    comparison = _Comparison(request, feedback)
    if open_session is None:
        open_session = partial(comparing_session, request.figure, request.worker_python)

    with limited_block_cache(), open_session() as session:
        result = comparison.run(session)
    for label, *values in figure_rows(result.figures):
        told = ", ".join(f"{name} {value}" for name, value in zip(("input", "result", "truth"), values) if value)
        feedback.message(f"{label}: {told}")
    return result
