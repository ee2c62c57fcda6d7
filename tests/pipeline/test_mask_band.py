"""Rasters that mark gaps by an alpha or mask band: every value survives, black too."""

import os

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import Cancelled  # noqa: E402
from sr_plugin.raster.whole_file import _stored_bands as stored_bands  # noqa: E402
from sr_plugin.raster.whole_file import blocks_end, is_whole  # noqa: E402
from tests.pipeline.conftest import Recorder  # noqa: E402

pytestmark = pytest.mark.gdal
COLOURS = [gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand]


def double(plane):
    return plane.repeat(2, -2).repeat(2, -1)


def read(path):
    """Pixels, validity, nodata value."""
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    return dataset.ReadAsArray(), band.GetMaskBand().ReadAsArray() != 0, band.GetNoDataValue()


@pytest.fixture
def picture():
    """Red, green, blue, alpha: ``(4, 130, 170)`` uint8 with valid black and a gap."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (4, 130, 170), dtype=np.uint8)
    pixels[3] = 255
    pixels[:3, 10:20, 10:20] = 0
    pixels[3, 40:90, 60:] = 0
    return pixels


@pytest.mark.parametrize("cog", [False, True])
def test_black_stays_black_beside_the_gaps_of_an_alpha_band(run, make_raster, picture, cog):
    result = run(make_raster(picture, colours=COLOURS), "nearest:2", tile=32, cog=cog)
    pixels, valid, nodata = read(result.output)
    expected = double(picture[3] != 0)
    assert result.mask_band and nodata is None and pixels.shape[0] == 3
    np.testing.assert_array_equal(valid, expected)
    np.testing.assert_array_equal(pixels, np.where(expected, double(picture[:3]), 0))
    assert sorted(os.listdir(os.path.dirname(result.output))) == ["input.tif", "out.tif"]


def test_a_mask_band_of_the_source_works_alike(run, make_raster, picture):
    path = make_raster(picture[:3])
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    mask = dataset.GetRasterBand(1).GetMaskBand()
    mask.WriteArray(picture[3])
    del mask, dataset
    pixels, valid, nodata = read(run(path, "bicubic:2", tile=48).output)
    assert nodata is None
    np.testing.assert_array_equal(valid, double(picture[3] != 0))
    assert not pixels[:, ~valid].any()


def test_statistics_leave_the_gaps_out(run, make_raster, picture):
    dataset = gdal.Open(run(make_raster(picture, colours=COLOURS), "nearest:2", tile=32).output)
    inside = picture[0][picture[3] != 0]
    mean = float(dataset.GetRasterBand(1).GetMetadataItem("STATISTICS_MEAN"))
    assert mean == pytest.approx(inside.mean(), rel=1e-9)


def test_overviews_have_the_mask_too(run, make_raster):
    pixels = np.full((4, 600, 700), 255, np.uint8)
    pixels[:, :300] = 0
    dataset = gdal.Open(run(make_raster(pixels, colours=COLOURS), "nearest:2").output)
    overview = dataset.GetRasterBand(1).GetOverview(0)
    small = overview.GetMaskBand().ReadAsArray()
    assert small.shape == (600, 700) and not small[:300].any() and small[300:].all()


def test_a_nodata_value_that_the_user_asks_for_is_used_instead(run, make_raster, picture):
    result = run(make_raster(picture, colours=COLOURS), "nearest:2", nodata=255)
    pixels, valid, nodata = read(result.output)
    assert not result.mask_band and nodata == 255
    np.testing.assert_array_equal(valid[: 2 * 130], double(picture[3] != 0))
    assert (pixels[0][valid] != 255).all()


def test_an_interrupted_run_resumes_with_its_mask(run, make_raster, picture, tmp_path):
    source = make_raster(picture, colours=COLOURS)
    whole = read(run(source, "bicubic:2", tile=16, output=str(tmp_path / "whole.tif")).output)
    with pytest.raises(Cancelled):
        run(source, "bicubic:2", tile=16, keep_partial=True, feedback=Recorder(cancel_after=50))
    feedback = Recorder()
    resumed = read(run(source, "bicubic:2", tile=16, feedback=feedback).output)
    assert feedback.steps[0][0] >= 50
    for before, after in zip(whole, resumed):
        np.testing.assert_array_equal(before, after)


def test_a_rotten_mask_is_noticed(run, make_raster, picture, tmp_path):
    source = make_raster(picture, colours=COLOURS)
    whole = read(run(source, "bicubic:2", tile=16, output=str(tmp_path / "whole.tif")).output)
    with pytest.raises(Cancelled):
        run(source, "bicubic:2", tile=16, keep_partial=True, feedback=Recorder(cancel_after=50))
    partial = next(str(p) for p in tmp_path.glob("*.part.tif"))
    dataset = gdal.Open(partial, gdal.GA_Update)
    mask = dataset.GetRasterBand(1).GetMaskBand()
    mask.WriteArray(np.zeros((40, 40), np.uint8), 8, 8)
    del mask, dataset
    resumed = read(run(source, "bicubic:2", tile=16).output)
    for before, after in zip(whole, resumed):
        np.testing.assert_array_equal(before, after)


def test_a_whole_result_clears_what_runs_with_other_settings_left(run, make_raster, picture, tmp_path):
    source = make_raster(picture, colours=COLOURS)
    with pytest.raises(Cancelled):
        run(source, "bicubic:2", tile=16, keep_partial=True, feedback=Recorder(cancel_after=50))
    (tmp_path / "other.tif.0123abcd.part.tif").write_bytes(b"of another output")
    assert len(list(tmp_path.glob("out.tif.*.part.*"))) == 2
    run(source, "bicubic:4")
    assert sorted(os.listdir(tmp_path)) == ["input.tif", "other.tif.0123abcd.part.tif", "out.tif"]


def test_the_blocks_of_the_mask_count_when_a_file_is_checked(run, make_raster, picture):
    path = run(make_raster(picture, colours=COLOURS), "nearest:2", tile=32).output
    dataset = gdal.Open(path)
    mask = dataset.GetRasterBand(1).GetMaskBand()
    offset, size = (int(mask.GetMetadataItem(f"BLOCK_{item}_0_0", "TIFF")) for item in ("OFFSET", "SIZE"))
    ends = [blocks_end(band) for band in stored_bands(dataset)]
    together = dataset.GetMetadataItem("INTERLEAVE", "IMAGE_STRUCTURE") == "PIXEL"
    assert len(ends) == (1 if together else 3) + 1 and ends[-1] >= offset + size
    assert is_whole(path, (dataset.RasterXSize, dataset.RasterYSize, dataset.RasterCount))


def test_overviews_of_an_interrupted_finish_do_not_end_up_in_a_cog(run, make_raster, picture, monkeypatch):
    from sr_plugin.raster.writer import RasterWriter

    source = make_raster(np.tile(picture, (1, 10, 8)), colours=COLOURS)

    def stopped(self, cancelled):
        # What a cancel in the middle of it leaves: the levels are there, but nothing is in them.
        self._dataset.BuildOverviews("NONE", [2])
        raise Cancelled("The run was cancelled.")

    with monkeypatch.context() as patched:
        patched.setattr(RasterWriter, "_overviews", stopped)
        with pytest.raises(Cancelled):
            run(source, "nearest:2", keep_partial=True)
    dataset = gdal.Open(run(source, "nearest:2", cog=True).output)
    band = dataset.GetRasterBand(1)
    levels = [band.GetOverview(n).ReadAsArray().mean() for n in range(band.GetOverviewCount())]
    assert levels and all(abs(level - band.ReadAsArray().mean()) < 3 for level in levels)
