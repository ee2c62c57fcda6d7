"""RDN (Zhang et al., 2018, arXiv:1802.08797, figures 2 and 3), with the tails of its torch and Keras programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv, depth_to_space, shuffle_tail


class DenseLayer(nn.Module):
    """Adds ``growth`` channels to what it takes."""

    def __init__(self, taken: int, growth: int) -> None:
        super().__init__()
        self.conv = conv(taken, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((x, functional.relu(self.conv(x))), 1)


class DenseBlock(nn.Module):
    """Dense layers, fused by a 1 x 1 convolution, added to the block's input; ``(N, width, H, W)``."""

    def __init__(self, width: int, growth: int, convs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(DenseLayer(width + k * growth, growth) for k in range(convs)))
        self.lff = conv(width + convs * growth, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lff(self.layers(x)) + x


class Rdn(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s`` the product of the factors.

    Args:
        in_bands, out_bands: bands taken and given.
        width: channels of a block (G0).
        growth: channels that each dense layer adds (G).
        blocks, convs: dense blocks (D), and layers in each (C).
        tail: ``torch``, ``nearest`` or ``keras-shuffle``.
        up_width: channels before the last convolution, or of idealo's first two.
        factors: enlargement of each shuffle; one for idealo's tails.
        value_range: not used here.

    Raises:
        ValueError: when the tail is of no known kind.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        growth: int = 64,
        blocks: int = 16,
        convs: int = 8,
        tail: str = "torch",
        up_width: Union[int, Sequence[int]] = 64,
        factors: Sequence[int] = (2, 2),
        value_range: str = "unit",
    ) -> None:
        super().__init__()
        if tail not in ("torch", "nearest", "keras-shuffle"):
            raise ValueError(f"no tail is called {tail!r}")
        self.tail = tail
        self.factors = tuple(factors)
        self.sfe1 = conv(in_bands, width)
        self.sfe2 = conv(width, width)
        self.rdbs = nn.ModuleList(DenseBlock(width, growth, convs) for _ in range(blocks))
        self.gff = nn.Sequential(conv(blocks * width, width, 1), conv(width, width))
        if isinstance(up_width, int):
            self.upscale = shuffle_tail(width, up_width, factors)
            self.output = conv(up_width, out_bands)
            return
        first, second = up_width
        expanded = out_bands * self.factors[0] ** 2
        self.upn1, self.upn2, self.upn3 = conv(width, first, 5), conv(first, second), conv(second, expanded)
        self.output = conv(expanded if tail == "nearest" else out_bands, out_bands)

    def _enlarged(self, x: torch.Tensor) -> torch.Tensor:
        if self.tail == "torch":
            return self.upscale(x)
        expanded = self.upn3(functional.relu(self.upn2(functional.relu(self.upn1(x)))))
        if self.tail == "nearest":
            return functional.interpolate(expanded, scale_factor=self.factors[0], mode="nearest")
        return depth_to_space(expanded, self.factors[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        shallow = self.sfe1(x)
        features = self.sfe2(shallow)
        results = []
        for block in self.rdbs:
            features = block(features)
            results.append(features)
        return self.output(self._enlarged(self.gff(torch.cat(results, 1)) + shallow))
