"""FSRCNN (Dong et al., 2016, arXiv:1608.00367, figure 2)."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import conv


class Fsrcnn(nn.Module):
    """``(N, bands, H, W)``, usually one band from 0 to 1, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        width: channels of the outer layers (d).
        narrow: channels of the mapping layers (s).
        mappings: number of mapping layers (m).
        scale: enlargement by the transposed convolution, 2, 3 or 4.
    """

    def __init__(self, bands: int = 1, width: int = 56, narrow: int = 12, mappings: int = 4, scale: int = 2) -> None:
        super().__init__()
        self.first_part = nn.Sequential(conv(bands, width, 5), nn.PReLU(width))
        middle: list[nn.Module] = [conv(width, narrow, 1), nn.PReLU(narrow)]
        for _ in range(mappings):
            middle += [conv(narrow, narrow), nn.PReLU(narrow)]
        self.mid_part = nn.Sequential(*middle, conv(narrow, width, 1), nn.PReLU(width))
        self.last_part = nn.ConvTranspose2d(width, bands, 9, stride=scale, padding=4, output_padding=scale - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        return self.last_part(self.mid_part(self.first_part(x)))
