"""The running mean of the weights equals its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sr_plugin.worker.training.ema import running_mean


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_mean_is_a_geometric_sum(decay):
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    mean = running_mean(network, decay)
    torch.manual_seed(0)
    history = []
    for _ in range(6):
        with torch.no_grad():
            for p in network.parameters():
                p.copy_(torch.randn_like(p))
        network.train()(torch.rand(2, 2, 8, 8))
        history.append([p.detach().double().clone() for p in network.parameters()])
        mean.update_parameters(network)
    count = len(history) - 1
    for number, found in enumerate(mean.module.parameters()):
        # decay^n w_0 + (1 - decay) sum_k decay^(n - k) w_k
        expected = decay**count * history[0][number]
        expected += sum((1 - decay) * decay ** (count - k) * history[k][number] for k in range(1, count + 1))
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_statistics_of_the_batches_are_those_of_the_network():
    network = nn.BatchNorm2d(3)
    mean = running_mean(network, 0.9)
    network.train()(torch.rand(4, 3, 5, 5))
    mean.update_parameters(network)
    torch.testing.assert_close(mean.module.running_mean, network.running_mean)
    assert int(mean.module.num_batches_tracked) == 1
