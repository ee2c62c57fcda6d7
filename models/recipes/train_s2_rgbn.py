"""Train the shipped Sentinel-2 models: four 10 m bands, one image, factor 2 or 4.

Run from the repository root: ``python -m models.recipes.train_s2_rgbn --data FOLDER --scale 2 --work FOLDER``.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from typing import Any, Dict, List

import numpy as np
import torch

from models.recipes.degradation import protocols, reduce_image
from models.recipes.export import export_model
from models.recipes.patches import PatchPlan, PatchSource
from models.recipes.scenes import LAND_NIR, Scene, training_scenes, validation_scenes
from models.recipes.training import Training, add_arguments, load_fitting, relative_loss, schedule_of, write_facts
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

INPUTS = (("input", 4),)
_VALIDATION_CROP = 384


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=8000)
    parser.add_argument("--scale", type=int, choices=(2, 4), required=True)
    parser.add_argument("--patch", type=int, default=40, help="edge of a patch in input pixels")
    parser.add_argument("--groups", type=int, default=4, help="point spread functions a batch")
    parser.add_argument("--per-group", type=int, default=2, help="patches with one point spread function")
    parser.add_argument("--skew", type=float, default=1.0, help="above 1: more of the strongly blurred inputs")
    parser.add_argument("--area-power", type=float, default=0.5, help="scenes are drawn by area to this power")
    parser.add_argument("--band-spread", type=float, default=0.1, help="largest relative change of single bands")
    return parser.parse_args()


def patch_plan(arguments: argparse.Namespace) -> PatchPlan:
    """The batches that the command line asks for."""
    return PatchPlan(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(PatchPlan)})


def build_model(scale: int) -> EdsrBicubic:
    """A network that begins as plain cubic convolution."""
    model = EdsrBicubic(scale=scale)
    with torch.no_grad():
        model.expand.weight.mul_(0.01)
        model.expand.bias.zero_()
    return model


def loss_of(model: EdsrBicubic, source: PatchSource, groups: int, context: Any) -> torch.Tensor:
    """Error relative to cubic convolution, per point spread function."""
    low, high = source.batch()
    with context:
        result = model(low)
    return relative_loss(*(x.float().reshape(groups, -1) for x in (result, high, model.enlarge(low))))


def _validation_images(scenes: List[Scene], scale: int) -> List[np.ndarray]:
    """Land-rich crops, small enough to look at often."""
    images = []
    for scene in scenes:
        rows, columns = (min(_VALIDATION_CROP, n) // scale * scale for n in scene.valid.shape)
        land = (scene.image[3] > LAND_NIR).cumsum(0).cumsum(1)
        counts = land[rows - 1 :, columns - 1 :].copy()
        counts[1:] -= land[:-rows, columns - 1 :]
        counts[:, 1:] -= land[rows - 1 :, :-columns]
        counts[1:, 1:] += land[:-rows, :-columns]
        top, left = np.unravel_index(counts.argmax(), counts.shape)
        images.append(scene.image[:, top : top + rows, left : left + columns])
    return images


@torch.no_grad()
def validate(model: EdsrBicubic, images: List[np.ndarray]) -> Dict[str, float]:
    """Mean gain over cubic convolution in dB by protocol, on all of each image but its border."""
    scale, gains = model.scale, {}
    border = slice(4 * scale, -4 * scale)
    for name, blur in protocols(scale).items():
        per_image = []
        for image in images:
            low = torch.from_numpy(reduce_image(image, scale, blur)).float()[None]
            target = torch.from_numpy(image)[None]
            errors = [(y - target)[..., border, border].square().mean() for y in (model(low), model.enlarge(low))]
            per_image.append(10 * math.log10(errors[1] / errors[0]))
        gains[name] = float(np.mean(per_image))
    return gains


def main() -> None:
    arguments = parse_arguments()
    schedule = schedule_of(arguments)
    plan = patch_plan(arguments)
    source = PatchSource(training_scenes(arguments.data), plan, arguments.seed)
    images = _validation_images(validation_scenes(arguments.data), arguments.scale)
    model = build_model(arguments.scale)
    load_fitting(model, arguments.start)
    name = f"s2-rgbn-x{arguments.scale}"
    training = Training(
        model,
        ("blocks", "trunk"),
        lambda network, context: loss_of(network, source, plan.groups, context),
        lambda network: validate(network, images),
        source.random,
        schedule,
        os.path.join(arguments.work, name),
    )
    outcome = training.run()
    write_facts(arguments, name, {**outcome, **dataclasses.asdict(plan)})
    export_model(training.average, os.path.join(arguments.models, name), INPUTS)


if __name__ == "__main__":
    main()
