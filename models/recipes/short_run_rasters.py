"""The rasters of the short runs, as somebody would give them to ``superres:preparepairs``.

Everything is cut and drawn from files as they were published; values are never changed but for the mean that brings
10 m bands to 20 m. Where a raster is not to be learned from, it holds the nodata value.
"""

from __future__ import annotations

import os
from typing import Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal, ogr

from models.recipes.regional_scene import SCENE, WATER, classes_of, split_row

gdal.UseExceptions()

#: Bands of 18SVG by their own pixel size, in the order of their wavelengths.
FINE = ("B02", "B03", "B04", "B08")
COARSE = ("B05", "B06", "B07", "B8A", "B11", "B12")
ALL = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
_DATE = "20160112"
_NODATA = 0
#: North and south meet at a row that is whole for every scale, and for 20 m pixels.
_WHOLE_ROWS = 16

#: Colours of the map in red, green and blue.
GROUND, BUILDING, OUTLINE = (240, 237, 229), (205, 120, 100), (110, 50, 40)

Geotransform = Tuple[float, float, float, float, float, float]


def write_raster(
    path: str,
    pixels: np.ndarray,
    geotransform: Sequence[float],
    wkt: str,
    names: Sequence[str] = (),
    nodata: float | None = None,
) -> str:
    """Write ``(bands, rows, columns)`` as a GeoTIFF; its path.

    Args:
        path: of the file.
        pixels: uint8 or uint16.
        geotransform, wkt: where it lies.
        names: of the bands.
        nodata: value of pixels without data.
    """
    kind = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16}[pixels.dtype.name]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    raster = gdal.GetDriverByName("GTiff").Create(path, *pixels.shape[:0:-1], len(pixels), kind, ["COMPRESS=DEFLATE"])
    raster.SetGeoTransform(list(geotransform))
    raster.SetProjection(wkt)
    for number, band in enumerate(pixels, start=1):
        raster.GetRasterBand(number).WriteArray(band)
        if nodata is not None:
            raster.GetRasterBand(number).SetNoDataValue(nodata)
    for number, name in enumerate(names, start=1):
        raster.GetRasterBand(number).SetDescription(name)
    raster.FlushCache()
    return path


def _bands(data: str, names: Sequence[str]) -> Tuple[np.ndarray, Geotransform, str]:
    files = [gdal.Open(os.path.join(data, SCENE, f"s2_{name}.jp2")) for name in names]
    return np.stack([file.ReadAsArray() for file in files]), files[0].GetGeoTransform(), files[0].GetProjection()


