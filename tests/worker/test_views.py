"""The spread of a model over flips and quarter turns."""

import numpy as np
import pytest

from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.worker.views import spread

IMAGE = np.random.default_rng(0).random((2, 7, 10))


def all_views(image, enlarge):
    """The same, spelled out: every result turned back, and their standard deviation."""
    results = []
    for turns in range(4):
        turned = np.rot90(image, turns, (1, 2))
        results.append(np.rot90(enlarge(turned), -turns, (1, 2)))
        results.append(np.rot90(enlarge(turned[:, :, ::-1])[:, :, ::-1], -turns, (1, 2)))
    return np.std(results, axis=0)


def leaning(image):
    """A model that shifts everything down and to the right, and so depends on how the image is turned."""
    fine = enlarge_nearest(image, 2)
    return fine + 0.1 * np.roll(fine, (1, 3), (1, 2))


def test_it_is_the_standard_deviation_over_eight_views():
    first, deviation = spread(IMAGE, leaning)
    np.testing.assert_array_equal(first, leaning(IMAGE))
    np.testing.assert_allclose(deviation, all_views(IMAGE, leaning), atol=1e-9)
    assert deviation.min() >= 0 and deviation.max() > 0.01


def test_what_does_not_depend_on_the_view_has_none():
    _, deviation = spread(IMAGE, lambda image: enlarge_cubic(image, 2))
    assert deviation.max() < 1e-7


def test_sides_are_kept_where_the_model_wants_one_shape():
    shapes = []

    def fixed(image):
        shapes.append(image.shape)
        return leaning(image)

    _, deviation = spread(IMAGE, fixed, swap=False)
    assert shapes == [IMAGE.shape] * 4 and deviation.max() > 0.01


def test_large_values_lose_no_digits():
    image = (IMAGE * 100 + 1e4).astype(np.float32)
    _, deviation = spread(image, leaning)
    np.testing.assert_allclose(deviation, all_views(image.astype(np.float64), leaning), rtol=1e-3, atol=0.01)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 5), (3, 4, 1)])
def test_small_tiles_have_a_spread_too(shape):
    image = np.random.default_rng(1).random(shape)
    first, deviation = spread(image, leaning)
    assert deviation.shape == first.shape == (shape[0], 2 * shape[1], 2 * shape[2])


def test_further_models_enter_the_deviation_but_not_the_result():
    def brighter(image):
        return leaning(image) * 1.5

    first, deviation = spread(IMAGE, leaning, others=[brighter, leaning])
    results = []
    for model in (leaning, brighter, leaning):
        for turns in range(4):
            turned = np.rot90(IMAGE, turns, (1, 2))
            results.append(np.rot90(model(turned), -turns, (1, 2)))
            results.append(np.rot90(model(turned[:, :, ::-1])[:, :, ::-1], -turns, (1, 2)))
    np.testing.assert_array_equal(first, leaning(IMAGE))
    np.testing.assert_allclose(deviation, np.std(results, axis=0), atol=1e-9)
