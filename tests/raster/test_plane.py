"""One plane of a raster on the grid of another."""

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import ParameterError, SourceUnreadable  # noqa: E402
from sr_plugin.core.grid import Grid, Window  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic  # noqa: E402
from sr_plugin.raster import plane  # noqa: E402
from sr_plugin.raster.plane import PlaneReader  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402

pytestmark = pytest.mark.gdal
LEFT, TOP = 500000.0, 4100000.0


def grid(width, height, pixel, left=LEFT, top=TOP):
    return Grid(width, height, (left, pixel, 0.0, top, 0.0, -pixel))


def reader(path, target, bands=(1,), placed=None):
    source = RasterSource(path)
    return PlaneReader(source, bands, target, placed or source.grid)


@pytest.fixture
def coarse():
    return np.random.default_rng(2).integers(0, 200, (30, 40)).astype(np.uint8)


def test_nested_grids_give_source_pixels_as_they_are(make_raster, coarse):
    nested = reader(make_raster(coarse), grid(160, 120, 2.5))
    assert nested.ratio == 4 and nested.covered == Window(0, 0, 160, 120)
    pixels, valid = nested.read(Window(8, 20, 40, 16))
    np.testing.assert_array_equal(pixels, coarse[5:9, 2:12])
    assert pixels.dtype == np.float32 and valid.all()


def test_position_counts_and_not_the_pixel_number(make_raster, coarse):
    # The target begins 3 source pixels further right and 2 further down.
    nested = reader(make_raster(coarse), grid(80, 80, 2.5, LEFT + 30, TOP - 20))
    pixels, _ = nested.read(Window(0, 0, 16, 8))
    np.testing.assert_array_equal(pixels, coarse[2:4, 3:7])


def test_what_the_source_does_not_cover_is_not_valid(make_raster, coarse):
    nested = reader(make_raster(coarse), grid(200, 150, 2.5, LEFT - 20, TOP + 10))
    assert nested.covered == Window(8, 4, 160, 120)
    pixels, valid = nested.read(Window(0, 0, 16, 8))
    np.testing.assert_array_equal(valid, [[False] * 4, [False, False, True, True]])
    np.testing.assert_array_equal(pixels[1, 2:], coarse[0, :2])
    assert not reader(make_raster(coarse), grid(10, 10, 10, LEFT + 900, TOP)).read(Window(0, 0, 10, 10))[1].any()


def test_grids_that_are_not_nested_are_interpolated_by_bicubic(make_raster, coarse):
    # Half a fine pixel off: the source pixel's corner lies within a target pixel.
    shifted = reader(make_raster(coarse), grid(150, 110, 2.5, LEFT + 1.25, TOP - 1.25))
    assert shifted.ratio == 0
    pixels, valid = shifted.read(Window(0, 0, 150, 110))
    # The centre of a target pixel is a corner of these, so the mean of the four around it is nearly the same.
    fine = enlarge_cubic(coarse.astype(np.float64), 8)
    expected = fine[1:221, 1:301].reshape(110, 2, 150, 2).mean((1, 3))
    inner = (slice(10, 100), slice(10, 140))
    assert valid.all() and np.abs(pixels - np.rint(pixels)).max() > 0.3
    assert np.abs(pixels[inner] - expected[inner]).mean() < 1
    assert np.abs(pixels[inner][1:] - expected[inner][:-1]).mean() > 5


def test_windows_of_an_interpolated_plane_agree(make_raster, coarse):
    shifted = reader(make_raster(coarse), grid(100, 80, 3.0, LEFT + 7, TOP - 11))
    whole, _ = shifted.read(Window(0, 0, 100, 80))
    part, _ = shifted.read(Window(33, 21, 30, 25))
    np.testing.assert_allclose(part, whole[21:46, 33:63], atol=1e-3)


def test_a_finer_source_is_averaged(make_raster):
    fine = np.arange(24 * 36, dtype=np.float32).reshape(24, 36)
    pixels, _ = reader(make_raster(fine), grid(9, 6, 40.0)).read(Window(0, 0, 9, 6))
    np.testing.assert_allclose(pixels, fine.reshape(6, 4, 9, 4).mean((1, 3)), rtol=1e-5)


