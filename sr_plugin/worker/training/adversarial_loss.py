"""Adversarial losses: what discriminator and generator try to make small.

``real`` and ``fake`` are a discriminator's answers (logits of any shape) to targets and to results.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def _cross_entropy(logits: torch.Tensor, truth: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))


def discriminator_loss(kind: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """What the discriminator makes small.

    * ``vanilla``: half the cross entropy of both (Goodfellow et al., 2014, arXiv:1406.2661);
    * ``relativistic``: the same of the distance to the mean of the other (Jolicoeur-Martineau, 2018, arXiv:1807.00734);
    * ``lsgan``: half the squared distance from 1 and from 0 (Mao et al., 2017, arXiv:1611.04076);
    * ``wasserstein``: mean of the fake minus mean of the real (Arjovsky et al., 2017, arXiv:1701.07875).
    """
    if kind == "vanilla":
        return 0.5 * (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0))
    if kind == "relativistic":
        return 0.5 * (_cross_entropy(real - fake.mean(), 1.0) + _cross_entropy(fake - real.mean(), 0.0))
    if kind == "lsgan":
        return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())
    return fake.mean() - real.mean()


def generator_loss(kind: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """What the generator makes small; ``real`` counts in the relativistic one only, and gets no gradient there."""
    if kind == "vanilla":
        return _cross_entropy(fake, 1.0)
    if kind == "relativistic":
        real = real.detach()
        return 0.5 * (_cross_entropy(real - fake.mean(), 0.0) + _cross_entropy(fake - real.mean(), 1.0))
    if kind == "lsgan":
        return (fake - 1.0).square().mean()
    return -fake.mean()


def gradient_penalty(answers: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """R1: half the mean squared norm of the gradient of the answers by the targets.

    Source: Mescheder et al., 2018, arXiv:1801.04406, equation 9.

    Args:
        answers: of the discriminator to ``images``, still with their graph.
        images: ``(N, bands, H, W)`` that require a gradient.
    """
    (gradient,) = torch.autograd.grad(answers.sum(), images, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()
