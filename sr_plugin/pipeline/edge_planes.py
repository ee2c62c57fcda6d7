"""Several rasters as planes on one fine grid, ready to be sent to where edges are found."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from itertools import chain
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from osgeo import osr

from sr_plugin.core.edges import HYSTERESIS_REACH, EdgeSettings
from sr_plugin.core.errors import Cancelled, EmptyExtent, ParameterError
from sr_plugin.core.grid import Extent, Grid, Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession, TileResult
from sr_plugin.pipeline.edge_bands import reference_bands, same_bands
from sr_plugin.pipeline.threads import POLL_SECONDS
from sr_plugin.raster.plane import PlaneReader
from sr_plugin.raster.source import RasterSource

#: Thresholds are resolved on at most this many windows along an axis, of this side in pixels of the fine grid, and of
#: smaller ones where many pixels of the input make one.
_SAMPLE_WINDOWS, _SAMPLE_SIDE, _LEAST_SIDE = 4, 384, 64
Affine = Tuple[float, float]


def _same_crs(one: str, other: str) -> bool:
    if one == other:
        return True
    first, second = osr.SpatialReference(), osr.SpatialReference()
    for reference, wkt in ((first, one), (second, other)):
        if not wkt or reference.ImportFromWkt(wkt) != 0:
            return False
        # The order of axes says nothing about where pixels lie.
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return bool(first.IsSame(second))


def placed_grid(source: RasterSource, finest: RasterSource) -> Grid:
    """Where a raster lies on the ground of another one.

    Two rasters without georeferencing cover the same ground, so the coarser one has the larger pixels. Their place is
    that in which QGIS shows them: rows count downwards from 0.

    Raises:
        ParameterError: when one cannot be placed: other CRS, or georeferenced while the other one is not.
    """
    if source.georeferenced != finest.georeferenced:
        without = finest if source.georeferenced else source
        raise ParameterError(
            f"The raster '{without.name}' is not georeferenced, but one it is compared with is.",
            "Give it a place first, for example with the Georeferencer.",
        )
    if source.georeferenced:
        if not _same_crs(source.grid.wkt, finest.grid.wkt):
            raise ParameterError(
                f"The rasters '{source.name}' and '{finest.name}' have different coordinate reference systems.",
                "Warp one of them into the CRS of the other first.",
            )
        return source.grid
    across, down = finest.grid.width / source.grid.width, finest.grid.height / source.grid.height
    return Grid(source.grid.width, source.grid.height, (0.0, across, 0.0, 0.0, 0.0, -down))


def _units(source: RasterSource, bands: Sequence[int], reference: RasterSource, same: Sequence[int]) -> List[Affine]:
    """Factor and addend that bring each band into the units of the reference's, by the scales that the files tell."""
    found = []
    for info, other in zip(source.bands(bands), reference.bands(same)):
        scale, unit = info.scale or 1.0, other.scale or 1.0
        found.append((scale / unit, ((info.offset or 0.0) - (other.offset or 0.0)) / unit))
    return found


