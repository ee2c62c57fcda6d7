"""The optimiser of a generator, as its plan asks for it."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.core.training_parts import OptimiserPlan
from sr_plugin.worker.training.orthogonal_momentum import orthogonal_adam

_PLAIN = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def make_optimiser(network: nn.Module, plan: OptimiserPlan) -> torch.optim.Optimizer:
    """The optimiser of a network's parameters; its learning rate is the highest of the plan."""
    settings = {"lr": plan.learning_rate, "betas": (plan.beta1, plan.beta2), "weight_decay": plan.weight_decay}
    if plan.kind == "orthogonal":
        return orthogonal_adam(network, **settings)
    return _PLAIN[plan.kind](network.parameters(), **settings)
