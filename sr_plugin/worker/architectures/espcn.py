"""ESPCN (Shi et al., 2016, arXiv:1609.05158, figure 1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import conv


class Espcn(nn.Module):
    """``(N, bands, H, W)``, usually one band from 0 to 1, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        layers: channels given and kernel size of each convolution; the last one feeds the pixel shuffle.
        scale: enlargement.
    """

    def __init__(
        self,
        bands: int = 1,
        layers: Sequence[Sequence[int]] = ((64, 5), (32, 3), (4, 3)),
        scale: int = 2,
    ) -> None:
        super().__init__()
        features: list[nn.Module] = []
        taken = bands
        for given, kernel in layers[:-1]:
            features += [conv(taken, given, kernel), nn.Tanh()]
            taken = given
        given, kernel = layers[-1]
        self.first_part = nn.Sequential(*features)
        self.last_part = nn.Sequential(conv(taken, given, kernel), nn.PixelShuffle(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        return self.last_part(self.first_part(x))
