"""Each loss against its closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sr_plugin.core.training_parts import ContentPlan
from sr_plugin.worker.training.content_loss import (
    ContentLoss,
    charbonnier,
    fourier_difference,
    gradient_difference,
    relative_difference,
    spectral_angle,
)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return tuple(torch.from_numpy(rng.uniform(0.05, 1, (2, 4, 8, 6)).astype(np.float32)) for _ in range(2))


def test_charbonnier(pair):
    a, b = (x.double().numpy() for x in pair)
    assert float(charbonnier(*pair)) == pytest.approx(np.sqrt((a - b) ** 2 + 1e-6).mean(), rel=1e-5)
    assert float(charbonnier(pair[0], pair[0])) == pytest.approx(1e-3)


def test_spectral_angle(pair):
    a, b = (x.double().numpy() for x in pair)
    cosine = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    assert float(spectral_angle(*pair)) == pytest.approx(np.arccos(cosine).mean(), rel=1e-5)


def test_spectral_angle_sees_no_brightness_and_right_angles(pair):
    assert float(spectral_angle(pair[0], 3 * pair[0])) == pytest.approx(0, abs=1e-5)
    one, other = torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1)
    one[0, 0], other[0, 1] = 0.3, 0.7
    assert float(spectral_angle(one, other)) == pytest.approx(math.pi / 2)


def test_spectral_angle_has_a_finite_gradient_where_it_is_zero(pair):
    result = pair[0].clone()
    result[0, :, 0, 0] = 0
    result.requires_grad_(True)
    spectral_angle(result, pair[0]).backward()
    assert torch.isfinite(result.grad).all()


def test_gradient_difference(pair):
    a, b = (x.double().numpy() for x in pair)
    d = a - b
    expected = 0.5 * (np.abs(np.diff(d, axis=3)).mean() + np.abs(np.diff(d, axis=2)).mean())
    assert float(gradient_difference(*pair)) == pytest.approx(expected, rel=1e-5)
    assert float(gradient_difference(pair[0], pair[0] + 5)) == pytest.approx(0, abs=1e-5)


def test_fourier_difference(pair):
    a, b = (x.double().numpy() for x in pair)
    expected = np.abs(np.fft.rfft2(a - b, norm="ortho")).mean()
    assert float(fourier_difference(*pair)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("power", [1, 2])
def test_relative_difference(pair, power):
    baseline = torch.flip(pair[0], (3,))
    a, b, c = (x.double().numpy() for x in (*pair, baseline))
    error, reference = ((np.abs(x - b) ** power).mean(axis=(1, 2, 3)) for x in (a, c))
    expected = (error / (reference + 0.001**power)).mean()
    assert float(relative_difference(*pair, baseline, power)) == pytest.approx(expected, rel=1e-5)


def test_examples_with_small_and_large_errors_count_alike(pair):
    target = pair[1].clone()
    baseline = target + torch.tensor([0.02, 0.5])[:, None, None, None]
    loss = ContentLoss(ContentPlan(l1=0.0, relative_l2=1.0))
    for example in range(2):
        result = baseline.clone()
        result[example] = target[example]
        assert float(loss(result, target, (0.0, 1.0), baseline)[0]) == pytest.approx(0.5, rel=0.01)


def test_the_sum_has_the_weights_of_the_plan(pair):
    low, high = 0.2, 0.7
    loss = ContentLoss(ContentPlan(l1=2.0, sam=0.5, gradient=3.0))
    total, parts = loss(*pair, (low, high))
    assert set(parts) == {"l1", "sam", "gradient"}
    l1 = float((pair[0] - pair[1]).abs().mean()) / (high - low)
    gradient = float(gradient_difference(*pair)) / (high - low)
    # The angle is that of the quantities themselves, whose zero is a true one.
    expected = 2 * l1 + 0.5 * float(spectral_angle(*pair)) + 3 * gradient
    assert float(total) == pytest.approx(expected, rel=1e-5)
    assert float(parts["l1"]) == pytest.approx(l1, rel=1e-5)
