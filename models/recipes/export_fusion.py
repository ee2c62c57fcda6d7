"""Export a checkpoint of the fusion training: ``python -m models.recipes.export_fusion CHECKPOINT.pt models --target 20``."""

from __future__ import annotations

import argparse
import os
from typing import Dict

import torch

from models.recipes.export import export_model
from models.recipes.train_fusion import GROUPS, SIZES
from sr_plugin.worker.architectures.dsen2 import DSen2

#: Residual scale of the published networks, which readers of bare weights take for granted.
RESIDUAL_SCALE = 0.1
INPUTS = (("bands_10m", 4), ("bands_20m", 6), ("bands_60m", 2))


def with_residual_scale(tensors: Dict[str, torch.Tensor], scale: float) -> Dict[str, torch.Tensor]:
    """Weights that do with the residual scale ``scale`` what the given ones do with 1."""
    last = max(int(name.split(".")[1]) for name in tensors)

    def ends_block(name: str) -> bool:
        number = int(name.split(".")[1])
        return 0 < number < last and number % 2 == 0

    return {name: tensor / scale if ends_block(name) else tensor for name, tensor in tensors.items()}


def shipped_model(checkpoint: str, target: int) -> DSen2:
    """The trained network for bands that are all on the 10 m grid already, as the ONNX file takes them."""
    count, width, blocks, _ = SIZES[target]
    trained = torch.load(checkpoint, map_location="cpu", weights_only=True)["ema"]
    model = DSen2([(bands, 1) for bands, _ in GROUPS[:count]], width, blocks, RESIDUAL_SCALE)
    model.load_state_dict(with_residual_scale(trained, RESIDUAL_SCALE))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="file written by the training")
    parser.add_argument("models", help="folder for the exported model")
    parser.add_argument("--target", type=int, choices=sorted(SIZES), required=True, help="metres: bands to sharpen")
    arguments = parser.parse_args()
    model = shipped_model(arguments.checkpoint, arguments.target)
    stem = os.path.join(arguments.models, f"s2-fuse-{arguments.target}m")
    export_model(model, stem, INPUTS[: SIZES[arguments.target][0]])


if __name__ == "__main__":
    main()
