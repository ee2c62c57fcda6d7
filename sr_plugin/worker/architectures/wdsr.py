"""WDSR (Yu et al., 2018, arXiv:1808.08718, figures 2 and 3) as krasserm's Keras program builds it."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.core.architectures.mean_shift import RGB_MEAN
from sr_plugin.core.architectures.wdsr import BLOCKS
from sr_plugin.worker.architectures.parts import conv, depth_to_space

_BYTE = 255.0
_HALF = 127.5


class _Block(nn.ModuleList):
    """Wide convolutions with a ReLU behind the first; ``x + residual_scale * ...`` on ``(N, width, H, W)``."""

    def __init__(self, channels: list[int], kernels: tuple[int, ...], residual_scale: float) -> None:
        super().__init__(conv(channels[k], channels[k + 1], kernel) for k, kernel in enumerate(kernels))
        self.residual_scale = residual_scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = torch.relu(self[0](x))
        for layer in list(self)[1:]:
            features = layer(features)
        return x + features * self.residual_scale


class Wdsr(nn.Module):
    """``(N, 3, H, W)`` from 0 to 255, to ``(N, 3, H * scale, W * scale)``.

    Args:
        bands: bands taken and given, 3.
        width: feature channels between blocks.
        wide: feature channels inside a block.
        linear: feature channels behind the second convolution of a block of type b.
        kind: ``a`` or ``b``.
        blocks: number of blocks.
        residual_scale: part of each block's result that is added.
        scale: enlargement.

    Raises:
        ValueError: when the type is neither.
    """

    def __init__(
        self,
        bands: int = 3,
        width: int = 32,
        wide: int = 192,
        linear: int = 25,
        kind: str = "b",
        blocks: int = 8,
        residual_scale: float = 1.0,
        scale: int = 4,
    ) -> None:
        super().__init__()
        if kind not in BLOCKS:
            raise ValueError(f"no blocks are of type {kind!r}")
        self.scale = scale
        channels = [width, wide, *([linear] if kind == "b" else []), width]
        self.wdsr = nn.Module()
        self.wdsr.first = conv(bands, width)
        self.wdsr.blocks = nn.Sequential(*(_Block(channels, BLOCKS[kind], residual_scale) for _ in range(blocks)))
        self.wdsr.main = conv(width, bands * scale * scale)
        self.wdsr.skip = conv(bands, bands * scale * scale, 5)
        self.register_buffer("mean", _BYTE * torch.tensor(RGB_MEAN)[None, :, None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        scaled = (x - self.mean) / _HALF
        body = self.wdsr.main(self.wdsr.blocks(self.wdsr.first(scaled)))
        return depth_to_space(body + self.wdsr.skip(scaled), self.scale) * _HALF + self.mean
