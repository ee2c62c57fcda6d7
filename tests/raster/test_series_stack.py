"""Which pixels of a stack of views are valid: alpha bands, nodata of every band, masks, warped views."""

from __future__ import annotations

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal", reason="GDAL's Python bindings are not installed")

from sr_plugin.core.errors import UnsupportedRaster  # noqa: E402
from sr_plugin.raster.series_stack import make_series_stack, place_view  # noqa: E402
from sr_plugin.raster.source import RasterSource  # noqa: E402
from tests.conftest import write_raster  # noqa: E402

HALF = (500000.0, 5.0, 0.0, 4100000.0, 0.0, -5.0)
MIRRORED = (500000.0, 10.0, 0.0, 4100000.0 - 600.0, 0.0, 10.0)


def _pixels(bands, height=60, width=70, kind=np.uint16):
    return np.random.default_rng(bands).integers(1000, 2000, (bands, height, width)).astype(kind)


def _stack(names, bands, masks=None):
    sources = [RasterSource(name) for name in names]
    placed = [place_view(source, sources[0]) for source in sources]
    stack = make_series_stack(placed, bands, masks or [""] * len(names))
    with stack.mounted() as name:
        pixels = gdal.Open(name).ReadAsArray()
    count = len(names) * len(bands)
    return pixels[:count].reshape(len(names), len(bands), *pixels.shape[1:]), pixels[count:] != 0


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_an_alpha_band_tells_the_validity_whatever_the_number_of_bands(tmp_path, bands):
    pixels = np.concatenate([_pixels(bands), np.full((1, 60, 70), 65535, np.uint16)])
    pixels[bands, 10:20, 30:40] = 0
    colours = [gdal.GCI_GrayIndex] + [gdal.GCI_Undefined] * (bands - 1) + [gdal.GCI_AlphaBand]
    name = write_raster(tmp_path / "alpha.tif", pixels, colours=colours)
    _, valid = _stack([name], range(1, bands + 1))
    assert np.array_equal(valid[0], pixels[bands] != 0)


@pytest.mark.parametrize("band", [0, 1, 2])
@pytest.mark.parametrize("nodata, kind", [(0, np.uint16), (-3.4028234663852886e38, np.float32)])
def test_nodata_in_any_band_is_a_gap(tmp_path, band, nodata, kind):
    pixels = _pixels(3, kind=kind)
    pixels[band, 10:20, 30:40] = nodata
    name = write_raster(tmp_path / "gap.tif", pixels, nodata=nodata)
    _, valid = _stack([name], (1, 2, 3))
    assert np.array_equal(valid[0], (pixels != kind(nodata)).all(axis=0))


@pytest.mark.parametrize("nodata", [0, None])
@pytest.mark.parametrize("bands, band", [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_a_warped_view_is_valid_where_all_of_its_bands_have_data(tmp_path, nodata, bands, band):
    reference = write_raster(tmp_path / "reference.tif", _pixels(bands), nodata=nodata)
    # The view covers the upper 50 of 60 rows.
    pixels = _pixels(bands, 100, 140)
    if nodata is not None:
        pixels[band, 40:60, 80:100] = nodata
    view = write_raster(tmp_path / "view.tif", pixels, HALF, nodata=nodata)
    values, valid = _stack([reference, view], range(1, bands + 1))
    assert valid[0].all()
    assert not valid[1, 50:].any()
    inside = np.s_[20:30, 40:50]
    assert valid[1][inside].any() == (nodata is None)
    far = np.ones(valid[1].shape, bool)
    far[18:32, 38:52] = far[49:] = False
    assert valid[1][far].all()
    # Nothing of the gap shows in what is valid.
    assert 800 < values[1][:, valid[1]].min() and values[1][:, valid[1]].max() < 2200


def test_an_alpha_band_of_a_warped_view_is_kept(tmp_path):
    reference = write_raster(tmp_path / "reference.tif", _pixels(2))
    pixels = np.concatenate([_pixels(2, 120, 140), np.full((1, 120, 140), 65535, np.uint16)])
    pixels[2, 40:60, 80:100] = 0
    colours = [gdal.GCI_GrayIndex, gdal.GCI_Undefined, gdal.GCI_AlphaBand]
    view = write_raster(tmp_path / "view.tif", pixels, HALF, colours=colours)
    _, valid = _stack([reference, view], (1, 2))
    assert not valid[1, 20:30, 40:50].any() and valid[1, :18].all()


def test_clouds_are_cut_from_the_validity(tmp_path):
    name = write_raster(tmp_path / "view.tif", _pixels(2))
    clouds = np.zeros((60, 70), np.uint8)
    clouds[5:9, 6:11] = 3
    _, valid = _stack([name], (1, 2), [write_raster(tmp_path / "clouds.tif", clouds)])
    assert np.array_equal(valid[0], clouds == 0)


@pytest.mark.parametrize("what", ["view", "mask"])
def test_nothing_is_interpolated_onto_a_mirrored_reference(tmp_path, what):
    reference = write_raster(tmp_path / "reference.tif", _pixels(1), MIRRORED)
    other = write_raster(tmp_path / "other.tif", _pixels(1, 120, 140), HALF)
    with pytest.raises(UnsupportedRaster, match="mirrored"):
        if what == "view":
            _stack([reference, other], (1,))
        else:
            _stack([reference], (1,), [other])


def test_the_same_views_make_a_stack_of_the_same_name(tmp_path):
    reference = RasterSource(write_raster(tmp_path / "reference.tif", _pixels(1)))
    other = RasterSource(write_raster(tmp_path / "other.tif", _pixels(1, 120, 140), HALF))
    placed = [place_view(source, reference) for source in (reference, other)]
    assert len({make_series_stack(placed, (1,), ["", ""]).name for _ in range(2)}) == 1
