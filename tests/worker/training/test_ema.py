"""The running mean of the weights equals its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sr_plugin.worker.training.ema import decay_at, running_mean


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_mean_has_its_closed_form(decay):
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
        # d_1 ... d_n w_0 + sum_k (1 - d_k) d_(k+1) ... d_n w_k
        decays = [min(decay, (1 + k) / (10 + k)) for k in range(count + 1)]
        expected = math.prod(decays[1:]) * history[0][number]
        for k in range(1, count + 1):
            expected = expected + (1 - decays[k]) * math.prod(decays[k + 1 :]) * history[k][number]
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


def test_a_short_training_forgets_the_weights_that_it_began_with():
    """With a constant decay, 0.999^100 = 90 % of them would be left."""
    network = nn.Linear(1, 1, bias=False)
    mean = running_mean(network, 0.999)
    for value in (1.0, *[0.0] * 100):
        nn.init.constant_(network.weight, value)
        mean.update_parameters(network)
    assert mean.module.weight.item() < 1e-6
    assert decay_at(0.999, 100_000) == 0.999


def test_a_mean_goes_on_where_it_was():
    network = nn.Linear(1, 1, bias=False)
    first, again = running_mean(network, 0.999), running_mean(network, 0.999)
    for _ in range(5):
        first.update_parameters(network)
    again.load_state_dict(first.state_dict())
    nn.init.constant_(network.weight, 3.0)
    for mean in (first, again):
        mean.update_parameters(network)
    assert torch.equal(first.module.weight, again.module.weight)


def test_statistics_of_the_batches_are_those_of_the_network():
    network = nn.BatchNorm2d(3)
    mean = running_mean(network, 0.9)
    network.train()(torch.rand(4, 3, 5, 5))
    mean.update_parameters(network)
    torch.testing.assert_close(mean.module.running_mean, network.running_mean)
    assert int(mean.module.num_batches_tracked) == 1
