"""An EDSR body that predicts what a bicubic enlargement lacks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

#: Input pixels on each side of a pixel that cubic convolution may look at.
_CUBIC_RADIUS = 2


def _keys_cubic(distance: torch.Tensor) -> torch.Tensor:
    """Cubic convolution kernel with a = -0.5; ``distance`` in input pixels, any shape."""
    x = distance.abs()
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _cubic_phases(bands: int, scale: int) -> torch.Tensor:
    """Weights ``(bands * scale**2, 1, 5, 5)`` of a grouped convolution whose pixel shuffle enlarges by ``scale``.

    Output pixel ``scale * i + p`` lies ``(p + 0.5) / scale - 0.5`` input pixels from the centre of input pixel ``i``.
    """
    phase = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    tap = torch.arange(-_CUBIC_RADIUS, _CUBIC_RADIUS + 1, dtype=torch.float64)
    line = _keys_cubic(tap[None, :] - phase[:, None])
    plane = line[:, None, :, None] * line[None, :, None, :]
    size = 2 * _CUBIC_RADIUS + 1
    return plane.reshape(scale * scale, 1, size, size).repeat(bands, 1, 1, 1).float()


class ResidualBlock(nn.Module):
    """``x + conv2(relu(conv1(x)))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(functional.relu(self.conv1(x)))


class EdsrBicubic(nn.Module):
    """Enlarge reflectance by ``scale``: cubic convolution plus a learned residual.

    Takes float32 ``(N, in_bands, H, W)`` reflectance (digital number / 10000, usually 0 to 1 and not clamped) and gives
    ``(N, out_bands, H * scale, W * scale)`` in the same unit. The first ``out_bands`` input bands are enlarged.
    A pixel of the result depends on no input pixel further away than ``2 * blocks + 3``.

    Args:
        in_bands: bands of the input, at least 1.
        out_bands: bands of the result, at most ``in_bands``.
        width: feature channels.
        blocks: residual blocks.
        scale: enlargement, 2 or more.

    Raises:
        ValueError: when there are more bands to give than to enlarge.
    """

    def __init__(self, in_bands: int = 4, out_bands: int = 4, width: int = 48, blocks: int = 7, scale: int = 2) -> None:
        super().__init__()
        if not 1 <= out_bands <= in_bands:
            raise ValueError(f"cannot enlarge {out_bands} bands out of {in_bands}")
        self.out_bands = out_bands
        self.scale = scale
        self.shallow = nn.Conv2d(in_bands, width, 3, padding=1)
        self.blocks = nn.ModuleList([ResidualBlock(width) for _ in range(blocks)])
        self.trunk = nn.Conv2d(width, width, 3, padding=1)
        self.expand = nn.Conv2d(width, out_bands * scale * scale, 3, padding=1)
        # Fixed by the scale, so no part of a checkpoint.
        self.register_buffer("cubic", _cubic_phases(out_bands, scale), persistent=False)

    def enlarge(self, x: torch.Tensor) -> torch.Tensor:
        """Cubic convolution (a = -0.5, half-pixel centres, replicated edges) of the first ``out_bands`` bands."""
        padded = functional.pad(x[:, : self.out_bands], (_CUBIC_RADIUS,) * 4, mode="replicate")
        # In bfloat16 the kernel's sum is off by thousandths, which training would learn to make up for.
        with torch.autocast(x.device.type, enabled=False):
            enlarged = functional.conv2d(padded.to(self.cubic.dtype), self.cubic, groups=self.out_bands)
        return functional.pixel_shuffle(enlarged, self.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reflectance ``(N, in_bands, H, W)`` to ``(N, out_bands, H * scale, W * scale)``; any H and W from 1 on."""
        shallow = self.shallow(x)
        features = shallow
        for block in self.blocks:
            features = block(features)
        residual = functional.pixel_shuffle(self.expand(self.trunk(features) + shallow), self.scale)
        return residual + self.enlarge(x)
