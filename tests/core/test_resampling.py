"""Interpolation by banded matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.resampling import BandedMatrix, apply_both, enlarge_cubic, enlarge_nearest, keys_cubic


@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_banded_products_equal_dense_ones(rows, columns, seed):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.2)
    image = rng.normal(size=(2, columns, 7))
    np.testing.assert_allclose(BandedMatrix(dense).apply_rows(image), dense @ image, atol=1e-12)
    turned = image.swapaxes(1, 2)
    np.testing.assert_allclose(BandedMatrix(dense).apply_columns(turned), turned @ dense.T, atol=1e-12)


def test_cubic_kernel_has_its_defining_values():
    np.testing.assert_allclose(keys_cubic(np.array([0.0, 1.0, 2.0, 3.0, 0.5])), [1, 0, 0, 0, 0.5625])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_cubic_reproduces_a_plane_away_from_the_border(scale):
    rows, columns = np.mgrid[0:20, 0:24].astype(np.float64)
    fine = enlarge_cubic((3 * rows - 2 * columns)[None], scale)[0]
    r = (np.arange(20 * scale) + 0.5) / scale - 0.5
    c = (np.arange(24 * scale) + 0.5) / scale - 0.5
    inner = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(fine[inner, inner], (3 * r[:, None] - 2 * c[None])[inner, inner], atol=1e-9)


@pytest.mark.gdal
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_cubic_equals_gdal(scale, make_raster):
    gdal = pytest.importorskip("osgeo.gdal")
    pixels = np.random.default_rng(1).random((1, 30, 40)).astype(np.float32)
    path = make_raster(pixels)
    size = {"width": 40 * scale, "height": 30 * scale, "resampleAlg": "cubic", "format": "MEM"}
    theirs = gdal.Translate("", path, **size).ReadAsArray()
    inner = (slice(2 * scale, -2 * scale),) * 2
    np.testing.assert_allclose(enlarge_cubic(pixels, scale)[0][inner], theirs[inner], atol=1e-5)


def test_nearest_keeps_type_and_values():
    pixels = np.array([[[1, 2], [3, 4]]], np.int16)
    result = enlarge_nearest(pixels, 3)
    assert result.dtype == np.int16 and result.shape == (1, 6, 6)
    assert (result[0, :3, :3] == 1).all() and (result[0, 3:, 3:] == 4).all()


def test_both_axes_in_either_order():
    rng = np.random.default_rng(2)
    shrink, grow = BandedMatrix(rng.normal(size=(3, 8))), BandedMatrix(rng.normal(size=(9, 5)))
    image = rng.normal(size=(2, 8, 5))
    np.testing.assert_allclose(apply_both(shrink, grow, image), grow.apply_columns(shrink.apply_rows(image)))
