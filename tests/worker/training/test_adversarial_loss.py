"""Adversarial losses against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sr_plugin.worker.training.adversarial_loss import discriminator_loss, generator_loss, gradient_penalty
from sr_plugin.worker.training.discriminators import build_discriminator

REAL = np.array([[1.5], [-0.5], [0.25]])
FAKE = np.array([[-1.0], [0.75], [2.0]])


def softplus(x):
    return np.log1p(np.exp(x))


def closed_forms():
    relative = REAL - FAKE.mean(), FAKE - REAL.mean()
    return {
        "vanilla": (0.5 * (softplus(-REAL).mean() + softplus(FAKE).mean()), softplus(-FAKE).mean()),
        "relativistic": (
            0.5 * (softplus(-relative[0]).mean() + softplus(relative[1]).mean()),
            0.5 * (softplus(relative[0]).mean() + softplus(-relative[1]).mean()),
        ),
        "lsgan": (0.5 * (((REAL - 1) ** 2).mean() + (FAKE**2).mean()), ((FAKE - 1) ** 2).mean()),
        "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    }


@pytest.mark.parametrize("kind", ["vanilla", "relativistic", "lsgan", "wasserstein"])
def test_losses_follow_their_formulas(kind):
    real, fake = torch.from_numpy(REAL), torch.from_numpy(FAKE)
    critic, generator = closed_forms()[kind]
    assert float(discriminator_loss(kind, real, fake)) == pytest.approx(critic)
    assert float(generator_loss(kind, real, fake)) == pytest.approx(generator)


def test_the_penalty_of_a_linear_critic_is_half_its_squared_weights():
    weights = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 2, 2).requires_grad_(True)
    images = torch.rand(5, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    answers = (images * weights).sum((1, 2, 3))
    penalty = gradient_penalty(answers, images)
    assert float(penalty) == pytest.approx(0.5 * float(weights.square().sum()))
    penalty.backward()
    assert torch.allclose(weights.grad, weights.detach())


@pytest.mark.parametrize("kind", ["srgan", "patchgan", "esrgan"])
@pytest.mark.parametrize("side", [16, 33, 128])
@pytest.mark.parametrize("norm", [True, False])
def test_discriminators_judge_any_size(kind, side, norm):
    critic = build_discriminator(kind, 4, 4, side, norm)
    answers = critic(torch.rand(2, 4, side, side))
    assert answers.shape[:2] == (2, 1)
    assert (answers.ndim == 4) == (kind == "patchgan")
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in critic.modules()) == norm


def test_an_answer_of_patchgan_sees_70_pixels():
    critic = build_discriminator("patchgan", 1, 4, 256, False)
    image = torch.rand(1, 1, 256, 256, requires_grad=True)
    answers = critic(image)
    answers[0, 0, 15, 15].backward()
    rows = image.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_each_image_is_judged_alone_without_normalisation():
    critic = build_discriminator("srgan", 3, 4, 16, False)
    images = torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(critic(images)[1:2], critic(images[1:2]))
