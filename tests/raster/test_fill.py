"""Filling gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from sr_plugin.raster.fill import FILL_DISTANCE, fill_gaps, typical_values  # noqa: E402

pytestmark = pytest.mark.gdal


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.sampled_from(["uint16", "float32", "int16"]))
@settings(max_examples=100)
def test_valid_pixels_stay_and_the_rest_lies_between_them(seed, share, dtype):
    rng = np.random.default_rng(seed)
    data = (rng.random((2, 20, 30)) * 1000 + 100).astype(dtype)
    valid = rng.random(data.shape) < share
    if data.dtype.kind == "f":
        data[~valid] = np.nan
    filled = fill_gaps(data, valid, typical_values(data, valid))
    assert filled.dtype == data.dtype and np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[valid], data[valid])
    for band in range(2):
        if valid[band].any():
            known = data[band][valid[band]]
            assert filled[band].min() >= known.min() - 1 and filled[band].max() <= known.max() + 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=50)
def test_filled_values_do_not_depend_on_the_tiling(seed, col, row):
    rng = np.random.default_rng(seed)
    data = rng.random((1, 80, 80)).astype(np.float32)
    valid = np.ones(data.shape, bool)
    valid[0, 20:60, 10:50] = rng.random((40, 40)) < 0.02
    whole = fill_gaps(data, valid, (0.5,))
    size, margin = 30, FILL_DISTANCE
    top, left = max(0, row - margin), max(0, col - margin)
    part = np.s_[:, top : row + size + margin, left : col + size + margin]
    tile = fill_gaps(data[part], valid[part], (0.5,))
    core = tile[:, row - top : row - top + size, col - left : col - left + size]
    np.testing.assert_allclose(core, whole[:, row : row + size, col : col + size], rtol=1e-6)


def test_nothing_valid_gives_the_typical_value():
    data = np.zeros((1, 30, 30), np.uint16)
    assert (fill_gaps(data, np.zeros(data.shape, bool), (42.0,)) == 42).all()
    assert typical_values(data, np.zeros(data.shape, bool)) == (0.0,)
