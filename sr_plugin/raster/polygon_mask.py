"""Polygons as masks: which tiles they touch, and which pixels of a grid they hold."""

from __future__ import annotations

import hashlib
from typing import Sequence

import numpy as np
from osgeo import gdal, ogr, osr

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.grid import Extent, Grid


class PolygonMask:
    """Polygons in a raster's CRS. One object serves one thread.

    Args:
        polygons: geometries as WKB.

    Raises:
        ParameterError: when a geometry is no polygon.
    """

    def __init__(self, polygons: Sequence[bytes]) -> None:
        self._source = ogr.GetDriverByName("Memory").CreateDataSource("mask")
        self._layer = self._source.CreateLayer("mask", osr.SpatialReference(), ogr.wkbUnknown)
        for wkb in polygons:
            geometry = ogr.CreateGeometryFromWkb(bytes(wkb))
            if geometry is None or ogr.GT_Flatten(geometry.GetGeometryType()) not in (
                ogr.wkbPolygon,
                ogr.wkbMultiPolygon,
                ogr.wkbCurvePolygon,
                ogr.wkbMultiSurface,
                ogr.wkbGeometryCollection,
            ):
                raise ParameterError("The mask holds a geometry that is no polygon.", "Choose a polygon layer.")
            feature = ogr.Feature(self._layer.GetLayerDefn())
            feature.SetGeometryDirectly(geometry.GetLinearGeometry())
            self._layer.CreateFeature(feature)

    def extent(self) -> Extent:
        """``(xmin, ymin, xmax, ymax)`` of all polygons."""
        xmin, xmax, ymin, ymax = self._layer.GetExtent()
        return xmin, ymin, xmax, ymax

    def inside(self, grid: Grid, all_touched: bool = False) -> np.ndarray:
        """Pixels of a grid inside the polygons.

        Args:
            grid: the grid; its CRS is taken to be that of the polygons.
            all_touched: count every pixel that a polygon touches, instead of those whose centre it holds.

        Returns:
            ``(height, width)`` bool.
        """
        target = gdal.GetDriverByName("MEM").Create("", grid.width, grid.height, 1, gdal.GDT_Byte)
        target.SetGeoTransform(grid.geotransform)
        options = ["ALL_TOUCHED=TRUE"] if all_touched else []
        gdal.RasterizeLayer(target, [1], self._layer, burn_values=[1], options=options)
        return target.ReadAsArray().astype(bool)


def mask_digest(polygons: Sequence[bytes]) -> str:
    """Hexadecimal digest of the polygons."""
    digest = hashlib.sha256()
    for wkb in polygons:
        digest.update(len(wkb).to_bytes(8, "little"))
        digest.update(bytes(wkb))
    return digest.hexdigest()