@pytest.mark.parametrize("right, down", [(0.3, 0.0), (0.5, 0.25), (0.0, 0.8)])
def test_pixels_of_the_same_size_are_moved_by_fractions(make_raster, right, down):
    rows, columns = np.mgrid[0:40, 0:50].astype(np.float32)
    image = 3 * rows + 7 * columns
    image[30, 30] = -1
    # Longer by what rounding does to a length.
    target = grid(40, 30, 10.0 * (1 + 1e-9), LEFT + 10 * (4 + right), TOP - 10 * (5 + down))
    pixels, valid = reader(make_raster(image, nodata=-1), target).read(Window(0, 0, 40, 30))
    expected = 3 * (rows[5:35, 4:44] + down) + 7 * (columns[5:35, 4:44] + right)
    far = np.ones(valid.shape, bool)
    far[20:30, 20:32] = False
    assert valid[far].all() and 1 <= (~valid).sum() <= 4
    np.testing.assert_allclose(pixels[far], expected[far], atol=1e-3)


def test_means_are_not_rounded_and_hold_no_gap(make_raster, monkeypatch):
    fine = np.random.default_rng(3).integers(1, 250, (40, 60)).astype(np.uint8)
    gappy = fine.copy()
    gappy[9, 13] = 0
    expected = fine.reshape(10, 4, 15, 4).mean((1, 3))
    for strip in (1 << 24, 500):
        monkeypatch.setattr(plane, "_STRIP", strip)
        pixels, valid = reader(make_raster(gappy, nodata=0), grid(15, 10, 40.0)).read(Window(0, 0, 15, 10))
        assert np.argwhere(~valid).tolist() == [[2, 3]]
        np.testing.assert_allclose(pixels[valid], expected[valid], rtol=1e-5)


def test_luminance_and_gaps(make_raster):
    bands = np.full((3, 10, 10), 100, np.int16)
    bands[1] = 200
    bands[0, 4, 4] = -1
    pixels, valid = reader(make_raster(bands, nodata=-1), grid(10, 10, 10), (1, 2, 3)).read(Window(0, 0, 10, 10))
    assert pixels[0, 0] == pytest.approx(0.299 * 100 + 0.587 * 200 + 0.114 * 100)
    assert not valid[4, 4] and valid.sum() == 99 and pixels[4, 4] == 0


def test_not_a_number_is_a_gap_when_interpolated(make_raster):
    image = np.full((20, 20), 5, np.float32)
    image[10, 10] = np.nan
    pixels, valid = reader(make_raster(image), grid(60, 60, 3.0, LEFT + 1, TOP - 1)).read(Window(0, 0, 60, 60))
    assert 4 <= (~valid).sum() <= 25
    np.testing.assert_allclose(pixels[valid], 5, atol=1e-4)


@pytest.mark.parametrize(
    "transform",
    [
        (LEFT, 2.4, 0.6, TOP, 0.6, -2.4),
        (LEFT, 2.5, 0, TOP - 400, 0, 2.5),
        (LEFT + 300, -2.5, 0, TOP, 0, -2.5),
    ],
)
def test_turned_and_mirrored_grids_are_refused(make_raster, coarse, transform):
    with pytest.raises(ParameterError, match="turned or mirrored"):
        reader(make_raster(coarse), Grid(100, 100, transform))


def test_two_rasters_that_are_turned_alike_nest(make_raster, coarse):
    turned = (LEFT, 8.0, 6.0, TOP, 6.0, -8.0)
    path = make_raster(coarse, geotransform=turned)
    nested = reader(path, Grid(80, 60, (LEFT, 4.0, 3.0, TOP, 3.0, -4.0)))
    assert nested.ratio == 2
    np.testing.assert_array_equal(nested.read(Window(0, 0, 80, 60))[0], coarse)


def test_a_damaged_file_is_told(make_raster, coarse):
    path = make_raster(np.random.default_rng(0).integers(0, 255, (400, 400)).astype(np.uint8), options=["TILED=YES"])
    opened = reader(path, grid(400, 400, 10.0))
    with open(path, "rb+") as file:
        file.truncate(20000)
    with pytest.raises(SourceUnreadable, match="cannot be read"):
        opened.read(Window(300, 300, 100, 100))
