"""One region's scene as fine-tuning takes it: ground to train on, and ground to judge on, which never touch.

Writes into a folder, all on the scene's own 10 m grid, bands B04, B03, B02, digital number = reflectance x 10000:

* ``train.tif`` and ``train_classes.tif``: the north with two thirds of the land; class 6 is open water, 5 all else;
* ``truth.tif`` and ``land.gpkg``: the south with the other third, and the polygons of its land that figures count on;
* ``input.tif``: the truth as a sensor of 40 m would see it.

    python -m models.recipes.regional_scene --data DATA --work WORK
"""

from __future__ import annotations

import argparse
import os
from typing import Sequence

import numpy as np
from osgeo import gdal, ogr, osr
from scipy.ndimage import binary_opening, distance_transform_edt

from models.recipes.scenes import LAND_NIR
from sr_plugin.core.card import PointSpread
from sr_plugin.core.point_spread import reduce_image

gdal.UseExceptions()

SCENE = "s2-l1c-18SVG-20160112"
BANDS = ("B04", "B03", "B02")
SCALE = 4
#: Modulation transfer at the Nyquist frequency of the coarse pixels; also the default of superres:preparepairs.
MTF = 0.35
WATER, OTHER = 6, 5
#: Pixels between the ground of training and that of the figures: more than the blur reaches.
GAP = 16
#: Water further than this from land, in pixels, is open water: nothing is learned from it.
SHORE = 16
#: Pixels at the edge of the ground of the figures that do not count.
BORDER = 8 * SCALE
_DN = 10000.0


def split_row(near_infrared: np.ndarray) -> int:
    """First row of the southern third of the land, of ``(rows, columns)`` digital numbers."""
    above = np.cumsum((near_infrared > LAND_NIR * _DN).sum(axis=1))
    return int(np.searchsorted(above, above[-1] * 2 / 3))


def classes_of(near_infrared: np.ndarray) -> np.ndarray:
    """``(rows, columns)`` uint8, :data:`WATER` where it is open, else :data:`OTHER`."""
    far = distance_transform_edt(near_infrared <= LAND_NIR * _DN) > SHORE
    return np.where(far, WATER, OTHER).astype(np.uint8)


def _write(
    path: str, pixels: np.ndarray, like: gdal.Dataset, row: int, size: int = 1, names: Sequence[str] = ()
) -> None:
    """Write ``(bands, rows, columns)`` as a GeoTIFF whose upper edge is a row of another raster."""
    kind = gdal.GDT_Byte if pixels.dtype == np.uint8 else gdal.GDT_UInt16
    dataset = gdal.GetDriverByName("GTiff").Create(path, *pixels.shape[:0:-1], len(pixels), kind, ["COMPRESS=DEFLATE"])
    x, a, b, y, d, e = like.GetGeoTransform()
    dataset.SetGeoTransform((x + b * row, a * size, b * size, y + e * row, d * size, e * size))
    dataset.SetProjection(like.GetProjection())
    for number, band in enumerate(pixels, start=1):
        dataset.GetRasterBand(number).WriteArray(band)
    for number, name in enumerate(names, start=1):
        dataset.GetRasterBand(number).SetDescription(name)
    dataset.FlushCache()


def _write_polygons(path: str, inside: np.ndarray, like: gdal.Dataset, row: int) -> None:
    """Write the outlines of ``(rows, columns)`` as a GeoPackage."""
    raster = gdal.GetDriverByName("MEM").Create("", *inside.shape[::-1], 1, gdal.GDT_Byte)
    x, a, b, y, d, e = like.GetGeoTransform()
    raster.SetGeoTransform((x + b * row, a, b, y + e * row, d, e))
    raster.SetProjection(like.GetProjection())
    band = raster.GetRasterBand(1)
    band.WriteArray(inside.astype(np.uint8))
    driver = ogr.GetDriverByName("GPKG")
    if os.path.exists(path):
        driver.DeleteDataSource(path)
    source = driver.CreateDataSource(path)
    crs = osr.SpatialReference(wkt=like.GetProjection())
    layer = source.CreateLayer("land", crs, ogr.wkbPolygon)
    gdal.Polygonize(band, band, layer, -1, [])
    source.FlushCache()


def write_scene(data: str, work: str) -> None:
    """Write the files that the module's text names into ``work``."""
    os.makedirs(work, exist_ok=True)
    files = [gdal.Open(os.path.join(data, SCENE, f"s2_{band}.jp2")) for band in (*BANDS, "B08")]
    *colours, infrared = (file.ReadAsArray() for file in files)
    image, like, border = np.stack(colours), files[0], split_row(infrared)
    classes = classes_of(infrared)
    _write(os.path.join(work, "train.tif"), image[:, : border - GAP], like, 0, names=BANDS)
    _write(os.path.join(work, "train_classes.tif"), classes[None, : border - GAP], like, 0)
    height, width = ((length // SCALE) * SCALE for length in image[0, border:].shape)
    truth = image[:, border : border + height, :width]
    land = binary_opening(infrared[border : border + height, :width] > LAND_NIR * _DN)
    inner = np.zeros_like(land)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    _write(os.path.join(work, "truth.tif"), truth, like, border, names=BANDS)
    _write_polygons(os.path.join(work, "land.gpkg"), land & inner, like, border)
    low = np.rint(reduce_image(truth.astype(np.float64), SCALE, PointSpread("gaussian", MTF))).astype(np.uint16)
    _write(os.path.join(work, "input.tif"), low, like, border, SCALE, BANDS)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with the scene")
    parser.add_argument("--work", required=True, help="folder to write to")
    args = parser.parse_args()
    write_scene(args.data, args.work)


if __name__ == "__main__":
    main()
