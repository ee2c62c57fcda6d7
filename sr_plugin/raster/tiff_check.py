"""Is a GeoTIFF whole? One whose directory comes first opens like a whole one when it is cut short."""

from __future__ import annotations

import os

from osgeo import gdal

from sr_plugin.core.errors import SourceUnreadable
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.whole_file import blocks_end


def check_whole(dataset: gdal.Dataset, path: str) -> None:
    """Make sure that an opened GeoTIFF holds all blocks that its directory names; other formats pass unseen.

    Args:
        dataset: the opened file.
        path: its name in GDAL's virtual file system.

    Raises:
        SourceUnreadable: naming the file.
    """
    if dataset.GetDriver().ShortName not in ("GTiff", "COG"):
        return
    with gdal_messages():
        status = gdal.VSIStatL(path)
        if status is None:
            return
        cut = any(blocks_end(dataset.GetRasterBand(n)) > status.size for n in range(1, dataset.RasterCount + 1))
    if cut:
        name = os.path.basename(path)
        raise SourceUnreadable(f"The band file '{name}' is cut short.", "Download the product again.")
