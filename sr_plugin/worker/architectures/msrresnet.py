"""MSRResNet of BasicSR (https://github.com/XPixelGroup/BasicSR): SRResNet without batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_SLOPE = 0.1


def _leaky(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, _SLOPE, inplace=True)


class ResidualBlock(nn.Module):
    """``x + conv2(relu(conv1(x)))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(functional.relu(self.conv1(x)))


class MsrResNet(nn.Module):
    """``(N, bands, H, W)``, usually 0 to 1, to ``(N, bands, H * s, W * s)`` with ``s`` the product of the factors.

    Args:
        bands: bands taken and given.
        width: feature channels.
        blocks: residual blocks.
        factors: enlargement of each pixel shuffle: ``[2]``, ``[3]`` or ``[2, 2]``.
    """

    def __init__(self, bands: int = 3, width: int = 64, blocks: int = 16, factors: Sequence[int] = (2, 2)) -> None:
        super().__init__()
        self.factors = tuple(factors)
        self.conv_first = nn.Conv2d(bands, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        for number, factor in enumerate(self.factors, start=1):
            self.add_module(f"upconv{number}", nn.Conv2d(width, width * factor * factor, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, bands, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped: learned detail plus the bilinearly enlarged input."""
        features = self.body(_leaky(self.conv_first(x)))
        scale = 1
        for number, factor in enumerate(self.factors, start=1):
            features = _leaky(functional.pixel_shuffle(self.get_submodule(f"upconv{number}")(features), factor))
            scale *= factor
        base = functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
        return self.conv_last(_leaky(self.conv_hr(features))) + base
