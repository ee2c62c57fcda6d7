"""EDSR (Lim et al., 2017, arXiv:1707.02921, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sr_plugin.core.architectures.mean_shift import RGB_MEAN
from sr_plugin.worker.architectures.parts import conv, shuffle_tail

_BYTE = 255.0


class ResidualBlock(nn.Module):
    """``x + residual_scale * body(x)`` on ``(N, width, H, W)``."""

    def __init__(self, width: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.body = nn.Sequential(conv(width, width), nn.ReLU(), conv(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) * self.residual_scale


class Edsr(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s`` the product of the factors.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        blocks: residual blocks.
        factors: enlargement of each pixel shuffle.
        residual_scale: part of each block's result that is added.
        means: ``layers`` take the mean off and put it back; ``unused`` ones are only kept for strict loading;
            ``constant`` does the same with BasicSR's mean and values from 0 to 1; ``none``.
        value_range: not used here.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        blocks: int = 16,
        factors: Sequence[int] = (2, 2),
        residual_scale: float = 1.0,
        means: str = "layers",
        value_range: str = "byte",
    ) -> None:
        super().__init__()
        self.means = means
        if means in ("layers", "unused"):
            self.sub_mean, self.add_mean = conv(3, 3, 1), conv(3, 3, 1)
        self.register_buffer("mean", torch.tensor(RGB_MEAN)[None, :, None, None], persistent=False)
        self.head = nn.Sequential(conv(in_bands, width))
        body: list[nn.Module] = [ResidualBlock(width, residual_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*body, conv(width, width))
        self.tail = nn.Sequential(shuffle_tail(width, width, factors), conv(width, out_bands))

    def _enhance(self, x: torch.Tensor) -> torch.Tensor:
        first = self.head(x)
        return self.tail(self.body(first) + first)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        if self.means == "layers":
            return self.add_mean(self._enhance(self.sub_mean(x)))
        if self.means == "constant":
            return self._enhance((x - self.mean) * _BYTE) / _BYTE + self.mean
        return self._enhance(x)
