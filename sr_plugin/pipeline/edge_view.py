"""Edges of the part of some rasters that is in view, for a live comparison.

All rasters are brought to the grid of the finest one over the extent, coarsened where it would hold too many pixels.
The truth has no say in it, so that one result has the figures that :mod:`sr_plugin.pipeline.compare_edges` gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

import numpy as np

from sr_plugin.core.edges import EdgeCounts, EdgeFigures, EdgeSettings, edge_figures
from sr_plugin.core.errors import Cancelled, EmptyExtent, ParameterError
from sr_plugin.core.grid import Extent, Grid, Window
from sr_plugin.core.session import ModelSession, TileResult
from sr_plugin.pipeline.edge_planes import EdgePlanes, resolve_settings
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.worker_session import WorkerSession

#: Most pixels of a view.
MOST_PIXELS = 1024 * 1024
#: Pixels by which two grids may miss each other and still count as one.
_SAME_PLACE = 0.02


@dataclass(frozen=True)
class EdgeViewRequest:
    """What a view compares.

    Attributes:
        layers: one to four GDAL dataset names, the reference first.
        extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the reference.
        settings: how edges are found; quantiles are resolved once on a sample of the whole reference, so that
            thresholds do not change with the view.
        truth: GDAL dataset name of the truth, or empty.
        band: band number of the reference, 0 for the luminance. Of the other rasters the band of the same name is
            taken, else the one of the same number.
        most_pixels: bound on the pixels of each array.
    """

    layers: Tuple[str, ...]
    extent: Extent
    settings: EdgeSettings = EdgeSettings()
    truth: str = ""
    band: int = 0
    most_pixels: int = MOST_PIXELS


@dataclass(frozen=True)
class LayerEdges:
    """One raster against the reference.

    Attributes:
        name: GDAL dataset name.
        edges: ``(h, w)`` bool.
        gradient: ``(h, w)`` float32, gradient after smoothing in data units per pixel of the grid, 0 without data.
        classes: ``(h, w)`` uint8, codes of :data:`~sr_plugin.core.edges.EDGE_CLASSES`, 0 where there is no edge,
            :data:`~sr_plugin.core.edges.NODATA_CODE` where a raster has no data; None for reference and truth.
        figures: of the raster against the reference; None for reference and truth.
        own_pixels: whether the grid has pixels of the size of the raster's own.
    """

    name: str
    edges: np.ndarray
    gradient: np.ndarray
    classes: Optional[np.ndarray] = None
    figures: Optional[EdgeFigures] = None
    own_pixels: bool = True


@dataclass(frozen=True)
class EdgeView:
    """Edges over one extent.

    Attributes:
        grid: where all arrays lie; it covers the extent as far as the rasters do.
        settings: with the absolute thresholds that were used.
        reference: edges of the first raster.
        compared: the other rasters, in the order of the request.
        truth: edges of the truth, or None.
    """

    grid: Grid
    settings: EdgeSettings
    reference: LayerEdges
    compared: Tuple[LayerEdges, ...]
    truth: Optional[LayerEdges] = None


def open_edge_session(preferred_python: str = "") -> ModelSession:
    """A worker process that can find edges; the caller closes it.

    Args:
        preferred_python: Python for the worker, empty to find one.

    Raises:
        RuntimeMissing: when no Python has what is needed.
        WorkerDied: when it cannot be started.
    """
    return WorkerSession(find_worker_python("edges", preferred_python or None).path)


def _names(request: EdgeViewRequest) -> Dict[str, str]:
    """Dataset names by plane; the second raster is ``result``, the third ``result2`` and so on."""
    if not request.layers:
        raise ParameterError("There is no raster to show edges of.", "Choose a raster layer.")
    names = {"input": request.layers[0]}
    for number, name in enumerate(request.layers[1:], start=1):
        names["result" if number == 1 else f"result{number}"] = name
    if request.truth:
        names["truth"] = request.truth
    return names


def _fine_grid(planes: EdgePlanes) -> Grid:
    """The grid of the finest compared raster; where it refines that of the reference, the reference's grid refined."""
    reference = planes.placed["input"]
    compared = [grid for plane, grid in planes.placed.items() if plane != "truth"]
    finest = min(compared, key=lambda grid: grid.pixel_size[0] * grid.pixel_size[1])
    ratio = max(1, round(reference.pixel_size[0] / finest.pixel_size[0]))
    refined = reference.refined(ratio)
    column, row = refined.to_pixel(*finest.to_map(0, 0))
    off = max(abs(column - round(column)), abs(row - round(row)))
    drift = abs(refined.pixel_size[0] / finest.pixel_size[0] - 1) * max(refined.width, refined.height)
    return refined if off < _SAME_PLACE and drift < _SAME_PLACE else finest


