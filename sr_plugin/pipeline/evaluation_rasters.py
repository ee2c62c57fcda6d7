"""Input, results and truth of an evaluation on one fine grid, in physical units."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import BandError, EmptyExtent
from sr_plugin.core.grid import Extent, Grid, Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.pipeline.edge_bands import same_bands
from sr_plugin.pipeline.edge_planes import Affine, EdgePlanes
from sr_plugin.raster.plane import PlaneReader
from sr_plugin.raster.polygon_mask import PolygonMask
from sr_plugin.raster.source import RasterSource


def result_name(number: int) -> str:
    """Name of a result by its place from 0: ``result``, ``result2``, ``result3`` ..."""
    return "result" if number == 0 else f"result{number + 1}"


def common_bands(reference: RasterSource, others: Sequence[RasterSource]) -> Tuple[int, ...]:
    """Bands of the reference that all the others have, too.

    Raises:
        BandError: when there is none.
    """
    every = tuple(band.number for band in reference.layer_bands())
    if _all_have(reference, every, others):
        return every
    found = tuple(band for band in every if _all_have(reference, (band,), others))
    if not found:
        raise BandError(
            f"The rasters have no band in common with '{reference.name}'.", "Choose the bands to evaluate by number."
        )
    return found


def _all_have(reference: RasterSource, bands: Tuple[int, ...], others: Sequence[RasterSource]) -> bool:
    try:
        return all(len(set(same_bands(reference, bands, other))) == len(bands) for other in others)
    except BandError:
        return False


def _finest(planes: EdgePlanes) -> Grid:
    """The grid of the result with the smallest pixels."""
    results = [grid for plane, grid in planes.placed.items() if plane.startswith("result")]
    return min(results, key=lambda grid: grid.pixel_size[0] * grid.pixel_size[1])


class EvaluationRasters(EdgePlanes):
    """Opened rasters on the grid of the finest result. One object serves one thread.

    As a plane for edges it gives the mean of the bands.

    Args:
        names: GDAL dataset names: ``input``, ``result``, ``result2``, ..., and ``truth`` where there is one.
        bands: band numbers of the input; empty for all that every raster has.
        truth_shift: columns and rows of the fine grid by which the truth is moved.
        mask: polygons as WKB in the CRS of the first result; what lies outside does not count. None for no mask.

    Attributes:
        nested: pixels of the fine grid per pixel of the input along a side; 0 where the grids are not nested.
        span: the same whether they are nested or not.
        info: facts about the chosen bands of the input.
        mask: the mask, or None.

    Raises:
        SuperResolutionError: when a raster cannot be opened, lacks a band or cannot be placed.
    """

    def __init__(
        self,
        names: Dict[str, str],
        bands: Sequence[int] = (),
        truth_shift: Tuple[float, float] = (0.0, 0.0),
        mask: Sequence[bytes] = (),
    ) -> None:
        self._wanted, self._truth_shift = tuple(bands), truth_shift
        super().__init__(names, bands[0] if bands else 0, _finest)
        self.nested = self._readers["input"].ratio
        self.span = self._readers["input"].span
        self.info = self.sources["input"].bands(self.bands["input"])
        self.mask = PolygonMask(mask) if mask else None

    def _same_bands(self, chosen: Tuple[int, ...]) -> Dict[str, Tuple[int, ...]]:
        reference = self.sources["input"]
        others = [source for source in self.sources.values() if source.name != reference.name]
        wanted = self._wanted or common_bands(reference, others)
        reference.bands(wanted)
        return super()._same_bands(wanted)

    def _units(self, plane: str) -> List[Affine]:
        """To physical units; a raster that tells no scale is taken to have that of the input."""
        own = self.sources[plane].bands(self.bands[plane])
        given = self.sources["input"].bands(self.bands["input"])
        told = [info if info.scale is not None or info.offset is not None else other for info, other in zip(own, given)]
        return [(info.scale or 1.0, info.offset or 0.0) for info in told]

    def _reader(self, plane: str) -> PlaneReader:
        if plane == "truth" and any(self._truth_shift):
            placed = self.placed[plane]
            start, moved = self.grid.to_map(0, 0), self.grid.to_map(*self._truth_shift)
            x0, a, b, y0, d, e = placed.geotransform
            transform = (x0 + moved[0] - start[0], a, b, y0 + moved[1] - start[1], d, e)
            self.placed[plane] = Grid(placed.width, placed.height, transform, placed.wkt)
        return super()._reader(plane)

    def area(self, extent: Optional[Extent], planes: Sequence[str]) -> Window:
        """Fine pixels that the given planes cover together inside extent and mask, in whole pixels of the input.

        Raises:
            EmptyExtent: when there are none.
        """
        area = super().area(extent, planes)
        if self.mask is None:
            return area
        touched = self.grid.window_of_extent(self.mask.extent())
        unit = self.ratio
        left, top = touched.col // unit * unit, touched.row // unit * unit
        right, bottom = -(-touched.right // unit) * unit, -(-touched.bottom // unit) * unit
        found = area.intersection(Window(left, top, right - left, bottom - top))
        if touched.empty or found.empty:
            raise EmptyExtent("The mask holds no pixel that all rasters have.", "Choose polygons of the same place.")
        return found

    def readable(self, area: Window, unit: int) -> Window:
        """What may be read around an area: what all rasters cover, so that an extent is no rim to a filter.

        It begins a multiple of ``unit`` (one of :attr:`ratio`) before the area, as filters that halve pixels ask for.
        """
        cover = self.cover([*self.sources])
        left, top = ((at - first) // unit * unit for at, first in ((area.col, cover.col), (area.row, cover.row)))
        right, bottom = max(area.right, cover.right), max(area.bottom, cover.bottom)
        return Window(area.col - left, area.row - top, right - area.col + left, bottom - area.row + top)

    @property
    def shown(self) -> Tuple[int, ...]:
        """Positions of the bands that a picture shows as red, green and blue, or of the one that it shows in grey."""
        from sr_plugin.pipeline.edge_bands import reference_bands

        places = {number: place for place, number in enumerate(self.bands["input"])}
        wanted = reference_bands(self.sources["input"], 0)
        if all(number in places for number in wanted):
            return tuple(places[number] for number in wanted)
        return tuple(range(3)) if len(places) >= 3 else (0,)

    def read_all(self, window: Window, planes: Optional[Sequence[str]] = None) -> List[NamedArray]:
        """All bands over a window in the form that a session takes.

        Raises:
            SourceUnreadable: when pixels cannot be read.
        """
        arrays = []
        for plane in planes or self._readers:
            pixels, valid, ratio = self.read_bands(plane, window)
            if self.mask is not None and plane == "result":
                valid &= self.mask.inside(self.grid.cropped(window))
            arrays.append(NamedArray(plane, pixels, float(ratio)))
            if not valid.all():
                arrays.append(NamedArray(f"valid_{plane}", valid.astype(np.uint8), float(ratio)))
        return arrays

    def read(self, window: Window, planes: Optional[Sequence[str]] = None) -> List[NamedArray]:
        """The mean of the bands over a window."""
        return mean_planes(self.read_all(window, planes))


def mean_planes(arrays: Sequence[NamedArray]) -> List[NamedArray]:
    """The mean of the bands of each raster; masks as they are."""
    return [
        NamedArray(item.name, item.data.mean(axis=0, dtype=np.float32), item.ratio) if item.data.ndim == 3 else item
        for item in arrays
    ]
