"""SRVGGNetCompact of Real-ESRGAN (Wang et al., 2021, arXiv:2107.10833)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

#: Slope of the leaky ReLU in files that store none.
_SLOPE = 0.1


class SrVgg(nn.Module):
    """``(N, bands, H, W)``, usually 0 to 1, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        width: feature channels.
        convs: convolutions between the first and the last one.
        scale: enlargement by one pixel shuffle at the end.
        activation: ``prelu`` (slopes stored) or ``leakyrelu`` (slope 0.1).

    Raises:
        ValueError: when the activation is another one.
    """

    def __init__(
        self, bands: int = 3, width: int = 64, convs: int = 16, scale: int = 4, activation: str = "prelu"
    ) -> None:
        super().__init__()
        if activation not in ("prelu", "leakyrelu"):
            raise ValueError(f"unknown activation {activation!r}")
        self.scale = scale
        layers: list[nn.Module] = []
        for number in range(convs + 1):
            layers.append(nn.Conv2d(width if number else bands, width, 3, padding=1))
            layers.append(nn.PReLU(width) if activation == "prelu" else nn.LeakyReLU(_SLOPE, inplace=True))
        layers.append(nn.Conv2d(width, bands * scale * scale, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped: learned detail plus the nearest-enlarged input."""
        detail = functional.pixel_shuffle(self.body(x), self.scale)
        return detail + functional.interpolate(x, scale_factor=self.scale, mode="nearest")
