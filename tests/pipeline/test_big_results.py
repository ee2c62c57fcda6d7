"""Results beyond the 4 GB that a classic TIFF can hold."""

import os
import shutil

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

pytestmark = [pytest.mark.gdal, pytest.mark.slow]
WIDTH, HEIGHT, STRIP = 17000, 16000, 1000
_CLASSIC = 1 << 32


@pytest.fixture
def big_source(tmp_path):
    """A raster whose rows and columns can be told from its values; its doubled form has over 4 GB."""
    if shutil.disk_usage(tmp_path).free < 12e9:
        pytest.skip("needs 12 GB of free disk space")
    path = str(tmp_path / "big.tif")
    options = ["TILED=YES", "COMPRESS=DEFLATE", "ZLEVEL=1", "PREDICTOR=2"]
    dataset = gdal.GetDriverByName("GTiff").Create(path, WIDTH, HEIGHT, 1, gdal.GDT_UInt32, options)
    dataset.SetGeoTransform((500000, 10, 0, 4000000, 0, -10))
    for row in range(0, HEIGHT, STRIP):
        dataset.GetRasterBand(1).WriteArray(numbered(row, 0, STRIP, WIDTH), 0, row)
    dataset = None
    yield path
    for name in os.listdir(tmp_path):
        os.remove(tmp_path / name)


def numbered(row, column, height, width):
    rows = np.arange(row, row + height, dtype=np.uint32)[:, None]
    return rows * np.uint32(WIDTH) + np.arange(column, column + width, dtype=np.uint32)


def test_a_file_of_over_4_gb_is_whole(run, big_source):
    result = run(big_source, "nearest:2", create_options=("COMPRESS=NONE",))
    assert os.path.getsize(result.output) > _CLASSIC
    dataset = gdal.Open(result.output)
    band = dataset.GetRasterBand(1)
    assert (dataset.RasterXSize, dataset.RasterYSize) == (2 * WIDTH, 2 * HEIGHT)
    for row, column in ((0, 0), (HEIGHT // 2, WIDTH // 2), (HEIGHT - 40, WIDTH - 40), (12345, 6789)):
        block = band.ReadAsArray(2 * column, 2 * row, 80, 80)
        np.testing.assert_array_equal(block, numbered(row, column, 40, 40).repeat(2, 0).repeat(2, 1))
