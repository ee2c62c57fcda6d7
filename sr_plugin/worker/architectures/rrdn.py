"""RRDN of idealo's image-super-resolution: blocks of dense blocks, each adding a fifth of its result."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv, depth_to_space


class DenseBlock(nn.Module):
    """Dense convolutions with ReLU, fused by a 3 x 3 convolution; ``(N, width, H, W)``, without the skip."""

    def __init__(self, width: int, growth: int, convs: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(conv(width + k * growth, growth) for k in range(convs))
        self.fusion = conv(width + convs * growth, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.convs:
            x = torch.cat((x, functional.relu(layer(x))), 1)
        return self.fusion(x)


class Rrdn(nn.Module):
    """``(N, in_bands, H, W)``, usually 0 to 1, to ``(N, out_bands, H * scale, W * scale)``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: channels of a block (G0).
        growth: channels that each dense convolution adds (G).
        groups, blocks, convs: T, D and C of the published names.
        residual_scale: part of each block's, and each group's, result that is added.
        scale: enlargement.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 32,
        growth: int = 32,
        groups: int = 10,
        blocks: int = 3,
        convs: int = 4,
        residual_scale: float = 0.2,
        scale: int = 4,
    ) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.scale = scale
        self.pre = conv(in_bands, width)
        self.blocks = nn.ModuleList(
            nn.ModuleList(DenseBlock(width, growth, convs) for _ in range(blocks)) for _ in range(groups)
        )
        self.post = conv(width, width)
        self.expand = conv(width, out_bands * scale * scale)
        self.output = conv(out_bands, out_bands)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        first = features = self.pre(x)
        for group in self.blocks:
            inner = features
            for block in group:
                inner = inner + self.residual_scale * block(inner)
            features = features + self.residual_scale * inner
        return self.output(depth_to_space(self.expand(self.post(features) + first), self.scale))
