"""Make an ``edsr_bicubic`` network wider and deeper without changing what it computes, to train it further.

Run from the repository root: ``python -m models.recipes.widen models/s2-rgbn-x2.json --width 64 --blocks 8 --output
FOLDER``. What is added begins at random inside, but nothing of it reaches the result until training lets it. With
``--drop-block NUMBER`` one block is taken out instead, which training has to make up for.
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


def without_block(tensors: Tensors, number: int) -> Tensors:
    """The tensors of a network without one of its residual blocks, counted from 0; those after it move up.

    Raises:
        ValueError: when there is no such block.
    """
    kept: Tensors = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "blocks":
            block, _, rest = rest.partition(".")
            if int(block) == number:
                continue
            name = f"blocks.{int(block) - (int(block) > number)}.{rest}"
        kept[name] = tensor
    if len(kept) == len(tensors):
        raise ValueError(f"there is no block {number}")
    return kept


def _tensors_of(card: ModelCard) -> Tensors:
    path = next(weight.path for weight in card.weights if weight.container == "safetensors")
    return {name: torch.from_numpy(array.copy()) for name, array in read_checkpoint(path).tensors.items()}


def _write(card: ModelCard, tensors: Tensors, folder: str) -> str:
    """Write tensors with the card of the model that they come from; returns the new card's path."""
    seen = recognise({name: tensor.numpy() for name, tensor in tensors.items()})
    h = seen.hyperparameters
    os.makedirs(folder, exist_ok=True)
    stem = os.path.join(os.path.abspath(folder), f"{card.name}-{h['width']}x{h['blocks']}")
    write_safetensors(stem + ".safetensors", tensors)
    weight = WeightFile(stem + ".safetensors", "safetensors", sha256_of(stem + ".safetensors"))
    changed = replace(card, name=os.path.basename(stem), weights=(weight,), hyperparameters=h, reach=seen.reach)
    write_card(changed, stem + ".json")
    return stem + ".json"


def write_widened(card: ModelCard, size: Dict[str, int], folder: str, seed: int = 1) -> str:
    """Write a widened model with its card; returns the card's path.

    Args:
        card: of the model to begin with.
        size: the hyperparameters ``width`` and ``blocks`` of the new one.
        folder: of the new model.
        seed: of the weights that are added.
    """
    torch.manual_seed(seed)
    network = widened(_tensors_of(card), EdsrBicubic(**{**card.hyperparameters, **size}))
    return _write(card, network.state_dict(), folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("card", help="card of the model to begin with")
    parser.add_argument("--width", type=int, help="feature channels")
    parser.add_argument("--blocks", type=int, help="residual blocks")
    parser.add_argument("--drop-block", type=int, help="number of the block to take out, from 0")
    parser.add_argument("--output", required=True, help="folder of the new model")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    card = read_card(arguments.card)
    if arguments.drop_block is not None:
        print(_write(card, without_block(_tensors_of(card), arguments.drop_block), arguments.output))
        return
    size = {name: getattr(arguments, name) for name in ("width", "blocks") if getattr(arguments, name) is not None}
    print(write_widened(card, size, arguments.output, arguments.seed))


if __name__ == "__main__":
    main()
