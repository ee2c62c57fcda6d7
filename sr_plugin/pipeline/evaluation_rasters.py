"""Input, results and truth of an evaluation on one fine grid, in physical units."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import BandError, EmptyExtent, SourceUnreadable
from sr_plugin.core.grid import Extent, Grid, Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.pipeline.edge_bands import same_bands
from sr_plugin.pipeline.edge_planes import Affine, EdgePlanes
from sr_plugin.raster.plane import PlaneReader
from sr_plugin.raster.polygon_mask import PolygonMask
from sr_plugin.raster.source import RasterSource

#: Pixels along a side of what a median is taken of.
_LOOKED_AT = 256


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
        units: factor and addend of each band, by plane.
        notes, warnings: what was assumed of rasters, by plane, and what may be assumed wrongly.

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
        self.units: Dict[str, List[Affine]] = {}
        self.notes: Dict[str, str] = {}
        self.warnings: Dict[str, str] = {}
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
        self.units[plane] = self._assumed_units(plane)
        return self.units[plane]

    def _assumed_units(self, plane: str) -> List[Affine]:
        """To physical units; a raster that tells no scale is taken to have that of the input, unless values differ."""
        source = self.sources[plane]
        own = source.bands(self.bands[plane])
        given = self.sources["input"].bands(self.bands["input"])
        found = [(info.scale or 1.0, info.offset or 0.0) for info in own]
        silent = [info.scale is None and info.offset is None for info in own]
        wanted = [(info.scale or 1.0, info.offset or 0.0) for info in given]
        if plane == "input" or not any(quiet and units != (1.0, 0.0) for quiet, units in zip(silent, wanted)):
            return found
        units = [other if quiet else mine for quiet, other, mine in zip(silent, wanted, found)]
        mixed = any("float" in info.pixel_type and "float" not in other.pixel_type for info, other in zip(own, given))
        if mixed and self._nearer_as_they_are(plane, units, wanted):
            self.warnings[plane] = (
                f"'{source.name}' tells no scale; its values are taken for physical ones, not for those of the "
                "input's scale, because that fits the input better."
            )
            return found
        scale, offset = units[silent.index(True)]
        told = f"'{source.name}' tells no scale, so that of the input is used: {scale:g} x value {offset:+g}."
        (self.warnings if mixed else self.notes)[plane] = told
        return units

    def _nearer_as_they_are(self, plane: str, units: Sequence[Affine], given: Sequence[Affine]) -> bool:
        """Whether the medians of a raster's bands lie nearer to the input's without the units than with them."""
        own = _medians(self.sources[plane], self.bands[plane])
        wanted = _medians(self.sources["input"], self.bands["input"]) * [u[0] for u in given] + [u[1] for u in given]
        with_units = own * [unit[0] for unit in units] + [unit[1] for unit in units]
        return bool(np.nansum(np.abs(own - wanted)) < np.nansum(np.abs(with_units - wanted)))

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


def _medians(source: RasterSource, bands: Sequence[int]) -> np.ndarray:
    """Medians of bands as stored, of at most :data:`_LOOKED_AT` pixels along a side; NaN where none is valid."""
    shape = {
        "buf_xsize": min(_LOOKED_AT, source.grid.width),
        "buf_ysize": min(_LOOKED_AT, source.grid.height),
    }
    found = []
    for number in bands:
        band = source.dataset.GetRasterBand(number)
        try:
            pixels = np.asarray(band.ReadAsArray(buf_type=gdal.GDT_Float32, **shape), np.float64)
            valid = np.isfinite(pixels) & (band.GetMaskBand().ReadAsArray(**shape) != 0)
        except (RuntimeError, TypeError) as error:
            raise SourceUnreadable(f"Pixels of '{source.name}' cannot be read ({error}).") from error
        found.append(float(np.median(pixels[valid])) if valid.any() else np.nan)
    return np.array(found)


def mean_planes(arrays: Sequence[NamedArray]) -> List[NamedArray]:
    """The mean of the bands of each raster; masks as they are."""
    return [
        NamedArray(item.name, item.data.mean(axis=0, dtype=np.float32), item.ratio) if item.data.ndim == 3 else item
        for item in arrays
    ]
