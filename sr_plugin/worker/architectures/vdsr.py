"""VDSR (Kim et al., 2016, arXiv:1511.04587, figure 2) behind the cubic enlargement that it repairs."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.edsr_bicubic import _CUBIC_RADIUS, _cubic_phases
from sr_plugin.worker.architectures.parts import conv


class _Layer(nn.Module):
    """A convolution and a ReLU on ``(N, width, H, W)``."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.conv = conv(width, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.conv(x), inplace=True)


class Vdsr(nn.Module):
    """``(N, bands, H, W)``, usually one band from 0 to 1, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        width: feature channels.
        blocks: layers between the first and the last.
        bias: whether convolutions add one.
        scale: enlargement by cubic convolution (a = -0.5, half-pixel centres, replicated edges) before the network.
    """

    def __init__(self, bands: int = 1, width: int = 64, blocks: int = 18, bias: bool = False, scale: int = 2) -> None:
        super().__init__()
        self.bands = bands
        self.scale = scale
        self.input = conv(bands, width, bias=bias)
        self.residual_layer = nn.Sequential(*(_Layer(width, bias) for _ in range(blocks)))
        self.output = conv(width, bands, bias=bias)
        # Fixed by the scale, so no part of a checkpoint.
        self.register_buffer("cubic", _cubic_phases(bands, scale), persistent=False)

    def enlarge(self, x: torch.Tensor) -> torch.Tensor:
        """The cubic enlargement of every band."""
        padded = functional.pad(x, (_CUBIC_RADIUS,) * 4, mode="replicate")
        return functional.pixel_shuffle(functional.conv2d(padded, self.cubic, groups=self.bands), self.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped; any H and W from 1 on."""
        enlarged = self.enlarge(x)
        features = functional.relu(self.input(enlarged), inplace=True)
        return self.output(self.residual_layer(features)) + enlarged


class VdsrEdsr(Vdsr):
    """The same for red, green and blue together, whose mean is taken off before and put back behind.

    Args:
        bands: must be three, as the mean layers are.
        width, blocks, bias, scale: see :class:`Vdsr`.
        value_range: not used here.
    """

    def __init__(
        self,
        bands: int = 3,
        width: int = 64,
        blocks: int = 18,
        bias: bool = True,
        scale: int = 2,
        value_range: str = "byte",
    ) -> None:
        super().__init__(bands, width, blocks, bias, scale)
        self.sub_mean, self.add_mean = conv(3, 3, 1), conv(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped; any H and W from 1 on."""
        return self.add_mean(super().forward(self.sub_mean(x)))
