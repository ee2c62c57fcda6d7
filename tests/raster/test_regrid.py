"""A raster on another grid: values, gaps, facts, and nothing left behind."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled, SourceUnreadable  # noqa: E402
from sr_plugin.core.grid import Grid  # noqa: E402
from sr_plugin.raster import regrid  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402

pytestmark = pytest.mark.gdal
LEFT, TOP = 500000.0, 4100000.0


def grid_beside(source, col, row, width, height, step=10.0):
    """A grid whose corner lies at a pixel position of the source."""
    place = (LEFT + 10 * col, step, 0.0, TOP - 10 * row, 0.0, -step)
    return Grid(width, height, place, RasterSource(source).grid.wkt)


@pytest.fixture
def write(tmp_path):
    def go(source, grid, cancelled=lambda: False, **options):
        values = {"create_options": (), "cog": False, "metadata": {"SR_ALIGNED_TO": "x"}, **options}
        path = str(tmp_path / "out.tif")
        steps = []
        regrid.write_on_grid(
            source, grid, path, progress=lambda done, total: steps.append((done, total)), cancelled=cancelled, **values
        )
        return gdal.Open(path), steps

    return go


@pytest.mark.parametrize("side", [16, 1024])
def test_grids_that_nest_and_windows_of_any_size(make_raster, write, monkeypatch, side):
    pixels = np.random.default_rng(2).integers(1, 60000, (2, 50, 60)).astype(np.uint16)
    source = make_raster(pixels, nodata=0, descriptions=("a", "b"), scale_offset=(0.5, 3.0))
    monkeypatch.setattr(regrid, "_SIDE", side)
    result, steps = write(source, grid_beside(source, 7, 9, 40, 36))
    np.testing.assert_array_equal(result.ReadAsArray(), pixels[:, 9:45, 7:47])
    assert steps[-1] == ((3 * 3, 3 * 3) if side == 16 else (1, 1))
    band = result.GetRasterBand(2)
    assert (band.GetDescription(), band.GetScale(), band.GetOffset(), band.GetNoDataValue()) == ("b", 0.5, 3.0, 0)
    assert float(band.GetMetadataItem("STATISTICS_MAXIMUM")) == pixels[1, 9:45, 7:47].max()
    assert result.GetMetadataItem("SR_ALIGNED_TO") == "x"


def test_half_a_pixel_keeps_the_finest_detail_of_the_input(make_raster, write):
    """A wave of 6 pixels, the finest that an input three times as coarse can hold, keeps 97 % of its contrast."""
    wave = 5000 + 1000 * np.cos(np.arange(80) * np.pi / 3)[None].repeat(40, 0)
    source = make_raster(wave.astype(np.float32)[None])
    result, _ = write(source, grid_beside(source, 10.5, 10.0, 60, 20))
    expected = 5000 + 974.3 * np.cos((np.arange(60) + 10.5) * np.pi / 3)
    assert np.abs(result.ReadAsArray() - expected[None]).max() < 1.0


@pytest.mark.parametrize("pixel_type, nodata", [("float32", float("nan")), ("int16", -9999), ("uint8", None)])
def test_what_lies_outside_is_a_gap(make_raster, write, pixel_type, nodata):
    pixels = np.random.default_rng(3).integers(10, 200, (2, 30, 30)).astype(pixel_type)
    source = make_raster(pixels, nodata=nodata)
    result, _ = write(source, grid_beside(source, -5, -8, 50, 50))
    inside = np.zeros((50, 50), bool)
    inside[8:38, 5:35] = True
    for number in (1, 2):
        band = result.GetRasterBand(number)
        np.testing.assert_array_equal(band.GetMaskBand().ReadAsArray() != 0, inside)
        np.testing.assert_array_equal(band.ReadAsArray()[inside], pixels[number - 1].ravel())


def test_each_band_has_gaps_of_its_own(make_raster, write):
    pixels = np.full((2, 40, 40), 100, np.uint8)
    pixels[0, 10:20, 10:20] = 0
    pixels[1, 25:30, 5:30] = 0
    source = make_raster(pixels, nodata=0)
    result, _ = write(source, grid_beside(source, 3.0, 4.0, 30, 30))
    np.testing.assert_array_equal(result.ReadAsArray(), pixels[:, 4:34, 3:33])


def test_a_coarser_grid_takes_means_not_samples(make_raster, write):
    pixels = np.indices((60, 60)).sum(axis=0) % 2 * 1000
    source = make_raster(pixels.astype(np.uint16), nodata=9999)
    result, _ = write(source, grid_beside(source, 4, 4, 12, 12, step=40.0))
    assert np.abs(result.ReadAsArray().astype(int) - 500).max() <= 20


def test_creation_options_and_layout(make_raster, write):
    source = make_raster(np.ones((1, 40, 40), np.uint8), nodata=0)
    grid = grid_beside(source, 0, 0, 40, 40)
    result, _ = write(source, grid, create_options=("COMPRESS=LZW",))
    assert result.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "LZW"
    result, _ = write(source, grid, cog=True)
    assert result.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"


def test_a_cancel_leaves_nothing(make_raster, write, tmp_path):
    source = make_raster(np.ones((1, 40, 40), np.uint8), nodata=0)
    with pytest.raises(Cancelled):
        write(source, grid_beside(source, 0, 0, 40, 40), cancelled=lambda: True)
    assert os.listdir(tmp_path) == ["input.tif"]


def test_a_crs_from_which_no_way_leads_is_told(make_raster, write, tmp_path):
    source = make_raster(np.ones((1, 40, 40), np.uint8), nodata=0)
    nowhere = 'LOCAL_CS["nowhere",UNIT["metre",1]]'
    with pytest.raises(SourceUnreadable, match="'input.tif' cannot be brought onto the other grid"):
        write(source, Grid(10, 10, (LEFT, 10.0, 0.0, TOP, 0.0, -10.0), nowhere))
    assert os.listdir(tmp_path) == ["input.tif"]
