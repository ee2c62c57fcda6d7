"""Momentum whose step is made orthogonal, for convolution weights (Muon: K. Jordan and others, 2024).

Gradients of small restoration networks are dominated by a few directions. A step with equal singular values moves along
the rare ones as well and so needs fewer steps than Adam; training time is what a CPU is short of.
"""

from __future__ import annotations

from typing import Iterable

import torch

#: Coefficients of the odd polynomial that drives singular values towards one, from the authors of Muon.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
#: Root mean square of a step in learning rates. Adam's steps come out near this too, so both can share one rate.
_STEP_SIZE = 0.2


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix ``(rows, columns)`` with all singular values near one, by Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-12)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class OrthogonalMomentum(torch.optim.Optimizer):
    """Nesterov momentum with orthogonal steps, for weights of two or more dimensions.

    Args:
        parameters: weights ``(out, ...)``, read as matrices with ``out`` rows.
        lr: learning rate, on the scale that suits Adam.
        momentum: share of the running gradient that is kept.
    """

    def __init__(self, parameters: Iterable[torch.Tensor], lr: float = 1e-3, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in (p for p in group["params"] if p.grad is not None):
                running = self.state[weight].setdefault("running", torch.zeros_like(weight))
                running.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(running, group["momentum"]).flatten(1)
                size = _STEP_SIZE * max(ahead.shape) ** 0.5
                weight.add_(orthogonalised(ahead).view_as(weight), alpha=-group["lr"] * size)
