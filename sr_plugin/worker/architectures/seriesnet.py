"""A small network that sharpens what classical fusion made of several views of one place.

In the manner of HighRes-net (Deudon et al., 2020, arXiv:2002.06460): each view is encoded together with a reference,
the encodings are fused, and the fusion is decoded. What differs: the reference is the classical fusion of all views,
every view comes registered, as its phases on the fine grid, and encodings are fused by a weighted mean instead of in
pairs. So views count alike in any order and number, they run as a batch, and the network adds to a sound result.
"""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import conv


class _Residual(nn.Module):
    """``x + conv(act(conv(x)))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(conv(width, width), nn.PReLU(), conv(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


class SeriesNet(nn.Module):
    """Features of the views to a correction of their fusion.

    Args:
        scale: enlargement.
        width: feature channels.
        encoder, decoder: residual blocks before and after views are fused.
    """

    def __init__(self, scale: int = 2, width: int = 32, encoder: int = 2, decoder: int = 3) -> None:
        super().__init__()
        self.scale = scale
        taken = 2 * scale**2 + 4
        self.encode = nn.Sequential(conv(taken, width), nn.PReLU(), *(_Residual(width) for _ in range(encoder)))
        self.weigh = conv(width, width, 1)
        self.decode = nn.Sequential(*(_Residual(width) for _ in range(decoder)), nn.PReLU(), conv(width, scale**2))
        self.shuffle = nn.PixelShuffle(scale)

    def fuse(self, encoded: torch.Tensor) -> torch.Tensor:
        """``(N, L, width, H, W)`` to ``(N, width, H, W)``: a mean whose weights each view earns."""
        weights = self.weigh(encoded.flatten(0, 1)).unflatten(0, encoded.shape[:2]).softmax(dim=1)
        return (weights * encoded).sum(dim=1)

    def batched(self, features: torch.Tensor) -> torch.Tensor:
        """``(N, L, 2 * scale ** 2 + 4, H, W)`` of several places to ``(N, 1, H * scale, W * scale)``."""
        flat = features.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        encoded = self.encode(flat).unflatten(0, features.shape[:2])
        return self.shuffle(self.decode(self.fuse(encoded)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Views of one place as the batch.

        Args:
            features: ``(L, 2 * scale ** 2 + 4, H, W)``, see :mod:`sr_plugin.worker.view_features`.

        Returns:
            ``(1, 1, H * scale, W * scale)``, in the features' unit, to be added to the fusion.
        """
        encoded = self.encode(features)
        weights = self.weigh(encoded).softmax(dim=0)
        return self.shuffle(self.decode((weights * encoded).sum(dim=0, keepdim=True)))
