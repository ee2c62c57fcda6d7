"""The running mean of a network's weights, which is smoother than any of them."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def running_mean(network: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a network: first the weights, then ``mean = decay mean + (1 - decay) weights``.

    Buffers, such as the statistics of batch normalisation, are those of the network itself.

    Args:
        network: what is averaged, on its device.
        decay: share of the mean that stays with every update.
    """
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
