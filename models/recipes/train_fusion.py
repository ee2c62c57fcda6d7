"""Train the shipped band fusion models: Sentinel-2's 20 m or 60 m bands sharpened to 10 m.

Run from the repository root: ``python -m models.recipes.train_fusion --data FOLDER --work FOLDER --target 20``.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any, Dict, List

import numpy as np
import torch
from torch import nn

from models.recipes.degradation import dsen2_blur
from models.recipes.fusion_model import MODELS, export_fusion, untrained
from models.recipes.fusion_patches import UNIT, FusionSource, wald
from models.recipes.fusion_scenes import RATIOS, FusionScene, training_scenes, validation_scenes
from models.recipes.training import Training, add_arguments, load_fitting, relative_loss, schedule_of, write_facts
from sr_plugin.core.resampling import enlarge_cubic

_VALIDATION_EDGE = 384


def loss_of(model: nn.Module, source: FusionSource, context: Any) -> torch.Tensor:
    """Error relative to bilinear enlargement: per patch and band, and per band over the batch."""
    inputs, target = source.batch()
    with context:
        result = model(*(x.contiguous(memory_format=torch.channels_last) for x in inputs))
    size = target.shape[-2:]
    baseline = nn.functional.interpolate(inputs[-1], size=size, mode="bilinear", align_corners=False)
    by_patch = (x.float().flatten(0, 1).flatten(1) for x in (result, target, baseline))
    by_band = (x.float().transpose(0, 1).flatten(1) for x in (result, target, baseline))
    return 0.5 * relative_loss(*by_patch) + 0.5 * relative_loss(*by_band)


def _cut(scene: FusionScene) -> FusionScene:
    """The right lower part of a scene, small enough to look at often."""
    edge = _VALIDATION_EDGE // RATIOS[-1] * RATIOS[-1]
    coarsest = RATIOS[len(scene.groups) - 1]
    rows, columns = (min(edge, n // coarsest * coarsest) for n in scene.groups[-1].shape[1:])
    return FusionScene(
        scene.source,
        tuple(g[:, -rows * coarsest // r :, -columns * coarsest // r :] for g, r in zip(scene.groups, RATIOS)),
    )


@torch.no_grad()
def validate(model: nn.Module, scenes: List[FusionScene]) -> Dict[str, float]:
    """Mean ratio of the root mean square error to that of cubic convolution, per source; smaller is better."""
    ratios: Dict[str, List[float]] = {}
    for scene in scenes:
        factor = RATIOS[len(scene.groups) - 1]
        whole = [length // factor**2 * factor for length in scene.groups[-1].shape[1:]]
        if min(whole) < 2 * factor:
            continue
        cut = [g[:, : whole[0] * factor // r, : whole[1] * factor // r] for g, r in zip(scene.groups, RATIOS)]
        inputs, target = wald(cut, (dsen2_blur(factor),) * 2, 0)
        result = model(*(torch.from_numpy(x[None] * np.float32(UNIT)) for x in inputs))[0].numpy() / UNIT
        cubic = enlarge_cubic(inputs[-1].astype(np.float64), factor)
        errors = [np.sqrt(np.square(x - target).mean(axis=(1, 2))) for x in (result, cubic)]
        ratios.setdefault(scene.source, []).append(float((errors[0] / errors[1]).mean()))
    return {source: float(np.mean(values)) for source, values in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=12000)
    parser.add_argument("--target", type=int, choices=sorted(MODELS), required=True, help="metres: bands to sharpen")
    parser.add_argument("--dsen2-share", type=float, default=0.65, help="batches made coarser exactly as DSen2 does")
    arguments = parser.parse_args()
    schedule = schedule_of(arguments)
    plan = dataclasses.replace(MODELS[arguments.target].plan, dsen2_share=arguments.dsen2_share)
    source = FusionSource(training_scenes(arguments.data, plan.count), plan, arguments.seed)
    scenes = [_cut(scene) for scene in validation_scenes(arguments.data, plan.count)]
    model = untrained(arguments.target)
    load_fitting(model, arguments.start)
    name = f"s2-fuse-{arguments.target}m"
    training = Training(
        model,
        tuple(f"convs.{number}." for number in range(1, len(model.convs) - 1)),
        lambda network, context: loss_of(network, source, context),
        lambda network: validate(network, scenes),
        source.random,
        schedule,
        os.path.join(arguments.work, name),
    )
    outcome = training.run()
    write_facts(arguments, name, {**outcome, **dataclasses.asdict(plan)})
    export_fusion(training.average.state_dict(), arguments.models, arguments.target)


if __name__ == "__main__":
    main()
