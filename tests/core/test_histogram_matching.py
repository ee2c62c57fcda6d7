"""Histogram matching."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.histogram_matching import histogram_map


@given(st.floats(0.1, 10), st.floats(-500, 500))
def test_a_difference_of_gain_and_offset_is_undone(gain, offset):
    values = np.random.default_rng(1).gamma(3, 200, 5000)
    found = histogram_map(values, gain * values + offset)
    probe = np.linspace(values.min() - 100, values.max() + 100, 50)
    assert found(probe)[5:-5] == pytest.approx((gain * probe + offset)[5:-5], rel=1e-6, abs=1e-6)


def test_it_agrees_with_scikit_image():
    exposure = pytest.importorskip("skimage.exposure")
    rng = np.random.default_rng(2)
    values, reference = rng.normal(1000, 150, 20000), rng.gamma(4, 300, 20000)
    ours = histogram_map(values, reference)(values)
    theirs = exposure.match_histograms(values, reference)
    middle = (theirs > np.quantile(theirs, 0.01)) & (theirs < np.quantile(theirs, 0.99))
    assert np.abs(ours - theirs)[middle].max() < 0.02 * np.ptp(theirs[middle])


def test_the_map_rises_and_takes_values_that_repeat():
    values = np.repeat([0.0, 0.0, 0.0, 5.0, 9.0], 100)
    found = histogram_map(values, np.arange(500.0))
    mapped = found(np.linspace(-3, 12, 100))
    assert np.all(np.diff(mapped) >= 0) and np.isfinite(mapped).all()
    assert np.isfinite(histogram_map(np.full(10, 3.0), np.arange(10.0))(np.array([3.0]))).all()
