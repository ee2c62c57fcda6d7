"""Sub-pixel shifts between views."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("skimage")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from sr_plugin.worker.registration import Registration, combine, register  # noqa: E402
from tests.series_scenes import cloud_mask, fine_scene, seen  # noqa: E402

SCENE = fine_scene(224, 224)
SIDES = st.floats(-1.6, 1.6)


def _pair(shift, seed):
    """Two views of 96 x 96 pixels, noisy, the second hazy."""
    reference = seen(SCENE, (0.0, 0.0), 0.001, seed)[:, 8:104, 8:104]
    moving = (1.1 * seen(SCENE, shift, 0.001, seed + 1) + 0.01)[:, 8:104, 8:104]
    return reference, moving, np.ones(reference.shape[1:], bool)


@settings(max_examples=12, deadline=None)
@given(down=SIDES, right=SIDES, seed=st.integers(0, 1000))
def test_clear_views_within_a_twentieth_of_a_pixel(down, right, seed):
    reference, moving, valid = _pair((down, right), seed)
    found = register(reference, moving, valid, valid)
    assert found.found
    assert np.abs(np.subtract(found.shift, (down, right))).max() < 0.05


@settings(max_examples=10, deadline=None)
@given(down=SIDES, right=SIDES, seed=st.integers(0, 1000), known=st.booleans())
def test_clouds_over_a_third_within_a_tenth_of_a_pixel(down, right, seed, known):
    """Whether a mask knows the clouds or not."""
    reference, moving, valid = _pair((down, right), seed)
    cloud = cloud_mask(valid.shape, 0.3, seed)
    texture = np.random.default_rng(seed).normal(0.0, 0.05, moving.shape)
    moving = np.where(cloud, 0.7 + texture, moving)
    found = register(reference, moving, valid, ~cloud if known else valid)
    # Clouds that no mask knows may leave a single window without an answer, but not with a wrong one.
    assert found.found or not known
    if not found.found:
        return
    assert np.abs(np.subtract(found.shift, (down, right))).max() < 0.1


def test_the_error_that_is_told_is_about_the_real_one():
    apart, told = [], []
    for seed in range(8):
        shift = (0.1 * seed - 0.35, 0.3 - 0.08 * seed)
        reference, moving, valid = _pair(shift, seed)
        rng = np.random.default_rng(seed)
        found = register(reference, moving + rng.normal(0, 0.02, moving.shape), valid, valid)
        apart.append(np.subtract(found.shift, shift))
        told.append(found.error)
    real = float(np.sqrt(np.mean(np.square(apart))))
    assert real / 5 < np.mean(told) < real * 5


def test_nothing_to_see_gives_what_was_expected():
    reference, moving, valid = _pair((0.3, 0.4), 1)
    blind = register(reference, moving, valid, np.zeros_like(valid), (0.25, -0.5))
    assert blind.shift == (0.25, -0.5) and not blind.found
    noise = np.random.default_rng(3).normal(size=moving.shape)
    assert not register(reference, noise, valid, valid).found


def test_a_flat_image_tells_no_shift():
    valid = np.ones((64, 64), bool)
    flat = np.full((1, 64, 64), 0.3)
    assert not register(flat, flat.copy(), valid, valid).found


def _grid(count):
    axis = (np.arange(count) + 0.5) * 100.0
    return np.array([(row, column) for row in axis for column in axis])


def test_windows_that_disagree_do_not_count():
    places = _grid(3)
    found = [Registration((0.2, -0.3), 0.01, 0.9) for _ in places]
    found[4] = Registration((3.0, 2.0), 0.01, 0.9)
    field = combine(found, places, places, 100.0, (0.0, 0.0))
    assert np.allclose(field.shift, (0.2, -0.3)) and field.windows == 8
    assert field.field.size == 0


def test_a_shift_that_varies_over_the_scene_becomes_a_smooth_field():
    places = _grid(4)
    truth = np.stack([0.2 + 0.001 * places[:, 0], -0.1 - 0.0005 * places[:, 1]], axis=1)
    field = combine([Registration(tuple(shift), 0.01, 0.9) for shift in truth], places, places, 100.0, (0.0, 0.0))
    found = np.add(field.shift, field.field)
    assert np.abs(found - truth).max() < np.abs(truth - truth.mean(axis=0)).max()
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.6 * np.sqrt(np.mean((truth - truth.mean(axis=0)) ** 2))


def test_noise_of_windows_is_no_variation():
    places, rng = _grid(4), np.random.default_rng(1)
    found = [Registration(tuple(rng.normal(0.3, 0.02, 2)), 0.02, 0.9) for _ in places]
    assert combine(found, places, places, 100.0, (0.0, 0.0)).field.size == 0


def test_without_any_window_the_georeference_is_believed():
    field = combine([Registration((0.0, 0.0), float("inf"), 0.0)], np.zeros((1, 2)), np.zeros((1, 2)), 1.0, (0.4, 0.1))
    assert field.shift == (0.4, 0.1) and field.windows == 0
