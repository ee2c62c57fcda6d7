"""Rasters of one place as one stack on the grid of the first: a virtual raster that holds no pixels.

Rasters of the same pixel size and CRS keep their own pixels: they are laid in at the nearest whole pixel, and what is
left over, up to half a pixel, is told beside it, for shifts between grids are what several views are worth. Others are
interpolated once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple
from xml.sax.saxutils import escape  # nosec B406: writes XML, reads none

import numpy as np
from osgeo import gdal, osr

from sr_plugin.core.errors import BandError, SourceUnreadable, UnsupportedRaster
from sr_plugin.core.grid import Grid
from sr_plugin.core.series import SeriesSettings
from sr_plugin.raster.band_stack import BandStack
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import RasterSource, RasterTile

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
        name, place = view.source.name, view
        if view.warped:
            name = f"{_OWN_FOLDER}/view{number}.vrt"
            documents[f"view{number}.vrt"] = _warped(view.source, grid, "cubic", True).encode()
            place = PlacedView(view.source, (0, 0), (0.0, 0.0), True)
        size = (grid.width, grid.height) if view.warped else (view.source.grid.width, view.source.grid.height)
        kinds = [view.source.dataset.GetRasterBand(band).DataType for band in bands]
        data += [
            (gdal.GetDataTypeName(kind), [_source(name, str(band), place.offset, size)])
            for kind, band in zip(kinds, bands)
        ]
        parts = [_source(name, f"mask,{bands[0]}", place.offset, size)]
        if mask:
            parts.append(_mask_source(mask, number, views[0].source, documents, files))
        validity.append(("Byte", parts))
    xml = [_band(number, kind, "".join(parts)) for number, (kind, parts) in enumerate([*data, *validity], start=1)]
    transform = ", ".join(repr(float(value)) for value in grid.geotransform)
    # Rasters without a place have pixel coordinates, in which all of them lie.
    place_xml = f"<SRS>{escape(grid.wkt)}</SRS><GeoTransform>{transform}</GeoTransform>"
    head = f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">{place_xml}'
    documents["series.vrt"] = f"{head}{''.join(xml)}</VRTDataset>".encode()
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


def _mask_source(mask: str, number: int, reference: RasterSource, documents: Dict[str, bytes], files: List[str]) -> str:
    """Draws 0 into a validity where the mask is not 0."""
    source = RasterSource(mask)
    files += source.files
    placed = place_view(source, reference)
    name, size, offset = mask, (source.grid.width, source.grid.height), placed.offset
    if placed.warped:
        name, size, offset = f"{_OWN_FOLDER}/mask{number}.vrt", (reference.grid.width, reference.grid.height), (0, 0)
        documents[f"mask{number}.vrt"] = _warped(source, reference.grid, "near", False).encode()
    # Values that are 0 are no source pixels at all, so the validity below them stays.
    table = "0:0,1:0,65535:0"
    width, height = size
    return (
        f'<ComplexSource><SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{offset[0]}" yOff="{offset[1]}" xSize="{width}" ySize="{height}"/>'
        f"<NODATA>0</NODATA><LUT>{table}</LUT></ComplexSource>"
    )


def _band(number: int, kind: str, sources: str) -> str:
    return f'<VRTRasterBand dataType="{kind}" band="{number}">{sources}</VRTRasterBand>'


def _warped(source: RasterSource, grid: Grid, method: str, alpha: bool) -> str:
    """A virtual raster of the pixels on another grid, with an alpha band where asked for."""
    if grid.geotransform[2] or grid.geotransform[4]:
        raise UnsupportedRaster(
            f"'{source.name}' cannot be brought onto the grid of the reference, which is turned.",
            "Choose a reference with north up.",
        )
    xmin, ymin, xmax, ymax = grid.extent()
    options = {"format": "VRT", "resampleAlg": method, "width": grid.width, "height": grid.height, "dstAlpha": alpha}
    with gdal_messages() as messages:
        try:
            warped = gdal.Warp("", source.dataset, dstSRS=grid.wkt, outputBounds=(xmin, ymin, xmax, ymax), **options)
        except RuntimeError as error:
            messages.note(error)
            warped = None
    if warped is None:
        raise SourceUnreadable(f"'{source.name}' cannot be brought onto the grid of the reference ({messages.reason}).")
    return str(warped.GetMetadata("xml:VRT")[0])
