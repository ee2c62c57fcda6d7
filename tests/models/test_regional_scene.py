"""The scene that fine-tuning is shown on: ground of training and of figures apart, input as its sensor would see it."""

import os

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("scipy", reason="SciPy is not installed")

from osgeo import gdal, ogr, osr  # noqa: E402

from models.recipes.regional_scene import (  # noqa: E402
    BORDER,
    GAP,
    MTF,
    OTHER,
    SCALE,
    SCENE,
    WATER,
    classes_of,
    split_row,
    write_scene,
)
from sr_plugin.core.card import PointSpread  # noqa: E402
from sr_plugin.core.point_spread import reduce_image  # noqa: E402

ROWS, COLUMNS = 301, 142
CORNER = (435730.0, 4179460.0)


@pytest.fixture(scope="module")
def scene():
    """B04, B03, B02, B08 of land everywhere but for a lake in the south and the sea in the east."""
    pixels = np.random.default_rng(5).integers(600, 3000, (4, ROWS, COLUMNS)).astype(np.uint16)
    pixels[3, :, 100:] = 200
    pixels[3, 240:250, 40:60] = 200
    return pixels


@pytest.fixture(scope="module")
def work(scene, tmp_path_factory):
    """The files that the recipe makes of the scene."""
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("work")
    os.makedirs(data / SCENE)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32618)
    for name, band in zip(("B04", "B03", "B02", "B08"), scene):
        # GDAL goes by what is in a file, not by its name.
        file = gdal.GetDriverByName("GTiff").Create(
            str(data / SCENE / f"s2_{name}.jp2"), COLUMNS, ROWS, 1, gdal.GDT_UInt16
        )
        file.SetGeoTransform((CORNER[0], 10, 0, CORNER[1], 0, -10))
        file.SetProjection(crs.ExportToWkt())
        file.GetRasterBand(1).WriteArray(band)
        file = None
    write_scene(str(data), str(folder))
    return folder


def opened(work, name):
    file = gdal.Open(str(work / name))
    return file, file.ReadAsArray(), file.GetGeoTransform()


def test_the_southern_third_of_the_land_begins_where_two_thirds_lie_above():
    land = np.full((90, 10), 1000)
    land[:30] = 100
    assert split_row(land) == 30 + 40 - 1


def test_training_and_figures_share_no_ground_and_no_blur(work, scene):
    _, training, upper = opened(work, "train.tif")
    _, truth, lower = opened(work, "truth.tif")
    border = split_row(scene[3])
    np.testing.assert_array_equal(training, scene[:3, : border - GAP])
    height, width = truth.shape[1:]
    np.testing.assert_array_equal(truth, scene[:3, border : border + height, :width])
    assert (height % SCALE, width % SCALE) == (0, 0)
    assert (upper[3], lower[3]) == (CORNER[1], CORNER[1] - 10 * border)


def test_input_is_the_truth_as_a_coarser_sensor_sees_it(work):
    _, truth, fine = opened(work, "truth.tif")
    file, low, coarse = opened(work, "input.tif")
    expected = reduce_image(truth.astype(np.float64), SCALE, PointSpread("gaussian", MTF))
    np.testing.assert_array_equal(low, np.rint(expected))
    assert coarse == (fine[0], 40, 0, fine[3], 0, -40)
    assert [file.GetRasterBand(n).GetDescription() for n in (1, 2, 3)] == ["B04", "B03", "B02"]


def test_open_water_is_far_from_land(scene):
    classes = classes_of(scene[3])
    assert (classes[:, :116] == OTHER).all()
    assert (classes[:, 116:] == WATER).all()


def test_figures_count_on_land_off_the_edges_only(work, scene):
    _, truth, fine = opened(work, "truth.tif")
    polygons = ogr.Open(str(work / "land.gpkg"))
    raster = gdal.GetDriverByName("MEM").Create("", truth.shape[2], truth.shape[1], 1)
    raster.SetGeoTransform(fine)
    gdal.RasterizeLayer(raster, [1], polygons.GetLayer(0), burn_values=[1])
    border = split_row(scene[3])
    expected = scene[3, border : border + truth.shape[1], : truth.shape[2]] > 500
    expected[:BORDER] = expected[-BORDER:] = False
    expected[:, :BORDER] = expected[:, -BORDER:] = False
    assert expected.any()
    np.testing.assert_array_equal(raster.ReadAsArray() == 1, expected)
