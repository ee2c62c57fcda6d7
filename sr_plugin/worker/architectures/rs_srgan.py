"""RS-SRGAN for several views (https://github.com/simon-donike/Remote-Sensing-SRGAN)."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import conv
from sr_plugin.worker.architectures.srresnet import SrResNet


class RecursiveFusion(nn.Module):
    """``(N, L, bands, H, W)`` to ``(N, bands, H, W)``: views are fused in pairs, first with last, until one is left.

    Where a view has no partner, it waits and joins the mean at the end. There, each image weighs as many views as it
    was made from, so that no view is lost; for 2, 4, 8 ... views, none ever waits.

    Args:
        bands: bands of a view.
        kernel: kernel of the convolutions.

    Raises:
        ValueError: on running it, when the views have not five dimensions.
    """

    def __init__(self, bands: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv1, self.bn1, self.act1 = conv(2 * bands, 2 * bands, kernel), nn.BatchNorm2d(2 * bands), nn.PReLU()
        self.conv2, self.bn2 = conv(2 * bands, 2 * bands, kernel), nn.BatchNorm2d(2 * bands)
        self.merge, self.act2 = conv(2 * bands, bands, kernel), nn.PReLU()

    def _fused(self, pairs: torch.Tensor) -> torch.Tensor:
        """``(M, 2 * bands, H, W)`` to ``(M, bands, H, W)``."""
        inner = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(pairs)))))
        return self.act2(self.merge(pairs + inner))

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        if views.ndim != 5:
            raise ValueError(f"views must be (N, L, bands, H, W), not {tuple(views.shape)}")
        count = total = int(views.shape[1])
        weight = 1
        waiting = torch.zeros_like(views[:, 0])
        while count > 1:
            half, odd = divmod(count, 2)
            if odd:
                waiting = waiting + views[:, half] * (weight / total)
            # A view and its partner from the other end, counted from both ends.
            pairs = torch.cat((views[:, :half], views[:, half + odd :].flip(1)), 2)
            views = self._fused(pairs.flatten(0, 1)).unflatten(0, (-1, half))
            count, weight = half, 2 * weight
        return waiting + views[:, 0] * (weight / total)


class RsSrganFusion(nn.Module):
    """``(N, L, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)``: fused views through an SRResNet.

    Args:
        in_bands: bands of a view.
        fusion_kernel: kernel of the fusion's convolutions.
        views: number of views that the card's reach is stated for; any number can be given.
        sizes: see :class:`~sr_plugin.worker.architectures.srresnet.SrResNet`.
    """

    def __init__(self, in_bands: int = 3, fusion_kernel: int = 3, views: int = 4, **sizes: int | bool | str) -> None:
        super().__init__()
        self.views = views
        self.fusion = RecursiveFusion(in_bands, fusion_kernel)
        self.generator = SrResNet(in_bands=in_bands, **sizes)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        """Views in the model's range, in any number from one, to the model's output."""
        return self.generator(self.fusion(views))
