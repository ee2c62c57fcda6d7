"""Adam whose steps of the inner convolutions are momentum made orthogonal (Muon: K. Jordan and others, 2024).

Gradients of small restoration networks are dominated by a few directions. A step with equal singular values moves along
the rare ones as well and so needs fewer steps than Adam; training time is what a CPU is short of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

#: Coefficients of the odd polynomial that drives singular values towards one, from the authors of Muon.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
#: Root mean square of a step in learning rates. Adam's steps come out near this too, so both can share one rate.
_STEP_SIZE = 0.2
#: Channels on both sides from which on a weight counts as one between feature maps.
_LEAST_CHANNELS = 8


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


def inner_weights(network: nn.Module) -> list[nn.Parameter]:
    """The weights between feature maps: all of two or more dimensions but the first and the last, and no thin ones."""
    weights = [p for p in network.parameters() if p.ndim >= 2]
    return [p for p in weights[1:-1] if min(p.shape[:2]) >= _LEAST_CHANNELS]


class OrthogonalAdam(torch.optim.Adam):
    """Nesterov momentum with orthogonal steps for some weights, Adam for the others.

    Args:
        inner: weights ``(out, ...)`` of two or more dimensions, read as matrices with ``out`` rows.
        others: all other parameters.
        lr: learning rate, on the scale that suits Adam.
        betas: decay of Adam's moments.
        weight_decay: pull of all parameters towards 0, added to the gradient.
        momentum: share of the running gradient that is kept for ``inner``.
    """

    def __init__(
        self,
        inner: Iterable[torch.Tensor],
        others: Iterable[torch.Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        groups = [{"params": list(inner), "orthogonal": True}, {"params": list(others), "orthogonal": False}]
        super().__init__([g for g in groups if g["params"]], lr=lr, betas=betas, weight_decay=weight_decay)
        self._momentum = momentum

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every weight that has a gradient."""
        groups = self.param_groups
        # Adam's own step goes through all groups that it finds.
        self.param_groups = [group for group in groups if not group["orthogonal"]]
        try:
            if self.param_groups:
                super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group["orthogonal"]:
                self._move(group["params"], group["lr"], group["weight_decay"])

    def _move(self, weights: Sequence[torch.Tensor], rate: float, decay: float) -> None:
        for weight in (p for p in weights if p.grad is not None):
            gradient = weight.grad.add(weight, alpha=decay)
            state = self.state[weight]
            if not state:
                # Adam, when it takes over a state, expects the number of steps beside it.
                state.update(step=torch.zeros(()), running=torch.zeros_like(weight))
            state["step"] += 1
            state["running"].lerp_(gradient, 1 - self._momentum)
            ahead = gradient.lerp(state["running"], self._momentum).flatten(1)
            size = _STEP_SIZE * max(ahead.shape) ** 0.5
            weight.add_(orthogonalised(ahead).view_as(weight), alpha=-rate * size)


def orthogonal_adam(
    network: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float = 0.0
) -> OrthogonalAdam:
    """The optimiser of a network, with orthogonal steps for its :func:`inner_weights`."""
    inner = inner_weights(network)
    known = {id(p) for p in inner}
    return OrthogonalAdam(inner, (p for p in network.parameters() if id(p) not in known), lr, betas, weight_decay)
