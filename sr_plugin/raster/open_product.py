"""Products of all satellites that are known, by whatever tells them apart."""

from __future__ import annotations

from sr_plugin.raster.landsat_product import is_landsat_product, open_landsat
from sr_plugin.raster.product import Product
from sr_plugin.raster.sentinel2_product import is_sentinel2_product, open_sentinel2


def is_product(name: str) -> bool:
    """True for a product of a satellite, which GDAL alone would not open as one raster."""
    return is_sentinel2_product(name) or is_landsat_product(name)


def open_product(name: str) -> Product:
    """Open a product; no pixel is read.

    Raises:
        SuperResolutionError: see :func:`~sr_plugin.raster.sentinel2_product.open_sentinel2` and
            :func:`~sr_plugin.raster.landsat_product.open_landsat`.
    """
    return open_landsat(name) if is_landsat_product(name) else open_sentinel2(name)
