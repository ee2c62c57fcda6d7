"""A GeoTIFF that was cut short is not taken for a whole one."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.raster.whole_file import is_whole  # noqa: E402
from tests.conftest import write_raster  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.mark.parametrize("interleave", ["PIXEL", "BAND"])
@pytest.mark.parametrize("more", [(), ("COMPRESS=DEFLATE",), ("COPY_SRC_OVERVIEWS=YES",), ("SPARSE_OK=TRUE",)])
def test_whole_and_cut_short(tmp_path, interleave, more):
    pixels = np.random.default_rng(0).integers(0, 60000, (3, 300, 200)).astype(np.uint16)
    options = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64", f"INTERLEAVE={interleave}", *more]
    path = write_raster(tmp_path / "a.tif", pixels, options=options)
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.BuildOverviews("AVERAGE", [2, 4])
    del dataset
    assert is_whole(path, (200, 300, 3))
    assert not is_whole(path, (200, 301, 3)) and not is_whole(path, (200, 300, 4))
    os.truncate(path, os.path.getsize(path) - 1)
    assert not is_whole(path, (200, 300, 3))
    os.truncate(path, 100)
    assert not is_whole(path, (200, 300, 3))


def test_blocks_that_were_never_written_are_no_lack(tmp_path):
    path = str(tmp_path / "sparse.tif")
    gdal.GetDriverByName("GTiff").Create(path, 500, 500, 2, gdal.GDT_Byte, ["SPARSE_OK=TRUE", "TILED=YES"])
    assert is_whole(path, (500, 500, 2))


def test_no_file_at_all(tmp_path):
    assert not is_whole(str(tmp_path / "none.tif"), (1, 1, 1))
    (tmp_path / "text.tif").write_text("no raster")
    assert not is_whole(str(tmp_path / "text.tif"), (1, 1, 1))
