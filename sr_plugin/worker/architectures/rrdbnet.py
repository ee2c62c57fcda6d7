"""RRDBNet, the generator of ESRGAN (Wang et al., 2018, arXiv:1809.00219, figure 4)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_SLOPE = 0.2
_RESIDUAL_SCALE = 0.2


def _leaky(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, _SLOPE, inplace=True)


class DenseBlock(nn.Module):
    """Five convolutions, each over everything before it; ``0.2 * conv5 + input`` on ``(N, width, H, W)``."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(width + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(width + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(width + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(width + 4 * growth, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gathered = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            gathered = torch.cat((gathered, _leaky(layer(gathered))), 1)
        return self.conv5(gathered) * _RESIDUAL_SCALE + x


class ResidualInResidual(nn.Module):
    """Three dense blocks inside a residual of their own, ``(N, width, H, W)``."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(width, growth)
        self.rdb2 = DenseBlock(width, growth)
        self.rdb3 = DenseBlock(width, growth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))) * _RESIDUAL_SCALE + x


class RrdbNet(nn.Module):
    """``(N, in_bands, H, W)``, usually 0 to 1, to ``(N, out_bands, H * s, W * s)``, ``s = 2**upsamplings / unshuffle``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        growth: channels that each dense convolution adds.
        blocks: number of residual-in-residual blocks.
        upsamplings: number of nearest-neighbour doublings, each followed by a convolution.
        unshuffle: fold this many pixels along each axis into bands first; H and W must then be multiples of it.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        growth: int = 32,
        blocks: int = 23,
        upsamplings: int = 2,
        unshuffle: int = 1,
    ) -> None:
        super().__init__()
        self.upsamplings = upsamplings
        self.unshuffle = unshuffle
        self.conv_first = nn.Conv2d(in_bands * unshuffle * unshuffle, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        for number in range(1, upsamplings + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, out_bands, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        if self.unshuffle > 1:
            x = functional.pixel_unshuffle(x, self.unshuffle)
        features = self.conv_first(x)
        features = features + self.conv_body(self.body(features))
        for number in range(1, self.upsamplings + 1):
            enlarged = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = _leaky(self.get_submodule(f"conv_up{number}")(enlarged))
        return self.conv_last(_leaky(self.conv_hr(features)))
