"""Noise of an image, with and without a scene under it."""

import numpy as np
import pytest

from sr_plugin.core.noise import noise_level


@pytest.mark.parametrize("sigma", [1.0, 4.0, 20.0])
def test_plain_noise_is_found(sigma):
    noise = np.random.default_rng(3).normal(1000, sigma, (2, 200, 200))
    assert noise_level(noise) == pytest.approx(sigma, rel=0.03)


def test_slopes_and_edges_are_no_noise():
    rows, columns = np.mgrid[0:200, 0:200]
    scene = 10.0 * rows + 3.0 * columns + 500 * (columns > 80)
    noise = np.random.default_rng(3).normal(0, 2, scene.shape)
    assert noise_level(scene[None]) == pytest.approx(0, abs=1e-9)
    assert noise_level((scene + noise)[None]) == pytest.approx(2, rel=0.05)


def test_integers_and_tiny_images():
    assert noise_level(np.full((1, 9, 9), 7, np.uint8)) == 0.0
    assert noise_level(np.zeros((3, 2, 5), np.uint16)) == 0.0
