"""RFDN (Liu et al., 2020, arXiv:2009.11551, figures 2 and 3), with the attention of its published program."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv

_SLOPE = 0.05
_DISTILLATIONS = 3


def _leaky(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, _SLOPE)


class Attention(nn.Module):
    """Weights from 0 to 1 for every pixel, looked at from afar; ``(N, width, H, W)``, H and W at least 15."""

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.conv1 = conv(width, narrow, 1)
        self.conv_f = conv(narrow, narrow, 1)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride=2)
        self.conv_max = conv(narrow, narrow)
        self.conv3 = conv(narrow, narrow)
        self.conv3_ = conv(narrow, narrow)
        self.conv4 = conv(narrow, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        near = self.conv1(x)
        far = functional.max_pool2d(self.conv2(near), kernel_size=7, stride=3)
        far = functional.relu(self.conv3(functional.relu(self.conv_max(far))))
        # Stretched to the tile's own size: the only step that depends on it.
        far = functional.interpolate(self.conv3_(far), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(far + self.conv_f(near)))


class DistillationBlock(nn.Module):
    """Three times: keep a part, refine the rest; then fuse all kept parts. ``(N, width, H, W)``."""

    def __init__(self, width: int, kept: int, narrow: int) -> None:
        super().__init__()
        for k in range(1, _DISTILLATIONS + 1):
            self.add_module(f"c{k}_d", conv(width, kept, 1))
            self.add_module(f"c{k}_r", conv(width, width))
        self.c4 = conv(width, kept)
        self.c5 = conv((_DISTILLATIONS + 1) * kept, width, 1)
        self.esa = Attention(width, narrow)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for k in range(1, _DISTILLATIONS + 1):
            kept.append(_leaky(self.get_submodule(f"c{k}_d")(x)))
            x = _leaky(self.get_submodule(f"c{k}_r")(x) + x)
        kept.append(_leaky(self.c4(x)))
        return self.esa(self.c5(torch.cat(kept, 1)))


class Rfdn(nn.Module):
    """``(N, bands, H, W)``, usually 0 to 255, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        width: feature channels.
        distilled: channels that each distillation keeps.
        attention: channels inside the attention.
        blocks: number of distillation blocks.
        scale: enlargement.
    """

    def __init__(
        self, bands: int = 3, width: int = 50, distilled: int = 25, attention: int = 12, blocks: int = 4, scale: int = 4
    ) -> None:
        super().__init__()
        self.blocks = blocks
        self.scale = scale
        self.fea_conv = conv(bands, width)
        for n in range(1, blocks + 1):
            self.add_module(f"B{n}", DistillationBlock(width, distilled, attention))
        self.c = nn.Sequential(conv(blocks * width, width, 1), nn.LeakyReLU(_SLOPE))
        self.LR_conv = conv(width, width)
        self.upsampler = nn.Sequential(conv(width, bands * scale * scale), nn.PixelShuffle(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped; H and W at least 15."""
        first = features = self.fea_conv(x)
        results = []
        for n in range(1, self.blocks + 1):
            features = self.get_submodule(f"B{n}")(features)
            results.append(features)
        return self.upsampler(self.LR_conv(self.c(torch.cat(results, 1))) + first)
