"""RCAN (Zhang et al., 2018, arXiv:1807.02758, figures 2 to 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import conv, shuffle_tail


class ChannelAttention(nn.Module):
    """Weighs every channel by what its mean over the whole tile says; ``(N, width, H, W)``."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(conv(width, squeezed, 1), nn.ReLU(), conv(squeezed, width, 1), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.conv_du(x.mean((-2, -1), keepdim=True))


class Residual(nn.Module):
    """``x + body(x)``."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def _attended(width: int, squeezed: int) -> Residual:
    return Residual(conv(width, width), nn.ReLU(), conv(width, width), ChannelAttention(width, squeezed))


class Rcan(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s`` the product of the factors.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        squeezed: channels inside the attention.
        groups, blocks: residual groups, and blocks in each.
        factors: enlargement of each pixel shuffle.
        means: whether 1 x 1 convolutions take the mean off and put it back.
        value_range: not used here.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        squeezed: int = 4,
        groups: int = 10,
        blocks: int = 20,
        factors: Sequence[int] = (2, 2),
        means: bool = True,
        value_range: str = "byte",
    ) -> None:
        super().__init__()
        self.means = means
        if means:
            self.sub_mean, self.add_mean = conv(in_bands, in_bands, 1), conv(out_bands, out_bands, 1)
        self.head = nn.Sequential(conv(in_bands, width))
        made: list[nn.Module] = []
        for _ in range(groups):
            made.append(Residual(*(_attended(width, squeezed) for _ in range(blocks)), conv(width, width)))
        self.body = nn.Sequential(*made, conv(width, width))
        self.tail = nn.Sequential(shuffle_tail(width, width, factors), conv(width, out_bands))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        first = self.head(self.sub_mean(x) if self.means else x)
        output = self.tail(self.body(first) + first)
        return self.add_mean(output) if self.means else output
