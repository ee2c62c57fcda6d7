"""Make an ``edsr_bicubic`` network wider and deeper without changing what it computes, to train it further.

Run from the repository root: ``python -m models.recipes.widen models/s2-rgbn-x2.json --width 64 --blocks 8 --output
FOLDER``. What is added begins at random inside, but nothing of it reaches the result until training lets it.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Dict

import torch

from models.recipes.export import write_safetensors
from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.card_file import read_card, write_card
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.digest import sha256_of
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

Tensors = Dict[str, torch.Tensor]


def widened(tensors: Tensors, network: EdsrBicubic) -> EdsrBicubic:
    """A network that computes what the weights ``tensors`` of a smaller one do.

    Args:
        tensors: of an ``edsr_bicubic`` with the same bands and scale, no wider and no deeper.
        network: fresh; its weights are replaced where the smaller one has any.

    Raises:
        ValueError: when the network is smaller somewhere.
    """
    own = network.state_dict()
    for name, small in tensors.items():
        if name not in own or any(a < b for a, b in zip(own[name].shape, small.shape)):
            raise ValueError(f"'{name}' does not fit into the new network")
        part = tuple(slice(0, length) for length in small.shape)
        if small.ndim > 1:
            # Old channels must not hear of new ones.
            own[name][: small.shape[0]] = 0.0
        own[name][part] = small
    for name in own:
        if name.startswith("blocks.") and ".conv2." in name and name not in tensors:
            own[name].zero_()
    network.load_state_dict(own)
    return network


def write_widened(card: ModelCard, size: Dict[str, int], folder: str, seed: int = 1) -> str:
    """Write a widened model with its card; returns the card's path.

    Args:
        card: of the model to begin with.
        size: the hyperparameters ``width`` and ``blocks`` of the new one.
        folder: of the new model.
        seed: of the weights that are added.
    """
    path = next(weight.path for weight in card.weights if weight.container == "safetensors")
    tensors = {name: torch.from_numpy(array.copy()) for name, array in read_checkpoint(path).tensors.items()}
    hyperparameters = {**card.hyperparameters, **size}
    torch.manual_seed(seed)
    network = widened(tensors, EdsrBicubic(**hyperparameters))
    os.makedirs(folder, exist_ok=True)
    stem = os.path.join(os.path.abspath(folder), f"{card.name}-{hyperparameters['width']}x{hyperparameters['blocks']}")
    write_safetensors(stem + ".safetensors", network.state_dict())
    seen = recognise(read_checkpoint(stem + ".safetensors").tensors)
    weight = WeightFile(stem + ".safetensors", "safetensors", sha256_of(stem + ".safetensors"))
    larger = replace(
        card, name=os.path.basename(stem), weights=(weight,), hyperparameters=seen.hyperparameters, reach=seen.reach
    )
    write_card(larger, stem + ".json")
    return stem + ".json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("card", help="card of the model to begin with")
    parser.add_argument("--width", type=int, required=True, help="feature channels")
    parser.add_argument("--blocks", type=int, required=True, help="residual blocks")
    parser.add_argument("--output", required=True, help="folder of the new model")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    card = read_card(arguments.card)
    size = {name: getattr(arguments, name) for name in ("width", "blocks")}
    print(write_widened(card, size, arguments.output, arguments.seed))


if __name__ == "__main__":
    main()
