"""Point spread functions and the consistency step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.card import PointSpread
from sr_plugin.core.point_spread import consistency_reach, gaussian_sigma, make_consistent, reduce_image
from sr_plugin.core.resampling import enlarge_nearest

PSFS = [PointSpread("box"), PointSpread("gaussian", 0.25), PointSpread("gaussian", 0.5)]


@pytest.mark.parametrize("psf", PSFS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_consistent_result_gives_back_its_input(psf, scale):
    rng = np.random.default_rng(3)
    source = rng.random((2, 19, 23)).astype(np.float32)
    result = rng.random((2, 19 * scale, 23 * scale)).astype(np.float32)
    fixed = make_consistent(result, source, scale, psf)
    np.testing.assert_allclose(reduce_image(fixed, scale, psf), source, atol=2e-5)


@pytest.mark.parametrize("psf", PSFS)
def test_a_result_that_agrees_already_is_left_alone(psf):
    rng = np.random.default_rng(4)
    result = rng.random((1, 48, 48))
    source = reduce_image(result, 4, psf)
    np.testing.assert_allclose(make_consistent(result, source, 4, psf), result, atol=1e-9)


def test_a_box_undoes_nearest_neighbour():
    source = np.random.default_rng(5).random((3, 7, 9))
    np.testing.assert_allclose(reduce_image(enlarge_nearest(source, 3), 3, PointSpread("box")), source)


@given(st.floats(0.05, 0.95))
def test_the_gaussian_has_the_modulation_transfer_it_is_given(mtf):
    sigma = gaussian_sigma(4, mtf)
    frequency = 1 / 8
    assert np.exp(-2 * (np.pi * sigma * frequency) ** 2) == pytest.approx(mtf)


@pytest.mark.parametrize("psf", PSFS)
def test_what_lies_beyond_the_reach_has_no_effect(psf):
    scale, reach = 2, consistency_reach(2, psf)
    rng = np.random.default_rng(6)
    length = 2 * reach + 40
    source = rng.random((1, 5, length))
    result = rng.random((1, 10, length * scale))
    whole = make_consistent(result, source, scale, psf)
    part = make_consistent(result[..., : (20 + reach) * scale], source[..., : 20 + reach], scale, psf)
    np.testing.assert_allclose(part[..., : 20 * scale], whole[..., : 20 * scale], atol=1e-5)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="modulation"):
        gaussian_sigma(2, 1.0)
    with pytest.raises(ValueError, match="unknown point spread"):
        reduce_image(np.zeros((1, 4, 4)), 2, PointSpread("airy"))


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_block_means_are_the_box_function(scale, kind):
    image = np.random.default_rng(scale).random((2, 5 * scale, 7 * scale)).astype(kind) * 9000
    expected = image.astype(np.float64).reshape(2, 5, scale, 7, scale).mean(axis=(2, 4))
    found = reduce_image(image, scale, PointSpread("box"))
    assert found.dtype == kind
    np.testing.assert_allclose(found, expected, rtol=1e-6)
