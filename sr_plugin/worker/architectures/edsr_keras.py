"""EDSR as krasserm's Keras program builds it: values scaled inside, channels shuffled in Keras' order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sr_plugin.worker.architectures.edsr import Edsr
from sr_plugin.worker.architectures.parts import DepthToSpace

_BYTE = 255.0
_HALF = 127.5


class EdsrKeras(nn.Module):
    """``(N, 3, H, W)`` from 0 to 255, to ``(N, 3, H * s, W * s)`` with ``s`` the product of the factors.

    Args:
        in_bands, out_bands, width, blocks, factors, residual_scale: see :class:`Edsr`.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        blocks: int = 16,
        factors: Sequence[int] = (2, 2),
        residual_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.edsr = Edsr(in_bands, out_bands, width, blocks, factors, residual_scale, "none")
        for number, factor in enumerate(factors):
            self.edsr.tail[0][2 * number + 1] = DepthToSpace(factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        mean = self.edsr.mean * _BYTE
        return self.edsr((x - mean) / _HALF) * _HALF + mean
