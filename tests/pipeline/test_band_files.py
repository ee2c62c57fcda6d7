"""A stack laid apart: every fact of its bands is in their files and in the virtual raster over them."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import OutputError  # noqa: E402
from sr_plugin.pipeline.band_files import check_band_files, split_into_files  # noqa: E402

pytestmark = pytest.mark.gdal
PIXELS = np.random.default_rng(2).integers(1, 4000, (2, 30, 40)).astype(np.uint16)


@pytest.fixture
def stack(make_raster):
    """A raster of two bands, in kelvin and without unit, with a mask that all bands share."""
    path = make_raster(PIXELS, descriptions=("ST_B10", "B & <4>"))
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.GetRasterBand(1).SetUnitType("K")
    dataset.GetRasterBand(1).SetScale(0.01)
    gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
    mask = dataset.GetRasterBand(1).GetMaskBand()
    mask.WriteArray(mask_of(PIXELS))
    del mask, dataset
    return path


def mask_of(pixels):
    mask = np.full(pixels.shape[1:], 255, np.uint8)
    mask[5:12, 20:] = 0
    return mask


def test_the_virtual_raster_has_the_mask_and_the_units_of_the_stack(stack):
    virtual, files = split_into_files(stack, (), lambda: False)
    assert not os.path.exists(stack)
    dataset = gdal.Open(virtual)
    for number in (1, 2):
        band = dataset.GetRasterBand(number)
        assert band.GetMaskFlags() == gdal.GMF_PER_DATASET
        np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray(), mask_of(PIXELS))
        np.testing.assert_array_equal(band.ReadAsArray()[:5], PIXELS[number - 1, :5])
    assert [dataset.GetRasterBand(n).GetUnitType() for n in (1, 2)] == ["K", ""]
    assert dataset.GetRasterBand(1).GetScale() == 0.01
    file = gdal.Open(files[0])
    assert file.GetRasterBand(1).GetUnitType() == "K"


def test_a_virtual_raster_can_be_moved_with_its_files(stack, tmp_path):
    virtual, files = split_into_files(stack, (), lambda: False)
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in (virtual, *files):
        os.rename(file, moved / os.path.basename(file))
    dataset = gdal.Open(str(moved / os.path.basename(virtual)))
    np.testing.assert_array_equal(dataset.GetRasterBand(1).GetMaskBand().ReadAsArray(), mask_of(PIXELS))
    np.testing.assert_array_equal(dataset.ReadAsArray()[:, :5], PIXELS[:, :5])


@pytest.mark.parametrize("cog", [False, True])
def test_files_are_cloud_optimised_on_request(stack, cog):
    _, files = split_into_files(stack, (), lambda: False, cog)
    for file in files:
        dataset = gdal.Open(file)
        assert (dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG") == cog
        np.testing.assert_array_equal(dataset.GetRasterBand(1).GetMaskBand().ReadAsArray(), mask_of(PIXELS))
    assert not [name for name in os.listdir(os.path.dirname(stack)) if ".part" in name]


def test_no_file_that_is_read_is_written_over(tmp_path):
    for name in ("out_B04.tif", "out.vrt"):
        path = tmp_path / name
        path.write_bytes(b"kept")
        with pytest.raises(OutputError, match="never modified"):
            check_band_files(str(tmp_path / "out.tif"), ["B04"], [str(path)])
        path.unlink()
