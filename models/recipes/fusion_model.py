"""The shipped band fusion networks: their sizes, how they start, and how they are exported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict

import torch

from models.recipes.export import export_model
from models.recipes.fusion_patches import FusionPlan
from sr_plugin.worker.architectures.dsen2 import DSen2

#: Bands and pixel size, in 10 m pixels, of each input, and the inputs' names in ONNX.
GROUPS = ((4, 1), (6, 2), (2, 6))
INPUTS = (("bands_10m", 4), ("bands_20m", 6), ("bands_60m", 2))
#: Residual scale of the published networks, which readers of bare weights take for granted.
_RESIDUAL_SCALE = 0.1


@dataclass(frozen=True)
class FusionModel:
    """One network and the batches that it is trained on.

    Attributes:
        width: feature channels.
        blocks: residual blocks.
        plan: of the batches; also tells how many groups of bands go in.
    """

    width: int
    blocks: int
    plan: FusionPlan


#: By pixel size in metres of the bands to sharpen.
MODELS = {
    20: FusionModel(64, 5, FusionPlan(count=2, patch=32, patches=16, margin=3)),
    60: FusionModel(48, 5, FusionPlan(count=3, patch=36, patches=12, margin=2)),
}


def untrained(target: int) -> DSen2:
    """A network that begins as bilinear enlargement, with blocks that are added in full."""
    model = MODELS[target]
    network = DSen2(GROUPS[: model.plan.count], model.width, model.blocks, residual_scale=1.0)
    with torch.no_grad():
        network.convs[-1].weight.mul_(0.01)
        network.convs[-1].bias.zero_()
    return network.to(memory_format=torch.channels_last)


def with_residual_scale(tensors: Dict[str, torch.Tensor], scale: float) -> Dict[str, torch.Tensor]:
    """Weights that do with the residual scale ``scale`` what the given ones do with 1."""
    last = max(int(name.split(".")[1]) for name in tensors)

    def ends_block(name: str) -> bool:
        number = int(name.split(".")[1])
        return 0 < number < last and number % 2 == 0

    return {name: tensor / scale if ends_block(name) else tensor for name, tensor in tensors.items()}


def export_fusion(trained: Dict[str, torch.Tensor], models: str, target: int) -> None:
    """Write ``s2-fuse-20m`` or ``s2-fuse-60m`` into ``models``; the ONNX file takes all bands on the 10 m grid.

    Raises:
        RuntimeError: when ONNX Runtime and torch disagree.
    """
    model = MODELS[target]
    count = model.plan.count
    network = DSen2([(bands, 1) for bands, _ in GROUPS[:count]], model.width, model.blocks, _RESIDUAL_SCALE)
    network.load_state_dict(with_residual_scale(trained, _RESIDUAL_SCALE))
    export_model(network, os.path.join(models, f"s2-fuse-{target}m"), INPUTS[:count])
