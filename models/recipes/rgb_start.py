"""The shipped four-band network without its near infrared: what the training of ``s2-rgb-x4-gan`` begins with.

    python -m models.recipes.rgb_start --work WORK

writes ``WORK/s2-rgb-x4-start.safetensors`` and its card. The network still reads its features as if the near infrared
were black, so it has to be trained before it is of use.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Dict, Mapping, Tuple

import numpy as np

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.card_file import write_card
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.digest import sha256_of

FOUR_BANDS = "s2-rgbn-x4"
NAME = "s2-rgb-x4-start"


def without_bands(tensors: Mapping[str, np.ndarray], kept: Tuple[int, ...], scale: int) -> Dict[str, np.ndarray]:
    """The weights of an ``edsr_bicubic`` network that takes and gives some of its bands only.

    Args:
        tensors: all weights of the network.
        kept: positions of the bands that stay.
        scale: its enlargement.
    """
    # The pixel shuffle takes scale * scale channels in a row for each band.
    channels = np.concatenate([np.arange(band * scale**2, (band + 1) * scale**2) for band in kept])
    taken = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    taken["shallow.weight"] = taken["shallow.weight"][:, list(kept)]
    for name in ("expand.weight", "expand.bias"):
        taken[name] = taken[name][channels]
    return {name: np.ascontiguousarray(tensor) for name, tensor in taken.items()}


def write_start(folder: str, model: str = FOUR_BANDS) -> ModelCard:
    """Write network and card into ``folder``; returns the card.

    Args:
        folder: where to write.
        model: name or card of the four-band model that it is taken from.
    """
    card = find_model(model)
    given = next(weight for weight in card.weights if weight.container == "safetensors")
    kept = tuple(range(3))
    tensors = without_bands(read_checkpoint(given.path).tensors, kept, card.scale)
    target = os.path.join(folder, f"{NAME}.safetensors")
    write_safetensors(target, tensors, {"format": "pt"})
    bands = tuple(card.input_bands[band] for band in kept)
    start = replace(
        card,
        name=NAME,
        title=NAME,
        hyperparameters=recognise(tensors).hyperparameters,
        input_bands=bands,
        output_bands=bands,
        weights=(WeightFile(target, "safetensors", sha256_of(target)),),
        quality={},
        source="models/recipes/rgb_start.py",
        notes=f"From {FOUR_BANDS} (SHA-256 {given.sha256}).",
    )
    write_card(start, os.path.join(folder, f"{NAME}.json"))
    return start


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder to write to")
    parser.add_argument("--model", default=FOUR_BANDS, help="name or card of the four-band model")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    write_start(arguments.work, arguments.model)


if __name__ == "__main__":
    main()