class EdgePlanes:
    """Opened rasters on one fine grid. One object serves one thread.

    Args:
        names: GDAL dataset names by plane: ``input``, and any of ``result``, ``result2``, ..., ``truth``.
        band: band number of the input, 0 for the luminance.
        grid: the fine grid, made from the opened rasters; the finest raster's own one unless given.

    Attributes:
        sources: the rasters by plane.
        bands: their band numbers by plane.
        grid: the fine grid.
        ratio: how many fine pixels a pixel of the input spans, 1 where it is resampled here.
        reduction: how many pixels of the input are averaged for a fine pixel along a side, at least 1.

    Raises:
        SuperResolutionError: when a raster cannot be opened, lacks a band or cannot be placed.
    """

    def __init__(self, names: Dict[str, str], band: int, grid: Optional[Callable[[EdgePlanes], Grid]] = None) -> None:
        self.sources = {plane: RasterSource(name) for plane, name in names.items()}
        reference = self.sources["input"]
        self.bands = self._same_bands(reference_bands(reference, band))
        anchor = self.sources.get("result", reference)
        self.placed = {plane: placed_grid(source, anchor) for plane, source in self.sources.items()}
        self.grid = grid(self) if grid else self.placed["result" if "result" in names else "input"]
        self._readers = {plane: self._reader(plane) for plane in names}
        self.ratio = max(1, self._readers["input"].ratio)
        self.reduction = self._readers["input"].reduction

    def _same_bands(self, chosen: Tuple[int, ...]) -> Dict[str, Tuple[int, ...]]:
        """Bands of every raster that show what the chosen ones of the input show."""
        reference = self.sources["input"]
        return {
            plane: chosen if source.name == reference.name else same_bands(reference, chosen, source)
            for plane, source in self.sources.items()
        }

    def _units(self, plane: str) -> List[Affine]:
        """Factor and addend for each band of a raster."""
        return _units(self.sources[plane], self.bands[plane], self.sources["input"], self.bands["input"])

    def _reader(self, plane: str) -> PlaneReader:
        bands, units = self.bands[plane], self._units(plane)
        reader = PlaneReader(self.sources[plane], bands, self.grid, self.placed[plane], units)
        if reader.ratio > 1 and plane != "input":
            # Only the input travels at its own resolution.
            reader.ratio = 0
        return reader

    def cover(self, planes: Sequence[str]) -> Window:
        """Fine pixels that the given planes cover together, in whole pixels of the input; may be empty.

        Raises:
            EmptyExtent: when one of them does not overlap the others.
        """
        return self._whole_pixels(self._covered(planes))

    def area(self, extent: Optional[Extent], planes: Sequence[str]) -> Window:
        """Fine pixels that the given planes cover together inside an extent, in whole pixels of the input.

        Raises:
            EmptyExtent: when there are none.
        """
        window = self._covered(planes)
        if extent is not None:
            window = window.intersection(self.grid.window_of_extent(extent))
        window = self._whole_pixels(window)
        if window.empty:
            raise EmptyExtent("The extent holds no pixel that all rasters have.")
        return window

    def _covered(self, planes: Sequence[str]) -> Window:
        window = self.grid.window
        for plane in planes:
            covered = window.intersection(self._readers[plane].covered)
            if covered.empty:
                raise EmptyExtent(
                    f"The raster '{self.sources[plane].name}' does not overlap the others.",
                    "Compare rasters of the same place.",
                )
            window = covered
        return window

    def _whole_pixels(self, window: Window) -> Window:
        """What a window holds of whole pixels of the input."""
        unit = self.ratio
        left, top = -(-window.col // unit) * unit, -(-window.row // unit) * unit
        right, bottom = window.right // unit * unit, window.bottom // unit * unit
        return Window(left, top, right - left, bottom - top)

    def read(self, window: Window, planes: Optional[Sequence[str]] = None) -> List[NamedArray]:
        """The planes of a window (multiples of :attr:`ratio`) in the form that a session takes.

        Raises:
            SourceUnreadable: when pixels cannot be read.
        """
        arrays = []
        for plane in planes or self._readers:
            reader = self._readers[plane]
            pixels, valid = reader.read(window)
            arrays.append(NamedArray(plane, pixels, float(max(1, reader.ratio))))
            if not valid.all():
                arrays.append(NamedArray(f"valid_{plane}", valid.astype(np.uint8), float(max(1, reader.ratio))))
        return arrays

    def read_bands(self, plane: str, window: Window) -> Tuple[np.ndarray, np.ndarray, int]:
        """The bands behind a plane, ``(bands, h, w)``, where they are valid, and how much coarser they are."""
        reader = self._readers[plane]
        return (*reader.read_bands(window), max(1, reader.ratio))


def expanded(core: Window, halo: int, area: Window) -> Tuple[Window, Window]:
    """A window with its halo inside what may be read, and where the core lies in it."""
    window = core.expanded(halo).intersection(area)
    return window, core.shifted(-window.col, -window.row)


def wait(future: Future[Any], session: ModelSession, cancelled: Callable[[], bool]) -> TileResult:
    """The result of a future; ends the session when the user cancels.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: what the session says.
    """
    while True:
        try:
            return future.result(timeout=POLL_SECONDS)
        except FutureTimeout:
            if cancelled():
                session.kill()
                raise Cancelled("The comparison was cancelled.") from None


def sample_windows(area: Window, unit: int, reduction: float) -> List[Window]:
    """Windows spread evenly over the area, or the whole area where it is small."""
    side = max(_LEAST_SIDE, int(_SAMPLE_SIDE / reduction)) // unit * unit or unit
    across, down = (max(1, min(_SAMPLE_WINDOWS, length // side)) for length in (area.width, area.height))
    width, height = min(side, area.width), min(side, area.height)
    columns = [int((area.width - width) * (2 * i + 1) / (2 * across)) // unit * unit for i in range(across)]
    rows = [int((area.height - height) * (2 * i + 1) / (2 * down)) // unit * unit for i in range(down)]
    return [Window(area.col + col, area.row + row, width, height) for row in rows for col in columns]


def other_windows(area: Window, unit: int, reduction: float) -> Iterator[Window]:
    """All of the area in windows like those of :func:`sample_windows`, spread over it in an order that never changes.

    For areas of which the sample saw only gaps; none where it saw the whole area.
    """
    sampled = sample_windows(area, unit, reduction)
    if sum(window.width * window.height for window in sampled) >= area.width * area.height:
        return
    first = sampled[0]
    width, height = (max(unit, side // unit * unit) for side in (first.width, first.height))
    places = [(row, col) for row in range(0, area.height, height) for col in range(0, area.width, width)]
    for place in np.random.default_rng(0).permutation(len(places)):
        row, col = places[place]
        yield Window(area.col + col, area.row + row, width, height).intersection(area)


def resolve_settings(
    planes: EdgePlanes,
    area: Window,
    settings: EdgeSettings,
    session: ModelSession,
    cancelled: Callable[[], bool] = lambda: False,
) -> EdgeSettings:
    """The settings with absolute thresholds, from the gradients of the enlarged input in a bounded sample.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: when the input cannot be read or the worker fails.
    """
    if not settings.quantiles:
        return settings
    # Gradients need no room for hysteresis.
    halo = settings.halo(planes.ratio) - HYSTERESIS_REACH // planes.ratio * planes.ratio
    gradients, largest = [], 0.0
    sampled = sample_windows(area, planes.ratio, planes.reduction)
    for number, core in enumerate(chain(sampled, other_windows(area, planes.ratio, planes.reduction))):
        if number >= len(sampled) and sum(found.size for found in gradients):
            break
        window, crop = expanded(core, halo, area)
        outputs = ("gradient_input", "valid_input", "enlarged_input")
        result = wait(session.edges(planes.read(window, ["input"]), settings, crop, outputs), session, cancelled)
        arrays = {item.name: item.data for item in result.arrays}
        gradients.append(arrays["gradient_input"][arrays["valid_input"].astype(bool)])
        largest = max(largest, float(np.abs(arrays["enlarged_input"]).max()))
    return settings.resolved(np.concatenate(gradients), largest)
