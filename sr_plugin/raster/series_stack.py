"""Rasters of one place as one stack on the grid of the first: a virtual raster that holds no pixels.

Rasters of the same pixel size and CRS keep their own pixels: they are laid in at the nearest whole pixel, and what is
left over, up to half a pixel, is told beside it, for shifts between grids are what several views are worth. Others are
interpolated once.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, List, Sequence, Tuple
from xml.sax.saxutils import escape  # nosec B406: writes XML, reads none

import numpy as np
from osgeo import gdal, osr

from sr_plugin.core.errors import BandError, SourceUnreadable, UnsupportedRaster
from sr_plugin.core.grid import Grid
from sr_plugin.core.series import SeriesSettings
from sr_plugin.raster.band_stack import BandStack
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import RasterSource, RasterTile, open_dataset

#: Pixels by which the far corner of a raster may miss its place and still count as being on a shifted grid.
_SLACK = 0.02
_OWN_FOLDER = "{stack}"


@dataclass(frozen=True)
class PlacedView:
    """A raster of the series on the grid of the reference.

    Attributes:
        source: the raster.
        offset: columns and rows from the reference's corner to the raster's, whole pixels.
        shift: rows and columns that are left over, in pixels, at most half a pixel each.
        warped: True where it is interpolated onto the grid, because pixel size, CRS or direction differ.
    """

    source: RasterSource
    offset: Tuple[int, int]
    shift: Tuple[float, float]
    warped: bool


def same_crs(first: str, second: str) -> bool:
    """True where two CRS as WKT are the same, or both unknown."""
    if first == second:
        return True
    if not first or not second:
        return False
    return bool(osr.SpatialReference(first).IsSame(osr.SpatialReference(second)))


def place_view(source: RasterSource, reference: RasterSource) -> PlacedView:
    """Where a raster lies on the grid of the reference.

    Raises:
        UnsupportedRaster: when only one of both has a CRS, so that nobody knows.
    """
    grid, own = reference.grid, source.grid
    if bool(grid.wkt) != bool(own.wkt):
        raise UnsupportedRaster(
            f"Only one of '{reference.name}' and '{source.name}' has a CRS, so their places cannot be compared.",
            "Assign the right CRS first.",
        )
    if same_crs(own.wkt, grid.wkt):
        left, top = grid.to_pixel(*own.to_map(0, 0))
        corners = ((own.width, 0), (0, own.height), (own.width, own.height))
        misses = [np.subtract(grid.to_pixel(*own.to_map(*c)), (left + c[0], top + c[1])) for c in corners]
        if float(np.abs(misses).max()) <= _SLACK:
            column, row = round(left), round(top)
            return PlacedView(source, (column, row), (round(top - row, 6) + 0.0, round(left - column, 6) + 0.0), False)
    return PlacedView(source, (0, 0), (0.0, 0.0), True)


def overlaps(view: PlacedView, grid: Grid) -> bool:
    """True where a raster has pixels on the grid; of warped ones it is not known beforehand."""
    if view.warped:
        return True
    column, row = view.offset
    own = view.source.grid
    return column < grid.width and row < grid.height and column + own.width > 0 and row + own.height > 0


def make_series_stack(views: Sequence[PlacedView], bands: Sequence[int], masks: Sequence[str]) -> BandStack:
    """All bands of all views, then a validity for each view (0: no data).

    Args:
        views: the reference first.
        bands: band numbers, the same in all views.
        masks: for each view a raster whose first band is not 0 where the view shows a cloud, or an empty text.

    Raises:
        BandError: when a view lacks a band.
        SourceUnreadable, UnsupportedRaster: naming the raster.
    """
    grid = views[0].source.grid
    documents: Dict[str, bytes] = {}
    files: List[str] = []
    data, validity = [], []
    for number, (view, mask) in enumerate(zip(views, masks)):
        _check_bands(view.source, bands)
        files += view.source.files
        name, size = view.source.name, (view.source.grid.width, view.source.grid.height)
        if view.warped:
            name, size = f"{_OWN_FOLDER}/view{number}.vrt", (grid.width, grid.height)
            documents[f"view{number}.vrt"] = _warped(view.source.dataset, view.source.name, grid, "cubic").encode()
            parts = [_warped_validity(view.source, bands, grid, number, documents)]
        else:
            parts = _validity(view.source, bands, view.offset)
        kinds = [view.source.dataset.GetRasterBand(band).DataType for band in bands]
        data += [
            (gdal.GetDataTypeName(kind), [_source(name, str(band), view.offset, size)])
            for kind, band in zip(kinds, bands)
        ]
        if mask:
            parts.append(_mask_source(mask, number, views[0].source, documents, files))
        validity.append(("Byte", parts))
    xml = [_band(number, kind, "".join(parts)) for number, (kind, parts) in enumerate([*data, *validity], start=1)]
    documents["series.vrt"] = _dataset(grid, xml)
    return BandStack("series.vrt", grid, (), tuple(dict.fromkeys(files)), documents)


def views_of_stack(pixels: RasterTile, series: SeriesSettings) -> Tuple[np.ndarray, np.ndarray]:
    """A tile of the stack, finite everywhere, and where each view is valid, ``(views, h, w)`` bool.

    Args:
        pixels: ``(planes, h, w)`` as read.
        series: how many views and bands it holds.
    """
    count = len(series.views)
    data = pixels.data
    seen = data[count * series.bands :] != 0
    if pixels.valid is not None:
        values = pixels.valid[: count * series.bands].reshape(count, series.bands, *data.shape[1:])
        seen = seen & values.all(axis=1)
        data = np.where(pixels.valid, data, 0).astype(data.dtype, copy=False)
        data[count * series.bands :] = seen
    return data, seen


def on_reference(seen: np.ndarray, series: SeriesSettings) -> np.ndarray:
    """Where each view is valid at the pixels of the reference, by the nearest pixel.

    Args:
        seen: ``(views, h, w)`` bool at the views' own pixels.
        series: with their shifts. Where it varies over the scene, it does by fractions of a pixel.
    """
    moved = np.zeros_like(seen)
    height, width = seen.shape[1:]
    for view, own, there in zip(series.views, seen, moved):
        down, right = (int(round(side)) for side in view.shift)
        rows, columns = _overlap(height, down), _overlap(width, right)
        there[rows[1], columns[1]] = own[rows[0], columns[0]]
    return moved


def _overlap(length: int, shift: int) -> Tuple[slice, slice]:
    """The part of an axis that stays on it when it is shifted, before and after."""
    kept = max(0, length - abs(shift))
    before, after = max(0, -shift), max(0, shift)
    return slice(before, before + kept), slice(after, after + kept)


def _check_bands(source: RasterSource, bands: Sequence[int]) -> None:
    if max(bands) > source.band_count:
        raise BandError(
            f"'{os.path.basename(source.name)}' has {source.band_count} band(s), so there is no band {max(bands)}.",
            "All rasters of a series need the same bands in the same order.",
        )
    source.bands(bands)


def _source(name: str, band: str, offset: Tuple[int, int], size: Tuple[int, int]) -> str:
    width, height = size
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{offset[0]}" yOff="{offset[1]}" xSize="{width}" ySize="{height}"/></SimpleSource>'
    )


def _drawn(
    name: str, band: str, offset: Tuple[int, int], size: Tuple[int, int], kept: int, table: str = "0:0,65535:0"
) -> str:
    """As :func:`_source`, but what is of the kept value leaves what is below, and the others go through the table."""
    plain = _source(name, band, offset, size)
    drawn = plain.replace("SimpleSource", "ComplexSource")
    return drawn.replace("</ComplexSource>", f"<NODATA>{kept}</NODATA><LUT>{table}</LUT></ComplexSource>")


def _validity(source: RasterSource, bands: Sequence[int], offset: Tuple[int, int]) -> List[str]:
    """Parts of a band that is 0 where the raster has no data in one of the bands.

    GDAL takes an alpha band for a mask in rasters of two and four bands only.
    """
    size = (source.grid.width, source.grid.height)
    parts = [_source(source.name, str(source.alpha_band) if source.alpha_band else f"mask,{bands[0]}", offset, size)]
    for band in bands:
        if source.dataset.GetRasterBand(band).GetMaskFlags() & gdal.GMF_NODATA:
            parts.append(_drawn(source.name, f"mask,{band}", offset, size, 255))
    return parts


def _warped_validity(
    source: RasterSource, bands: Sequence[int], grid: Grid, number: int, documents: Dict[str, bytes]
) -> str:
    """Where all pixels around a place of another grid have data.

    GDAL's own alpha band tells only where one of the bands has something.
    """
    own = _dataset(source.grid, [_band(1, "Byte", "".join(_validity(source, bands, (0, 0))))])
    documents[f"valid{number}.vrt"] = own
    with _opened(own) as (dataset, name):
        turned = _warped(dataset, source.name, grid, "bilinear")
    documents[f"seen{number}.vrt"] = turned.replace(name, f"{_OWN_FOLDER}/valid{number}.vrt").encode()
    place = (f"{_OWN_FOLDER}/seen{number}.vrt", "1", (0, 0), (grid.width, grid.height))
    return _drawn(*place, 0, "0:0,254:0,255:255")


@contextmanager
def _opened(document: bytes) -> Iterator[Tuple[gdal.Dataset, str]]:
    """A virtual raster for the moment, and its name."""
    name = f"/vsimem/superres-{uuid.uuid4().hex}.vrt"
    gdal.FileFromMemBuffer(name, document)
    try:
        yield open_dataset(name), name
    finally:
        gdal.Unlink(name)


def _mask_source(mask: str, number: int, reference: RasterSource, documents: Dict[str, bytes], files: List[str]) -> str:
    """Draws 0 into a validity where the mask is not 0."""
    source = RasterSource(mask)
    files += source.files
    placed = place_view(source, reference)
    name, size, offset = mask, (source.grid.width, source.grid.height), placed.offset
    if placed.warped:
        name, size, offset = f"{_OWN_FOLDER}/mask{number}.vrt", (reference.grid.width, reference.grid.height), (0, 0)
        documents[f"mask{number}.vrt"] = _warped(source.dataset, source.name, reference.grid, "near", False).encode()
    return _drawn(name, "1", offset, size, 0)


def _band(number: int, kind: str, sources: str) -> str:
    return f'<VRTRasterBand dataType="{kind}" band="{number}">{sources}</VRTRasterBand>'


def _dataset(grid: Grid, bands: Sequence[str]) -> bytes:
    transform = ", ".join(repr(float(value)) for value in grid.geotransform)
    # Rasters without a place have pixel coordinates, in which all of them lie.
    place = f"<SRS>{escape(grid.wkt)}</SRS><GeoTransform>{transform}</GeoTransform>"
    head = f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">{place}'
    return f"{head}{''.join(bands)}</VRTDataset>".encode()


def _warped(dataset: gdal.Dataset, name: str, grid: Grid, method: str, alpha: bool = True) -> str:
    """A virtual raster of the pixels on another grid, with an alpha band where asked for."""
    turned = bool(grid.geotransform[2] or grid.geotransform[4])
    if turned or grid.geotransform[1] < 0 or grid.geotransform[5] > 0:
        how = "turned" if turned else "mirrored"
        raise UnsupportedRaster(
            f"'{name}' cannot be brought onto the grid of the reference, which is {how}.",
            "Choose a reference with north up.",
        )
    xmin, ymin, xmax, ymax = grid.extent()
    options = {"format": "VRT", "resampleAlg": method, "width": grid.width, "height": grid.height, "dstAlpha": alpha}
    with gdal_messages() as messages:
        try:
            warped = gdal.Warp("", dataset, dstSRS=grid.wkt, outputBounds=(xmin, ymin, xmax, ymax), **options)
        except RuntimeError as error:
            messages.note(error)
            warped = None
    if warped is None:
        raise SourceUnreadable(f"'{name}' cannot be brought onto the grid of the reference ({messages.reason}).")
    return str(warped.GetMetadata("xml:VRT")[0])
