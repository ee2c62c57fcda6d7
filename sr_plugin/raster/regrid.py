"""A raster on another grid, in any CRS: the same pixels where the grids nest, cubic convolution elsewhere.

Works in windows, so memory does not grow with the raster. A pixel of the new grid is a gap where the pixel of the old
one that its centre falls into is a gap.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import Cancelled, SourceUnreadable
from sr_plugin.core.grid import Grid, Window
from sr_plugin.raster.band_statistics import BandStatistics
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter

#: Side of the windows in pixels: whole blocks of GDAL's warped rasters.
_SIDE = 1024
#: Pixels of the old grid by which positions may be off where the CRS differ; GDAL interpolates between exact ones.
_TOLERANCE = 0.02


def write_on_grid(
    source_name: str,
    grid: Grid,
    path: str,
    create_options: Sequence[str],
    cog: bool,
    metadata: Dict[str, str],
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
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
    reader = _Reader(source, grid)
    writer = RasterWriter(spec, path + ".part.tif")
    statistics = BandStatistics(len(infos))
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
        # The validity of the nearest pixel decides: cubic convolution alone would let gaps shrink.
        self._smooth = self._warped(source, grid, "cubic")
        self._nearest = self._warped(source, grid, "near")

    def _warped(self, source: RasterSource, grid: Grid, method: str) -> RasterSource:
        xmin, ymin, xmax, ymax = grid.extent()
        nodata = source.dataset.GetRasterBand(1).GetNoDataValue()
        marks = {"dstAlpha": True} if nodata is None else {"srcNodata": repr(nodata), "dstNodata": repr(nodata)}
        with gdal_messages() as messages:
            try:
                warped = gdal.Warp(
                    "",
                    source.dataset,
                    format="VRT",
                    dstSRS=grid.wkt or None,
                    outputBounds=(xmin, ymin, xmax, ymax),
                    width=grid.width,
                    height=grid.height,
                    resampleAlg=method,
                    errorThreshold=_TOLERANCE,
                    # Each band has gaps of its own.
                    warpOptions=["UNIFIED_SRC_NODATA=NO"],
                    **marks,
                )
            except RuntimeError as error:
                messages.note(error)
                warped = None
        if warped is None:
            name = os.path.basename(self._name)
            raise SourceUnreadable(f"The raster '{name}' cannot be brought onto the other grid ({messages.reason}).")
        return RasterSource(str(warped.GetMetadata("xml:VRT")[0]))

    def read(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """Pixels and validity, ``(bands, h, w)`` each."""
        numbers = range(1, self._count + 1)
        smooth, nearest = self._smooth.read(numbers, window), self._nearest.read(numbers, window)
        valid = np.ones(smooth.data.shape, bool)
        for tile in (smooth, nearest):
            if tile.valid is not None:
                valid &= tile.valid
        return smooth.data, valid
