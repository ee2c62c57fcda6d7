"""A raster on another grid, in any CRS: the same pixels where the grids nest, cubic convolution elsewhere.

Works in windows, so memory does not grow with the raster. A pixel of the new grid is a gap where half of it, or more,
lies in gaps of the old one, or where too little around its centre is valid for cubic convolution.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import Cancelled, SourceUnreadable
from sr_plugin.core.grid import Grid, Window
from sr_plugin.raster.band_statistics import BandStatistics
from sr_plugin.raster.block_cache import limited_block_cache
from sr_plugin.raster.gdal_errors import GdalMessages, gdal_messages
from sr_plugin.raster.source import RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter

#: Side of the windows in pixels: whole blocks of GDAL's warped rasters.
_SIDE = 1024
#: Pixels of the old grid by which positions may be off where the CRS differ; GDAL interpolates between exact ones.
_TOLERANCE = 0.02
#: Masks hold 255 for valid pixels; halves of them are told from what arithmetic leaves of a half.
_HALF = 127.5 + 0.1


def write_on_grid(
    source_name: str,
    grid: Grid,
    path: str,
    create_options: Sequence[str],
    cog: bool,
    metadata: Dict[str, str],
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    partial: str = "",
) -> None:
    """Write a raster on another grid; all facts about its bands stay.

    Args:
        source_name: the raster; it has a nodata value or a mask band, else what lies outside it is marked by one.
        grid: north up; the result has exactly its place, size and CRS.
        path: the GeoTIFF to write; appears when it is whole.
        create_options: GDAL creation options (``KEY=VALUE``).
        cog: store it as a cloud-optimised GeoTIFF.
        metadata: items beside those of the raster.
        progress: told how many windows are done, and how many there are.
        cancelled: asked from time to time.
        partial: path of the file until it is whole, in the same folder; one beside ``path`` unless given.

    Raises:
        SourceUnreadable, OutputError, DiskFull: see the class names.
        Cancelled: when the user wants it to end.
    """
    source = RasterSource(os.path.abspath(source_name))
    infos = source.bands(range(1, source.band_count + 1))
    nodata = infos[0].nodata
    own = {key: value for key, value in (source.dataset.GetMetadata() or {}).items() if key != "AREA_OR_POINT"}
    spec = OutputSpec(
        path,
        grid,
        [OutputBand.like(info) for info in infos],
        infos[0].pixel_type,
        nodata,
        nodata is None,
        {**own, **metadata},
        tuple(create_options),
        cog=cog,
    )
    windows = _windows(grid)
    # What windows side by side share stays decoded: twice their side, and whole rows of what is stored in rows.
    pixel = sum(np.dtype(info.pixel_type).itemsize for info in infos)
    shared_bytes = 4 * _SIDE**2 * pixel + source.row_bytes([info.number for info in infos], _SIDE, _SIDE)
    with limited_block_cache(shared_bytes):
        # What cannot be read is told before anything is written.
        reader = _Reader(source, grid)
        _write(RasterWriter(spec, partial or path + ".part.tif"), windows, reader, progress, cancelled)


def _write(
    writer: RasterWriter,
    windows: Sequence[Window],
    reader: _Reader,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    nodata = writer.spec.nodata
    statistics = BandStatistics(len(writer.spec.bands))
    try:
        for done, window in enumerate(windows):
            if cancelled():
                raise Cancelled("The run was cancelled.")
            pixels, valid = reader.read(window)
            shared = None
            if nodata is None:
                shared = valid.all(axis=0).astype(np.uint8) * 255
                pixels[:, shared == 0] = 0
            else:
                pixels[~valid] = nodata
            writer.write(pixels, window, shared)
            statistics.add(pixels, nodata, shared)
            progress(done + 1, len(windows))
        writer.finish(statistics.metadata(), cancelled)
    except BaseException:
        writer.remove()
        raise


def _windows(grid: Grid) -> List[Window]:
    whole = grid.window
    starts = [(row, col) for row in range(0, grid.height, _SIDE) for col in range(0, grid.width, _SIDE)]
    return [Window(col, row, _SIDE, _SIDE).intersection(whole) for row, col in starts]


class _Reader:
    """Reads windows of a grid from a raster elsewhere."""

    def __init__(self, source: RasterSource, grid: Grid) -> None:
        self._name = source.name
        self._count = source.band_count
        self._grid = grid
        nodata = source.dataset.GetRasterBand(1).GetNoDataValue()
        marks = {"dstAlpha": True} if nodata is None else {"srcNodata": repr(nodata), "dstNodata": repr(nodata)}
        # Each band has gaps of its own.
        smooth = self._warped(source.dataset, "cubic", warpOptions=["UNIFIED_SRC_NODATA=NO"], **marks)
        self._smooth = RasterSource(str(smooth.GetMetadata("xml:VRT")[0]))
        # Cubic convolution alone would let gaps shrink, because it makes do with what is valid around.
        masks = [f"mask,{number}" for number in range(1, self._count + 1)]
        self._masks = gdal.Translate("", source.dataset, format="VRT", bandList=masks)
        self._shares = self._warped(self._masks, "bilinear", outputType=gdal.GDT_Float32)

    def _warped(self, dataset: gdal.Dataset, method: str, **options: Any) -> gdal.Dataset:
        grid = self._grid
        xmin, ymin, xmax, ymax = grid.extent()
        place = {"outputBounds": (xmin, ymin, xmax, ymax), "width": grid.width, "height": grid.height}
        with gdal_messages() as messages:
            try:
                warped = gdal.Warp(
                    "",
                    dataset,
                    format="VRT",
                    dstSRS=grid.wkt,
                    resampleAlg=method,
                    errorThreshold=_TOLERANCE,
                    **place,
                    **options,
                )
            except RuntimeError as error:
                messages.note(error)
                warped = None
        if warped is None:
            raise self._failure("be brought onto the other grid", messages)
        return warped

    def _failure(self, what: str, messages: GdalMessages) -> SourceUnreadable:
        return SourceUnreadable(f"The raster '{os.path.basename(self._name)}' cannot {what} ({messages.reason}).")

    def read(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """Pixels and validity, ``(bands, h, w)`` each."""
        smooth = self._smooth.read(range(1, self._count + 1), window)
        with gdal_messages() as messages:
            try:
                shares = self._shares.ReadAsArray(window.col, window.row, window.width, window.height)
            except RuntimeError as error:
                messages.note(error)
                shares = None
        if shares is None or messages.failures:
            raise self._failure("be read", messages)
        valid = shares.reshape(smooth.data.shape) > _HALF
        return smooth.data, valid if smooth.valid is None else valid & smooth.valid