def _view_grid(fine: Grid, extent: Extent, most_pixels: int, ratio: int) -> Grid:
    """The fine grid over the extent, with pixels as many times larger as the bound asks for.

    Raises:
        EmptyExtent: when the extent lies outside the grid.
    """
    window = fine.window_of_extent(extent)
    if window.empty:
        raise EmptyExtent("The view does not show the reference.", "Zoom to the reference layer.")
    left, top = window.col // ratio * ratio, window.row // ratio * ratio
    right, bottom = -(-window.right // ratio) * ratio, -(-window.bottom // ratio) * ratio
    factor = max(1, math.ceil(math.sqrt((right - left) * (bottom - top) / max(1, most_pixels))))
    x0, y0 = fine.to_map(left, top)
    _, a, b, _, d, e = fine.geotransform
    size = (max(1, (right - left) // factor), max(1, (bottom - top) // factor))
    return Grid(*size, (x0, a * factor, b * factor, y0, d * factor, e * factor), fine.wkt)


class EdgeViewer:
    """Computes views; remembers resolved thresholds between them. One object serves one thread at a time.

    Args:
        session: where edges are computed; stays the caller's.
    """

    def __init__(self, session: ModelSession) -> None:
        self._session = session
        self._resolved: Dict[Tuple[object, ...], EdgeSettings] = {}

    def view(self, request: EdgeViewRequest, cancelled: Callable[[], bool] = lambda: False) -> EdgeView:
        """Edges over an extent. Blocks; call it from a thread of your own.

        Args:
            request: what to compare.
            cancelled: asked between steps, so that a stale view can be dropped. The session stays usable.

        Raises:
            Cancelled: when ``cancelled`` said so.
            EmptyExtent: when the extent does not overlap the reference.
            ParameterError: when the rasters cannot be brought to one grid, or the settings cannot be used.
            SuperResolutionError: when a raster cannot be read or the worker fails.
        """
        request.settings.checked()
        names = _names(request)

        def grid(planes: EdgePlanes) -> Grid:
            fine, reference = _fine_grid(planes), planes.placed["input"]
            ratio = max(1, round(reference.pixel_size[0] / fine.pixel_size[0]))
            return _view_grid(fine, request.extent, request.most_pixels, ratio)

        planes = EdgePlanes(names, request.band, grid)
        window = planes.grid.window
        unit = planes.ratio
        window = Window(0, 0, window.width // unit * unit, window.height // unit * unit)
        if window.empty:
            raise EmptyExtent("The view is smaller than a pixel of the reference.", "Zoom out.")
        settings = self._settings(request, planes, cancelled)
        arrays = planes.read(window)
        _stop_if(cancelled)
        outputs = [f"{kind}_{plane}" for plane in names for kind in ("edges", "gradient", "classes")]
        result = self._session.edges(arrays, settings, window, outputs).result()
        _stop_if(cancelled)
        return _assembled(names, planes, window, settings, result)

    def _settings(self, request: EdgeViewRequest, planes: EdgePlanes, cancelled: Callable[[], bool]) -> EdgeSettings:
        """Absolute thresholds, remembered as long as reference, band, settings and pixel size stay the same."""
        if not request.settings.quantiles:
            return request.settings
        reference = planes.sources["input"]
        pixel = tuple(round(side / reference.grid.pixel_size[0], 6) for side in planes.grid.pixel_size)
        key = (request.layers[0], reference.identity(planes.bands["input"]).files, request.band, pixel)
        key += (request.settings,)
        if key not in self._resolved:
            whole = EdgePlanes({"input": request.layers[0]}, request.band, lambda p: _like(p, planes.grid))
            area = whole.area(None, ["input"])
            self._resolved[key] = resolve_settings(whole, area, request.settings, self._session)
            _stop_if(cancelled)
        return self._resolved[key]


def _like(planes: EdgePlanes, view: Grid) -> Grid:
    """The whole reference with the pixels of the view."""
    reference = planes.placed["input"]
    across, down = (r / v for r, v in zip(reference.pixel_size, view.pixel_size))
    x0, a, b, y0, d, e = reference.geotransform
    size = (max(1, int(reference.width * across)), max(1, int(reference.height * down)))
    return Grid(*size, (x0, a / across, b / down, y0, d / across, e / down), reference.wkt)


def _same_size(one: Grid, other: Grid) -> bool:
    return all(abs(a / b - 1) < _SAME_PLACE for a, b in zip(one.pixel_size, other.pixel_size))


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("The view was replaced by a newer one.")


def _assembled(
    names: Dict[str, str], planes: EdgePlanes, window: Window, settings: EdgeSettings, result: TileResult
) -> EdgeView:
    grid = planes.grid.cropped(window)
    arrays = {item.name: item.data for item in result.arrays}
    layers: Dict[str, LayerEdges] = {}
    for plane, name in names.items():
        figures = None
        if plane.startswith("result"):
            head = f"{plane}."
            counts = {key[len(head) :]: value for key, value in result.statistics.items() if key.startswith(head)}
            figures = edge_figures(EdgeCounts.from_wire(counts), "truth" in names)
        edges, gradient = arrays[f"edges_{plane}"] == 1, arrays[f"gradient_{plane}"]
        own = _same_size(planes.placed[plane], grid)
        layers[plane] = LayerEdges(name, edges, gradient, arrays.get(f"classes_{plane}"), figures, own)
    compared = tuple(layer for plane, layer in layers.items() if plane.startswith("result"))
    return EdgeView(grid, settings, layers["input"], compared, layers.get("truth"))
