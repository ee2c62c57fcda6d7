"""Whether a GeoTIFF is whole on the disk: a disk that is full when a file is closed is not always told of."""

from __future__ import annotations

import os
from typing import Iterator, Tuple

from osgeo import gdal

from sr_plugin.raster.gdal_errors import gdal_messages


def is_whole(path: str, size: Tuple[int, int, int]) -> bool:
    """Whether a GeoTIFF can be opened and the file holds all blocks that its directories name.

    Args:
        path: the file, closed.
        size: columns, rows and bands that it must have.
    """
    with gdal_messages() as messages:
        try:
            dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_READONLY)
            if dataset is None or (dataset.RasterXSize, dataset.RasterYSize, dataset.RasterCount) != size:
                return False
            end = os.path.getsize(path)
            whole = all(blocks_end(band) <= end for band in _stored_bands(dataset))
        except RuntimeError:
            return False
    return whole and not messages.failures


def _stored_bands(dataset: gdal.Dataset) -> Iterator[gdal.Band]:
    """Bands with blocks of their own: with pixel interleaving, the first one stands for all; and the mask inside."""
    together = dataset.GetMetadataItem("INTERLEAVE", "IMAGE_STRUCTURE") == "PIXEL"
    for number in range(1, 2 if together else dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        yield from _with_overviews(band)
    first = dataset.GetRasterBand(1)
    if first.GetMaskFlags() == gdal.GMF_PER_DATASET:
        yield from _with_overviews(first.GetMaskBand())


def _with_overviews(band: gdal.Band) -> Iterator[gdal.Band]:
    yield band
    for level in range(band.GetOverviewCount()):
        yield band.GetOverview(level)


def blocks_end(band: gdal.Band) -> int:
    """Where the last block of a band ends in the file, in bytes; blocks that were never written take none."""
    width, height = band.GetBlockSize()
    end = 0
    for row in range(-(-band.YSize // height)):
        for column in range(-(-band.XSize // width)):
            offset = band.GetMetadataItem(f"BLOCK_OFFSET_{column}_{row}", "TIFF")
            if offset is not None:
                length = band.GetMetadataItem(f"BLOCK_SIZE_{column}_{row}", "TIFF")
                end = max(end, int(offset) + int(length or 0))
    return end
