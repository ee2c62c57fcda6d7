"""Shifts between windows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")


def pattern(seed=0):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(np.random.default_rng(seed).normal(size=(150, 170)), 2.0) * 500 + 1000


@pytest.mark.parametrize("rows, columns", [(0.0, 0.0), (0.37, -0.81), (-2.5, 1.25), (6.0, -4.0)])
def test_a_shift_is_found(rows, columns):
    from scipy.ndimage import shift

    from sr_plugin.worker.window_shift import shift_between

    image = pattern()
    moved = shift(image, (-rows, -columns), order=5, mode="nearest")
    inner = (slice(15, -15), slice(15, -15))
    found = shift_between(image[inner], moved[inner])
    # Two windows that are far apart show less of the same ground, which pulls large shifts towards 0.
    for told, right in zip(found, (rows, columns), strict=True):
        assert told == pytest.approx(right, abs=0.02 + 0.01 * abs(right))


def test_brightness_and_noise_hardly_matter():
    from scipy.ndimage import shift

    from sr_plugin.worker.window_shift import shift_between

    image = pattern()
    moved = shift(image, (-0.6, 0.3), order=5, mode="nearest") * 1.7 + 300
    moved += np.random.default_rng(1).normal(0, 5, moved.shape)
    inner = (slice(15, -15), slice(15, -15))
    assert shift_between(image[inner], moved[inner]) == pytest.approx((0.6, -0.3), abs=0.05)


def test_what_shows_nothing_has_no_shift():
    from sr_plugin.worker.window_shift import shift_between

    assert np.isnan(shift_between(np.ones((64, 64)), pattern()[:64, :64])).all()
    assert np.isnan(shift_between(pattern()[:10, :64], pattern()[:10, :64])).all()
