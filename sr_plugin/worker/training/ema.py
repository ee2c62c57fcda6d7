"""The running mean of a network's weights, which is smoother than any of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def decay_at(decay: float, updates: int) -> float:
    """The decay of an update: lower at the start, so that the weights that a training begins with are soon forgotten.

    ``min(decay, (1 + n) / (10 + n))`` after ``n`` updates, as in ``tf.train.ExponentialMovingAverage``.
    """
    return min(decay, (1 + updates) / (10 + updates))


def running_mean(network: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a network: first the weights, then ``mean = decay mean + (1 - decay) weights``.

    The decay grows with the number of updates (:func:`decay_at`), which is part of the mean's state.
    Buffers, such as the statistics of batch normalisation, are those of the network itself.

    Args:
        network: what is averaged, on its device.
        decay: largest share of the mean that stays with an update.
    """

    @torch.no_grad()
    def update(mean: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], updates: torch.Tensor) -> None:
        # This fused form is what torch's own running mean calls.
        torch._foreach_lerp_(mean, weights, 1.0 - decay_at(decay, int(updates)))

    return AveragedModel(network, multi_avg_fn=update)
