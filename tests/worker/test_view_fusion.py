"""Shift-and-add and back projection."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from sr_plugin.core.card import PointSpread  # noqa: E402
from sr_plugin.core.resampling import enlarge_cubic  # noqa: E402
from sr_plugin.worker.view_features import to_phases, view_features  # noqa: E402
from sr_plugin.worker.view_fusion import (  # noqa: E402
    back_projected,
    enlarge_view,
    observe,
    project_back,
    shift_and_add,
)
from tests.series_scenes import PSF, fine_scene, seen  # noqa: E402

SHIFTS = [(0.0, 0.0), (0.5, 0.5), (-0.45, 0.1), (0.1, -0.4), (0.3, 0.35)]


def _psnr(image, truth):
    return float(10 * np.log10(1 / np.mean((image - truth)[:, 16:-16, 16:-16] ** 2)))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_views_beat_the_reference_and_the_best_view_and_the_average_by_a_decibel(count):
    truth = fine_scene(128, 144)
    views = np.stack([seen(truth, shift, 0.001, n) for n, shift in enumerate(SHIFTS[:count])])
    weights = np.ones((count, *views.shape[2:]), np.float32)
    start = shift_and_add(views, weights, SHIFTS[:count], views[0], 2)
    fused = _psnr(back_projected(start, views, weights, SHIFTS[:count], 2, PSF), truth)
    best = max(_psnr(enlarge_view(view, 2, shift), truth) for view, shift in zip(views, SHIFTS, strict=False))
    assert fused > _psnr(enlarge_cubic(views[0], 2), truth) + 1
    assert fused > best + 1
    assert fused > _psnr(enlarge_cubic(views.mean(axis=0), 2), truth) + 1


def test_a_lone_odd_view_is_not_lost():
    """The third of three views changes the result everywhere, and takes noise off it."""
    truth = fine_scene(128, 128)
    views = np.stack([seen(truth, shift, 0.01, n) for n, shift in enumerate(SHIFTS[:3])])
    weights = np.ones((3, 64, 64), np.float32)
    results = [
        back_projected(
            shift_and_add(views[:n], weights[:n], SHIFTS[:n], views[0], 2), views[:n], weights[:n], SHIFTS[:n], 2, PSF
        )
        for n in (2, 3)
    ]
    assert np.abs(results[0] - results[1])[:, 16:-16, 16:-16].mean() > 1e-4
    assert _psnr(results[1], truth) > _psnr(results[0], truth) + 0.5


@pytest.mark.parametrize("psf", [PointSpread("box"), PSF])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.37, -0.21), (2.6, -3.4)])
def test_projecting_back_is_the_transpose_of_seeing(psf, shift):
    rng = np.random.default_rng(1)
    fine, view = rng.normal(size=(30, 42)), rng.normal(size=(15, 21))
    back = project_back(view, 2, shift, psf)
    assert np.vdot(observe(fine, 2, shift, psf), view) == pytest.approx(np.vdot(fine, back))


def test_enlarging_without_a_shift_is_cubic_convolution():
    view = np.random.default_rng(2).normal(size=(2, 20, 24))
    assert np.allclose(enlarge_view(view, 3, (0.0, 0.0)), enlarge_cubic(view, 3))


def test_a_whole_shift_moves_whole_pixels():
    view = np.random.default_rng(2).normal(size=(20, 24))
    assert np.allclose(enlarge_view(view, 1, (2.0, -1.0))[2:, :-1], view[:-2, 1:])


def test_pixels_without_weight_do_not_count():
    truth = fine_scene(96, 96)
    views = np.stack([seen(truth, shift) for shift in SHIFTS[:3]])
    weights = np.ones((3, 48, 48), np.float32)
    weights[1, 10:30, 10:30] = 0
    spoilt = views.copy()
    spoilt[1, :, 13:27, 13:27] = 5.0
    first, second = (
        back_projected(shift_and_add(v, weights, SHIFTS[:3], v[0], 2), v, weights, SHIFTS[:3], 2, PSF)
        for v in (views, spoilt)
    )
    assert np.abs(first - second).max() < 1e-5


def test_phases_are_those_of_a_pixel_shuffle():
    fine = np.arange(24.0).reshape(4, 6)
    phases = to_phases(fine, 2)
    assert phases.shape == (4, 2, 3)
    assert np.array_equal(phases[1], fine[0::2, 1::2]) and np.array_equal(phases[2], fine[1::2, 0::2])


def test_features_do_not_depend_on_brightness():
    truth = fine_scene(64, 64, 1)[0]
    views = np.stack([seen(truth, shift) for shift in SHIFTS[:2]])
    weights = np.ones((2, 32, 32), np.float32)
    dark, bright = (
        view_features(truth + add, views + np.float32(add), weights, SHIFTS[:2], 2, PSF) for add in (0.0, 0.25)
    )
    assert dark.shape == (2, 12, 32, 32)
    assert np.abs(dark - bright).max() < 1e-4
