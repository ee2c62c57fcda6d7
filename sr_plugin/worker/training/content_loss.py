"""Losses between a result and its target, all means over everything.

Images are ``(N, bands, H, W)``. Where a loss depends on their size or contrast, its definition says what is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.core.training_parts import ContentPlan

_EPSILON = 1e-3
#: Length of a spectrum below which its angle means nothing.
_DARK = 1e-6
#: Error of cubic convolution, as a share of the contrast, that is added to it: flat ground cannot be improved upon.
_FLOOR = 1e-3

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def charbonnier(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``mean(sqrt((r - t)^2 + 0.001^2))`` (Lai et al., 2017, arXiv:1704.03915, equation 2)."""
    return torch.sqrt((result - target).square() + _EPSILON**2).mean()


def spectral_angle(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean angle in radians between the spectra of a pixel (Kruse et al., 1993).

    It is computed as ``2 atan2(|u - v|, |u + v|)`` of the spectra's directions, whose gradient stays finite where the
    angle is 0, unlike that of the arc cosine.
    """
    one, other = (functional.normalize(x, dim=1, eps=_DARK) for x in (result, target))
    return (2.0 * torch.atan2(_length(one - other), _length(one + other))).mean()


def _length(x: torch.Tensor) -> torch.Tensor:
    return torch.sqrt(x.square().sum(1) + torch.finfo(torch.float32).tiny)


def gradient_difference(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of the differences between neighbours, along both axes, halved."""
    difference = result - target
    along_rows = difference.diff(dim=-1).abs().mean()
    return 0.5 * (along_rows + difference.diff(dim=-2).abs().mean())


def fourier_difference(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean modulus of the difference of the orthonormal Fourier coefficients over both axes."""
    spectrum = torch.fft.rfft2((result - target).float(), norm="ortho")
    return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + torch.finfo(torch.float32).tiny).mean()


def relative_difference(result: torch.Tensor, target: torch.Tensor, baseline: torch.Tensor, power: int) -> torch.Tensor:
    """Mean over the examples of ``mean |r - t|^p / (mean |b - t|^p + 0.001^p)``.

    A sharp input leaves interpolation a small error and a blurred one a large error; without the ratio the blurred ones
    would rule, and sharp inputs would be made worse than by interpolation.
    """
    error, reference = ((x - target).abs().pow(power).mean(dim=(1, 2, 3)) for x in (result, baseline))
    return (error / (reference + _FLOOR**power)).mean()


_RELATIVE = {"relative_l1": 1, "relative_l2": 2}
_LOSSES: dict[str, Loss] = {
    "l1": functional.l1_loss,
    "charbonnier": charbonnier,
    "sam": spectral_angle,
    "gradient": gradient_difference,
    "fft": fourier_difference,
}


class ContentLoss(nn.Module):
    """The weighted sum of the losses of a plan.

    Args:
        plan: the weights.
        perceptual: the perceptual loss, where the plan has a weight for it.
    """

    def __init__(self, plan: ContentPlan, perceptual: nn.Module | None = None) -> None:
        super().__init__()
        self.weights = plan.weights
        self.perceptual = perceptual

    def forward(
        self,
        result: torch.Tensor,
        target: torch.Tensor,
        contrast: Sequence[float],
        baseline: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The sum, and every part of it without its weight.

        Args:
            result, target: in the quantity of the data.
            contrast: the quantity that counts as 0 and as 1 in all losses but the spectral angle, which needs the true
                zero.
            baseline: what cubic convolution gives, for the relative losses.
        """
        low, high = contrast
        shown = [(x - low) / (high - low) for x in (result, target)]
        total = result.new_zeros(())
        parts: dict[str, torch.Tensor] = {}
        for name, weight in self.weights.items():
            if name == "perceptual" and self.perceptual is not None:
                loss = self.perceptual(*shown)
            elif name in _RELATIVE and baseline is not None:
                loss = relative_difference(*shown, (baseline - low) / (high - low), _RELATIVE[name])
            elif name == "sam":
                loss = spectral_angle(result, target)
            else:
                loss = _LOSSES[name](*shown)
            parts[name] = loss.detach()
            total = total + weight * loss
        return total, parts
