"""Small building blocks that several architectures share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def conv(taken: int, given: int, kernel: int = 3, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps height and width (odd kernels)."""
    return nn.Conv2d(taken, given, kernel, padding=kernel // 2, groups=groups, bias=bias)


def shuffle_tail(taken: int, width: int, factors: Sequence[int]) -> nn.Sequential:
    """A convolution and a pixel shuffle for each factor; ``(N, taken, H, W)`` to ``(N, width, H * s, W * s)``."""
    layers: list[nn.Module] = []
    for number, factor in enumerate(factors):
        layers += [conv(width if number else taken, width * factor * factor), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)


def depth_to_space(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Keras' pixel shuffle: channels run (row, column, band), where torch's run (band, row, column).

    ``(N, C * factor**2, H, W)`` to ``(N, C, H * factor, W * factor)``.
    """
    count, channels, height, width = x.shape
    given = channels // (factor * factor)
    split = x.reshape(count, factor, factor, given, height, width).permute(0, 3, 4, 1, 5, 2)
    return split.reshape(count, given, height * factor, width * factor)


class DepthToSpace(nn.Module):
    """:func:`depth_to_space` as a layer of a sequence."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return depth_to_space(x, self.factor)
