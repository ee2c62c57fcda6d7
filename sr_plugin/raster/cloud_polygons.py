"""Cloud masks of level 1C before baseline 04.00: polygons in GML, drawn into a small raster of classes.

Source: ESA, Sentinel-2 Products Specification Document, issue 14.5, cloud mask.
"""

from __future__ import annotations

import os
from typing import List, Optional, Tuple
from xml.etree.ElementTree import Element  # nosec B405: a type only

from osgeo import gdal, ogr

from sr_plugin.core.errors import SourceUnreadable
from sr_plugin.core.grid import Grid
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.plain_xml import LARGEST_XML, first_text, number, parse_xml

#: Type of a mask -> number in the raster.
CLOUD_TYPES = {"OPAQUE": 1, "CIRRUS": 2}
#: Pixels of the cloud masks were of this size, in metres.
_PIXEL = 60.0


def _read(path: str) -> bytes:
    with gdal_messages():
        file = gdal.VSIFOpenL(path, "rb")
        if file is None:
            raise SourceUnreadable(f"The cloud mask '{os.path.basename(path)}' cannot be read.")
        try:
            return bytes(gdal.VSIFReadL(1, LARGEST_XML + 1, file) or b"")
        finally:
            gdal.VSIFCloseL(file)


def _ring(element: Element) -> Optional[ogr.Geometry]:
    """A closed ring from the positions of an exterior or interior."""
    values = [number(text) for text in first_text(element, "posList").split()]
    dimension = 3 if any(e.get("srsDimension") == "3" for e in element.iter("posList")) else 2
    if None in values or len(values) < 3 * dimension or len(values) % dimension:
        return None
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for start in range(0, len(values), dimension):
        ring.AddPoint_2D(values[start], values[start + 1])
    ring.CloseRings()
    return ring


def _polygons(path: str) -> List[Tuple[int, ogr.Geometry]]:
    found = []
    name = os.path.basename(path)
    for feature in parse_xml(_read(path), name).iter("MaskFeature"):
        kind = CLOUD_TYPES.get(first_text(feature, "maskType").upper(), 0)
        for element in feature.iter("Polygon"):
            rings = [_ring(part) for tag in ("exterior", "interior") for part in element.iter(tag)]
            if not rings or None in rings:
                raise SourceUnreadable(f"The cloud mask '{name}' holds a polygon that cannot be understood.")
            polygon = ogr.Geometry(ogr.wkbPolygon)
            for ring in rings:
                polygon.AddGeometry(ring)
            if kind:
                found.append((kind, polygon))
    return found


def cloud_raster(path: str, grid: Grid) -> Tuple[bytes, Grid]:
    """A GeoTIFF of classes (:data:`CLOUD_TYPES`, 0 elsewhere) that covers a grid.

    Args:
        path: the GML file, by a name that GDAL's virtual file system understands; in the grid's CRS.
        grid: north up.

    Returns:
        The file's contents, and its own grid.

    Raises:
        SourceUnreadable: when the file cannot be understood.
    """
    xmin, ymin, xmax, ymax = grid.extent()
    step = max(_PIXEL, *grid.pixel_size)
    width, height = int(-(-(xmax - xmin) // step)), int(-(-(ymax - ymin) // step))
    own = Grid(width, height, (xmin, step, 0.0, ymax, 0.0, -step), grid.wkt)
    memory = gdal.GetDriverByName("MEM").Create("", width, height, 1, gdal.GDT_Byte)
    memory.SetGeoTransform(own.geotransform)
    source = ogr.GetDriverByName("Memory").CreateDataSource("clouds")
    polygons = _polygons(path)
    # Opaque clouds last, so that they win where both lie.
    for kind in sorted(CLOUD_TYPES.values(), reverse=True):
        layer = source.CreateLayer(f"clouds{kind}", None, ogr.wkbPolygon)
        for found, polygon in polygons:
            if found == kind:
                feature = ogr.Feature(layer.GetLayerDefn())
                feature.SetGeometry(polygon)
                layer.CreateFeature(feature)
        with gdal_messages():  # the layer has no CRS of its own, which GDAL remarks upon
            gdal.RasterizeLayer(memory, [1], layer, burn_values=[kind], options=["ALL_TOUCHED=TRUE"])
    return _as_geotiff(memory), own


def _as_geotiff(memory: gdal.Dataset) -> bytes:
    name = f"/vsimem/superres-clouds-{id(memory)}.tif"
    copy = gdal.GetDriverByName("GTiff").CreateCopy(name, memory, 0, ["COMPRESS=DEFLATE"])
    del copy
    size = gdal.VSIStatL(name).size
    file = gdal.VSIFOpenL(name, "rb")
    data = bytes(gdal.VSIFReadL(1, size, file))
    gdal.VSIFCloseL(file)
    gdal.Unlink(name)
    return data
