"""Reading rasters."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import (  # noqa: E402
    BandError,
    SourceChanged,
    SourceNotFound,
    SourceUnreadable,
    UnsupportedRaster,
)
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_pixels_come_in_their_own_type(make_raster, dtype):
    pixels = np.arange(2 * 6 * 7).reshape(2, 6, 7).astype(dtype)
    source = RasterSource(make_raster(pixels))
    tile = source.read([2, 1], Window(1, 2, 4, 3))
    assert tile.data.dtype == dtype and tile.valid is None
    np.testing.assert_array_equal(tile.data, pixels[[1, 0], 2:5, 1:5])


def test_nodata_and_nan_are_not_valid(make_raster):
    pixels = np.array([[[1.0, -9999.0], [np.nan, np.inf]]], np.float32)
    tile = RasterSource(make_raster(pixels, nodata=-9999.0)).read([1], Window(0, 0, 2, 2))
    assert tile.valid is not None and tile.valid.tolist() == [[[True, False], [False, False]]]


def test_an_alpha_band_says_what_is_valid(make_raster):
    pixels = np.full((4, 3, 3), 255, np.uint8)
    pixels[3, 0, 0] = 0
    colours = [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand]
    source = RasterSource(make_raster(pixels, colours=colours))
    tile = source.read([1, 2, 3], Window(0, 0, 3, 3))
    assert source.masked and tile.valid is not None and (~tile.valid).sum() == 3
    assert [b.number for b in source.layer_bands()] == [1, 2, 3]


def test_facts_about_bands(make_raster):
    path = make_raster(np.zeros((1, 2, 2), np.uint16), descriptions=["B04"], scale_offset=(1e-4, -0.1), nodata=0)
    (info,) = RasterSource(path).bands([1])
    assert (info.description, info.scale, info.offset, info.nodata) == ("B04", 1e-4, -0.1, 0)


def test_a_wavelength_in_the_metadata_is_found(make_raster):
    path = make_raster(np.zeros((2, 2, 2), np.uint16))
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.GetRasterBand(1).SetMetadata({"wavelength": "665", "wavelength_units": "Nanometers"})
    dataset.GetRasterBand(2).SetMetadata({"CENTRAL_WAVELENGTH_UM": "0.842"}, "IMAGERY")
    dataset = None
    assert [b.wavelength_um for b in RasterSource(path).layer_bands()] == [0.665, 0.842]


def test_reading_leaves_the_source_and_its_folder_alone(make_raster, tmp_path):
    path = make_raster(np.random.default_rng(0).integers(0, 255, (1, 600, 600)).astype(np.uint8))
    before, files = open(path, "rb").read(), sorted(os.listdir(tmp_path))
    source = RasterSource(path)
    source.read_sample([1])
    source.read([1], Window(0, 0, 600, 600))
    del source
    assert open(path, "rb").read() == before and sorted(os.listdir(tmp_path)) == files


def test_any_dataset_name_is_a_source(make_raster, tmp_path):
    import zipfile

    path = make_raster(np.ones((1, 4, 4), np.uint8))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "inner/r.tif")
    assert RasterSource(f"/vsizip/{tmp_path}/a.zip/inner/r.tif").grid.width == 4
    assert RasterSource(f"GTIFF_DIR:1:{path}").grid.width == 4


@pytest.mark.parametrize("name, kind", [("", SourceNotFound), ("/no/such/file.tif", SourceNotFound)])
def test_missing_sources(name, kind):
    with pytest.raises(kind) as caught:
        RasterSource(name)
    assert caught.value.hint


def test_a_file_that_is_no_raster(tmp_path):
    path = tmp_path / "text.tif"
    path.write_text("not a raster")
    with pytest.raises(SourceUnreadable, match="cannot be opened as a raster"):
        RasterSource(str(path))


def test_a_truncated_file_fails_when_read(make_raster, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 60000, (1, 300, 300)).astype(np.uint16)
    path = make_raster(pixels, options=["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"])
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(SourceUnreadable):
        RasterSource(path).read([1], Window(0, 0, 300, 300))


def test_complex_values_are_refused(make_raster):
    path = make_raster(np.zeros((1, 3, 3), np.complex64))
    with pytest.raises(UnsupportedRaster, match="CFloat32"):
        RasterSource(path).bands([1])


@pytest.mark.parametrize("number", [0, -1, 3])
def test_bands_that_are_not_there(make_raster, number):
    with pytest.raises(BandError, match="2 band"):
        RasterSource(make_raster(np.zeros((2, 3, 3), np.uint8))).bands([number])


def test_a_source_that_changes_is_noticed(make_raster):
    path = make_raster(np.zeros((1, 3, 3), np.uint8))
    source = RasterSource(path)
    identity = source.identity([1])
    source.check_unchanged(identity)
    os.utime(path, ns=(1, 1))
    with pytest.raises(SourceChanged):
        source.check_unchanged(identity)
    os.remove(path)
    with pytest.raises(SourceChanged):
        source.check_unchanged(identity)


def test_large_blocks_are_kept_for_a_row_of_tiles(make_raster):
    blocks = ["TILED=YES", "BLOCKXSIZE=1024", "BLOCKYSIZE=1024"]
    large = RasterSource(make_raster(np.zeros((2, 2100, 1500), np.uint16), "large.tif", options=blocks))
    # Two columns of blocks, and the two rows of blocks that 562 rows of pixels may touch; two bands of two bytes.
    assert large.row_bytes([1, 2], 512, 562) == 2 * 1024 * 2 * 1024 * 4
    blocks = ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256"]
    small = RasterSource(make_raster(np.zeros((2, 600, 600), np.uint16), "small.tif", options=blocks))
    assert small.row_bytes([1, 2], 512, 562) == 0
