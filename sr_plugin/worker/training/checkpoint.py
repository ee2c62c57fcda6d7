"""Everything that a training needs to go on, in one safetensors file: no pickle, and whole or not there at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from sr_plugin.core.checkpoint.safetensors import read_safetensors, write_safetensors
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.strict_json import parse_json

_STATE = "sr_training"


@dataclass
class Progress:
    """What is no tensor.

    Attributes:
        step: changes of the weights that were made.
        best: best validation figure, or None.
        best_step: where it was reached.
        bad: validations since then.
        before: figures from before the training, by name of the method.
        scaler: state of the loss scaling of float16.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    bad: int = 0
    before: dict[str, dict[str, float]] = field(default_factory=dict)
    scaler: dict[str, float] = field(default_factory=dict)


def _arrays(prefix: str, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": t.detach().cpu().numpy() for name, t in state.items() if isinstance(t, torch.Tensor)}


def _optimiser_arrays(prefix: str, optimiser: Optimizer) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for number, state in optimiser.state_dict()["state"].items():
        found.update(_arrays(f"{prefix}.{number}", state))
    return found


def write_checkpoint(
    path: str,
    plan_digest: str,
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
    progress: Progress,
) -> None:
    """Write a checkpoint.

    Args:
        path: the file.
        plan_digest: of the plan that it belongs to.
        networks, optimisers: by the same names that it is read with.
        progress: what is no tensor.

    Raises:
        OutputError: when it cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, network in networks.items():
        tensors.update(_arrays(f"network.{name}", network.state_dict()))
    for name, optimiser in optimisers.items():
        tensors.update(_optimiser_arrays(f"optimiser.{name}", optimiser))
    text = json.dumps({"plan": plan_digest, **progress.__dict__})
    write_safetensors(path, tensors, {_STATE: text})


def _under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {n[len(prefix) + 1 :]: t for n, t in tensors.items() if n.startswith(prefix + ".")}


def _fill_optimiser(optimiser: Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def read_checkpoint(
    path: str, plan_digest: str, networks: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer]
) -> Progress:
    """Fill networks and optimisers from a checkpoint.

    Raises:
        ModelUnreadable: when the file is damaged or belongs to another plan.
    """
    records, metadata = read_safetensors(path)
    try:
        told = parse_json(metadata[_STATE])
        if told.pop("plan") != plan_digest:
            raise ModelUnreadable(
                f"The checkpoint '{os.path.basename(path)}' belongs to another plan.",
                "Start the training in a new folder, or put the plan back as it was.",
            )
        progress = Progress(**told)
        tensors = {name: torch.from_numpy(record.array().copy()) for name, record in records.items()}
        for name, network in networks.items():
            network.load_state_dict(_under(tensors, f"network.{name}"), strict=True)
        for name, optimiser in optimisers.items():
            _fill_optimiser(optimiser, _under(tensors, f"optimiser.{name}"))
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelUnreadable(
            f"The checkpoint '{path}' is damaged ({reason}).", "Delete it to start the training from the beginning."
        ) from error
    return progress
