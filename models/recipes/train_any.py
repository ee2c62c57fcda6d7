"""Train the shipped one-band models for any sensor, factor 2, 3 or 4.

Run from the repository root: ``python -m models.recipes.train_any --data FOLDER --work FOLDER --scale 2``.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from typing import Any, Dict, List

import numpy as np
import torch

from models.recipes.any_patches import AnyPlan, AnySource
from models.recipes.any_scenes import Plane, training_planes, validation_planes
from models.recipes.degradation import protocols, reduce_image
from models.recipes.export import export_model
from models.recipes.training import Training, add_arguments, load_fitting, relative_loss, schedule_of, write_facts
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

INPUTS = (("input", 1),)
WIDTH, BLOCKS = 32, 8
#: Edge of an input patch by scale.
PATCHES = {2: 40, 3: 32, 4: 28}
_VALIDATION_EDGE = 192


def build_model(scale: int) -> EdsrBicubic:
    """A network without biases that begins as plain cubic convolution."""
    model = EdsrBicubic(1, 1, WIDTH, BLOCKS, scale).to(memory_format=torch.channels_last)
    with torch.no_grad():
        model.expand.weight.mul_(0.01)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
                parameter.requires_grad_(False)
    return model


def loss_of(model: EdsrBicubic, source: AnySource, context: Any) -> torch.Tensor:
    """Error relative to cubic convolution, per patch."""
    low, high = source.batch()
    with context:
        result = model(low.contiguous(memory_format=torch.channels_last))
    baseline = model.enlarge(low)
    return relative_loss(*(x.float().flatten(1) for x in (result, high, baseline)))


@torch.no_grad()
def validate(model: EdsrBicubic, planes: List[Plane]) -> Dict[str, float]:
    """Mean gain over cubic convolution in dB by kind of sensor, over all point spread functions."""
    scale, gains = model.scale, {}
    border = slice(4 * scale, -4 * scale)
    for plane in planes:
        rows, columns = (min(_VALIDATION_EDGE, n) // scale * scale for n in plane.image.shape)
        image = plane.image[-rows:, :columns] / plane.image[-rows:, :columns].mean()
        target = torch.from_numpy(image)[None, None]
        for blur in protocols(scale).values():
            low = torch.from_numpy(reduce_image(image, scale, blur)).float()[None, None]
            errors = [(y - target)[..., border, border].square().mean() for y in (model(low), model.enlarge(low))]
            gains.setdefault(plane.kind, []).append(10 * math.log10(errors[1] / errors[0]))
    return {kind: float(np.mean(values)) for kind, values in gains.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=8000)
    parser.add_argument("--scale", type=int, choices=sorted(PATCHES), required=True)
    arguments = parser.parse_args()
    schedule = schedule_of(arguments)
    plan = AnyPlan(arguments.scale, PATCHES[arguments.scale])
    source = AnySource(training_planes(arguments.data), plan, arguments.seed)
    planes = validation_planes(arguments.data)
    model = build_model(arguments.scale)
    load_fitting(model, arguments.start)
    name = f"any-x{arguments.scale}"
    training = Training(
        model,
        ("blocks", "trunk"),
        lambda network, context: loss_of(network, source, context),
        lambda network: validate(network, planes),
        source.random,
        schedule,
        os.path.join(arguments.work, name),
    )
    outcome = training.run()
    write_facts(arguments, name, {**outcome, **dataclasses.asdict(plan)})
    export_model(training.average, os.path.join(arguments.models, name), INPUTS)


if __name__ == "__main__":
    main()