def common_start(fine: Geotransform, coarse: Geotransform, ratio: int) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """First column and row of two grids that begin near each other, so that both begin at one corner.

    Args:
        fine, coarse: geotransforms of the grids, north up.
        ratio: size of a coarse pixel in fine ones.

    Returns:
        Column and row of the fine grid, then those of the coarse one.

    Raises:
        ValueError: when the grids do not nest.
    """
    starts = []
    for axis, sign in ((0, 1), (3, -1)):
        size = abs(fine[1] if axis == 0 else fine[5])
        distance = sign * (fine[axis] - coarse[axis]) / size
        if abs(distance - round(distance)) > 1e-6:
            raise ValueError("the grids of the two pixel sizes do not nest")
        skipped = max(0, -(-round(distance) // ratio))
        starts.append((skipped * ratio - round(distance), skipped))
    return (starts[0][0], starts[1][0]), (starts[0][1], starts[1][1])


def _moved(geotransform: Geotransform, column: int, row: int) -> Geotransform:
    x, a, b, y, d, e = geotransform
    return (x + column * a, a, b, y + row * e, d, e)


def _dry(pixels: np.ndarray, infrared: np.ndarray) -> np.ndarray:
    """The bands with open water, half of the scene, as nodata."""
    return np.where(classes_of(infrared) == WATER, _NODATA, pixels).astype(pixels.dtype)


def _scene(data: str, metres: int) -> Tuple[np.ndarray, Geotransform, str, Tuple[str, ...]]:
    """All land of the scene on one grid: four bands at 10 m, or ten at 20 m; names of the bands last."""
    fine, place, wkt = _bands(data, FINE)
    if metres == 10:
        return _dry(fine, fine[FINE.index("B08")]), place, wkt, FINE
    coarse, coarse_place, _ = _bands(data, COARSE)
    (column, row), (coarse_column, coarse_row) = common_start(place, coarse_place, 2)
    fine, coarse = fine[:, row:, column:], coarse[:, coarse_row:, coarse_column:]
    height, width = min(fine.shape[1] // 2, coarse.shape[1]), min(fine.shape[2] // 2, coarse.shape[2])
    means = fine[:, : 2 * height, : 2 * width].reshape(len(FINE), height, 2, width, 2).mean(axis=(2, 4))
    found: Dict[str, np.ndarray] = dict(zip(FINE, np.rint(means).astype(np.uint16)))
    found.update(zip(COARSE, coarse[:, :height, :width]))
    pixels = np.stack([found[name] for name in ALL])
    place = _moved(coarse_place, coarse_column, coarse_row)
    return _dry(pixels, found["B08"]), place, wkt, ALL


def write_halves(data: str, folder: str, metres: int) -> str:
    """Write the north of the scene with two thirds of its land to train on, and the south to validate on.

    Args:
        data: folder of the sources.
        folder: takes ``train`` and ``val``, by whose names ``superres:preparepairs`` knows the split.
        metres: 10 for B02, B03, B04, B08; 20 for these and the six bands of 20 m.

    Returns:
        The folder.
    """
    pixels, place, wkt, names = _scene(data, metres)
    border = split_row(pixels[names.index("B08")]) // _WHOLE_ROWS * _WHOLE_ROWS
    for part, name, rows in (("train", "north", slice(0, border)), ("val", "south", slice(border, None))):
        path = os.path.join(folder, part, f"S2_18SVG_{_DATE}_{metres}m_{name}.tif")
        write_raster(path, pixels[:, rows], _moved(place, 0, rows.start), wkt, names, _NODATA)
    return folder


def write_product(data: str, folder: str) -> Tuple[str, str]:
    """Write the scene as a product of two pixel sizes: paths of the 10 m and of the 20 m bands, of one corner."""
    fine, place, wkt = _bands(data, FINE)
    coarse, coarse_place, _ = _bands(data, COARSE)
    (column, row), (coarse_column, coarse_row) = common_start(place, coarse_place, 2)
    fine = _dry(fine, fine[FINE.index("B08")])[:, row:, column:]
    coarse = _dry(coarse, coarse[COARSE.index("B8A")])[:, coarse_row:, coarse_column:]
    paths = [os.path.join(folder, f"S2_18SVG_{_DATE}_{metres}m.tif") for metres in (10, 20)]
    write_raster(paths[0], fine, _moved(place, column, row), wkt, FINE, _NODATA)
    write_raster(paths[1], coarse, _moved(coarse_place, coarse_column, coarse_row), wkt, COARSE, _NODATA)
    return paths[0], paths[1]


def _burn(like: gdal.Dataset, outlines: ogr.Layer, lines: bool) -> np.ndarray:
    """Where polygons, or their outlines, lie on the grid of a raster: bool ``(rows, columns)``."""
    raster = gdal.GetDriverByName("MEM").Create("", like.RasterXSize, like.RasterYSize, 1, gdal.GDT_Byte)
    raster.SetGeoTransform(like.GetGeoTransform())
    raster.SetProjection(like.GetProjection())
    if lines:
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        drawn = memory.CreateLayer("lines", outlines.GetSpatialRef(), ogr.wkbMultiLineString)
        for feature in outlines:
            line = ogr.Feature(drawn.GetLayerDefn())
            line.SetGeometry(feature.GetGeometryRef().Boundary())
            drawn.CreateFeature(line)
        outlines.ResetReading()
        outlines = drawn
    gdal.RasterizeLayer(raster, [1], outlines, burn_values=[1])
    return raster.ReadAsArray() > 0


def render_map(image: str, outlines: str, path: str) -> str:
    """Draw building outlines as a map on the grid of an image; the map's path.

    Args:
        image: raster.
        outlines: polygons in any CRS.
        path: of the map, red, green and blue, uint8.
    """
    like = gdal.Open(image)
    moved = gdal.VectorTranslate("", outlines, format="Memory", dstSRS=like.GetProjection())
    layer = moved.GetLayer(0)
    inside, edge = _burn(like, layer, False), _burn(like, layer, True)
    colours = np.full((*inside.shape, 3), GROUND, np.uint8)
    colours[inside] = BUILDING
    colours[edge] = OUTLINE
    return write_raster(path, np.moveaxis(colours, -1, 0), like.GetGeoTransform(), like.GetProjection())


def buildings_in(colours: np.ndarray) -> np.ndarray:
    """Which pixels of a map show a building: bool ``(rows, columns)`` of ``(3, rows, columns)`` colours from 0 to 255.

    Each pixel counts as what it is nearest to in colour.
    """
    palette = np.array([GROUND, BUILDING, OUTLINE], np.float64)
    distance = np.square(colours[None].astype(np.float64) - palette[:, :, None, None]).sum(1)
    return distance.argmin(0) > 0


def series(data: str) -> List[str]:
    """Paths of the six aerial images of one place, 2009 to 2020."""
    folder = os.path.join(data, "naip-series")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".tif"))
