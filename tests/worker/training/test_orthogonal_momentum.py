"""Orthogonal steps for the inner weights, Adam's for the others."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from sr_plugin.core.training_parts import OptimiserPlan
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic
from sr_plugin.worker.training.optimiser import make_optimiser
from sr_plugin.worker.training.orthogonal_momentum import OrthogonalAdam, inner_weights, orthogonalised


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_singular_values_come_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert 0.6 < float(values.min()) and float(values.max()) < 1.3


def test_inner_weights_lie_between_feature_maps():
    network = EdsrBicubic(4, 4, 8, 2, 2)
    names = {id(p): name for name, p in network.named_parameters()}
    found = [names[id(p)] for p in inner_weights(network)]
    blocks = [f"blocks.{n}.conv{k}.weight" for n in (0, 1) for k in (1, 2)]
    assert found == [*blocks, "trunk.weight"]
    assert inner_weights(EdsrBicubic(4, 4, 4, 2, 2)) == []


def stepped(optimiser, network, steps):
    for step in range(steps):
        x = torch.randn(64, 10, generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        network(x).square().mean().backward()
        optimiser.step()


def a_network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(10, 12), nn.Linear(12, 12), nn.Linear(12, 3))


def test_the_others_are_moved_by_adam():
    network, plain = a_network(), a_network()
    others = [p for p in network.parameters() if p is not network[1].weight]
    first = {n: p.detach().clone() for n, p in network.named_parameters()}
    stepped(OrthogonalAdam([network[1].weight], others, lr=0.01, betas=(0.9, 0.99)), network, 1)
    stepped(torch.optim.Adam(plain.parameters(), lr=0.01, betas=(0.9, 0.99)), plain, 1)
    for (name, one), other in zip(network.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other) == (name != "1.weight")
    # Three outputs leave the gradient three directions; along all of them the step is about equally long.
    step = network[1].weight.detach() - first["1.weight"]
    lengths = torch.linalg.svdvals(step)[:3] / (0.2 * 0.01 * math.sqrt(12))
    assert 0.6 < float(lengths.min()) and float(lengths.max()) < 1.3


def test_a_state_that_is_taken_over_goes_on_equally():
    network = a_network()
    plan = OptimiserPlan("orthogonal", 0.01)
    optimiser = make_optimiser(network, plan)
    assert isinstance(optimiser, OrthogonalAdam)
    stepped(optimiser, network, 3)
    again = copy.deepcopy(network)
    other = make_optimiser(again, plan)
    other.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    stepped(optimiser, network, 2)
    stepped(other, again, 2)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
