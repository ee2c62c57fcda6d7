"""The first steps of a network of several views: it learns to average before it learns to enlarge.

The views become noisy copies of their mean. Where the network has a part that fuses images into one image, that part
alone is trained to give the mean back; elsewhere the whole network is trained on the copies.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def noisy_copies(views: torch.Tensor, deviation: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Copies of the mean of views with noise, and the mean itself.

    Args:
        views: ``(N, L, bands, h, w)``.
        deviation: standard deviation of the noise in the same quantity.

    Returns:
        ``(N, L, bands, h, w)`` and ``(N, bands, h, w)``.
    """
    mean = views.mean(1)
    copies = mean[:, None].expand_as(views)
    return copies + deviation * torch.randn_like(views), mean


def fusing_part(network: nn.Module) -> nn.Module | None:
    """The part of a network that makes one image of several, or None."""
    part = getattr(network, "fusion", None)
    return part if isinstance(part, nn.Module) else None


def fusion_loss(part: nn.Module, copies: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference between what a fusing part makes of the copies and their mean, in the model's range."""
    return functional.l1_loss(part(copies), mean)
