"""Matching of brightness, and changes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from sr_plugin.worker.view_match import (  # noqa: E402
    changed_pixels,
    masked_smooth,
    robust_line,
    surroundings_offset,
    trust,
)
from tests.series_scenes import fine_scene  # noqa: E402

SCENE = fine_scene(60, 70)
ALL = np.ones(SCENE.shape[1:], bool)


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(0.5, 2.0), offset=st.floats(-0.1, 0.1), spoilt=st.floats(0.0, 0.25), seed=st.integers(0, 99))
def test_a_line_is_found_whatever_a_quarter_of_the_pixels_shows(gain, offset, spoilt, seed):
    rng = np.random.default_rng(seed)
    given_values = rng.normal(0.3, 0.1, 2000)
    wanted = gain * given_values + offset + rng.normal(0, 0.002, 2000)
    wanted[rng.random(2000) < spoilt] = 1.5
    found = robust_line(given_values, wanted)
    assert found == (pytest.approx(gain, abs=0.03), pytest.approx(offset, abs=0.02))


def test_values_without_contrast_tell_an_offset_only():
    assert robust_line(np.full(100, 3.0), np.full(100, 5.0)) == (1.0, 2.0)
    assert robust_line(np.zeros(0), np.zeros(0)) == (1.0, 0.0)


def test_surroundings_are_matched_and_detail_is_not():
    haze = np.linspace(0.0, 0.1, 70, dtype=np.float32)[None, None, :]
    offset = surroundings_offset(SCENE, SCENE + haze, ALL)
    assert np.abs(offset + haze)[:, 10:-10, 20:-20].max() < 0.01


def test_where_nothing_is_shared_nothing_is_added():
    offset = surroundings_offset(SCENE, SCENE + 1.0, np.zeros_like(ALL))
    assert not offset.any()


def test_what_is_masked_has_no_say():
    spoilt = SCENE.copy()
    spoilt[:, 20:30, 20:30] = 99.0
    valid = ALL.copy()
    valid[20:30, 20:30] = False
    assert np.array_equal(masked_smooth(spoilt, valid, 2.0)[0], masked_smooth(SCENE, valid, 2.0)[0])


def test_a_change_is_found_and_noise_is_none():
    rng = np.random.default_rng(1)
    noise = np.full(2, 0.002, np.float32)
    view = SCENE + rng.normal(0, 0.005, SCENE.shape).astype(np.float32)
    assert changed_pixels(SCENE, view, ALL, noise, 5.0).mean() < 0.01
    view[:, 20:30, 30:45] += 0.2
    found = changed_pixels(SCENE, view, ALL, noise, 5.0)
    assert found[21:29, 31:44].all()
    assert found[:12].mean() < 0.01


def test_the_same_ground_is_trusted_and_another_one_is_not():
    rng = np.random.default_rng(2)
    grain = np.full(2, 0.002, np.float32)
    same = SCENE + rng.normal(0, 0.002, SCENE.shape).astype(np.float32)
    assert np.median(trust(SCENE, same, ALL, grain)) == 1.0
    other = fine_scene(60, 70, seed=9)
    assert np.median(trust(SCENE, other, ALL, grain)) < 0.1
    nowhere = trust(SCENE, other, np.zeros_like(ALL), grain)
    assert (nowhere == 1.0).all()
