"""Train the shipped Sentinel-2 models: four 10 m bands, one image, factor 2 or 4.

Run from the repository root: ``python -m models.recipes.train_s2_rgbn --data FOLDER --scale 2 --work FOLDER``.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import os
import time
from typing import Dict, List, Tuple

import numpy as np
import torch

from models.recipes.degradation import protocols, reduce_image
from models.recipes.export_s2_rgbn import export_model
from models.recipes.orthogonal_momentum import OrthogonalMomentum
from models.recipes.patches import PatchPlan, PatchSource
from models.recipes.scenes import LAND_NIR, Scene, training_scenes, validation_scenes
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

_EMA_DECAY = 0.998
_WARM_UP = 200
_LARGEST_GRADIENT = 1.0
#: Weight of the squared error, which PSNR counts, beside the absolute one, which trains steadily.
_SQUARED_SHARE = 0.5
_VALIDATION_CROP = 384


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--work", required=True, help="folder for checkpoints and the log")
    parser.add_argument("--models", default="models", help="folder for the exported model")
    parser.add_argument("--scale", type=int, choices=(2, 4), required=True)
    parser.add_argument("--start", help="checkpoint (.pt) of any scale to begin from; layers that fit are taken")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="shorten the schedule to this wall time")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--patch", type=int, default=40, help="edge of a patch in input pixels")
    parser.add_argument("--groups", type=int, default=4, help="point spread functions a batch")
    parser.add_argument("--per-group", type=int, default=2, help="patches with one point spread function")
    parser.add_argument("--skew", type=float, default=1.0, help="above 1: more of the strongly blurred inputs")
    parser.add_argument("--area-power", type=float, default=0.5, help="scenes are drawn by area to this power")
    parser.add_argument("--band-spread", type=float, default=0.1, help="largest relative change of single bands")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validate-every", type=int, default=1000)
    return parser.parse_args()


def patch_plan(arguments: argparse.Namespace) -> PatchPlan:
    """The batches that the command line asks for."""
    return PatchPlan(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(PatchPlan)})


def build_model(scale: int, start: str | None) -> EdsrBicubic:
    """A network that begins as plain cubic convolution, with the body of ``start`` where given."""
    model = EdsrBicubic(scale=scale)
    with torch.no_grad():
        model.expand.weight.mul_(0.01)
        model.expand.bias.zero_()
    if start:
        own = model.state_dict()
        given = torch.load(start, map_location="cpu", weights_only=True)["ema"]
        fitting = {name: value for name, value in given.items() if value.shape == own[name].shape}
        model.load_state_dict({**own, **fitting})
    return model


def build_optimisers(model: EdsrBicubic) -> List[torch.optim.Optimizer]:
    """Orthogonal steps for the weights between feature maps, Adam for the ends and the biases."""
    inner = ("blocks", "trunk")
    body = [p for name, p in model.named_parameters() if name.endswith("weight") and name.startswith(inner)]
    rest = [p for p in model.parameters() if all(p is not b for b in body)]
    return [OrthogonalMomentum(body), torch.optim.Adam(rest, betas=(0.9, 0.99))]


def take_step(optimisers: List[torch.optim.Optimizer], rate: float) -> None:
    """One step of every optimiser at the given learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()


def relative_loss(result: torch.Tensor, target: torch.Tensor, baseline: torch.Tensor, groups: int) -> torch.Tensor:
    """Error relative to that of cubic convolution, equally weighted over the point spread functions.

    A sharp input leaves cubic convolution a small error and a blurred one a large error; without the ratio the blurred
    ones would rule, and sharp input would be made worse than by interpolation.
    """
    error = (result - target).reshape(groups, -1)
    reference = (baseline - target).reshape(groups, -1)
    absolute = error.abs().mean(dim=1) / (reference.abs().mean(dim=1) + 1e-4)
    squared = error.square().mean(dim=1) / (reference.square().mean(dim=1) + 1e-7)
    return (absolute + _SQUARED_SHARE * squared).mean()


def learning_rate(largest: float, step: int, progress: float) -> float:
    """Linear rise over the first steps, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / _WARM_UP)
    return largest * rise * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0))))


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
        gains[name] = round(float(np.mean(per_image)), 3)
    return gains


@torch.no_grad()
def follow(average: EdsrBicubic, model: EdsrBicubic, step: int) -> None:
    """Exponential moving average of the weights, with a short memory at first."""
    decay = min(_EMA_DECAY, (step + 1) / (step + 10))
    for kept, new in zip(average.parameters(), model.parameters()):
        kept.lerp_(new, 1 - decay)


def _checkpoint(
    arguments: argparse.Namespace, average: EdsrBicubic, images: List[np.ndarray], state: Dict[str, float]
) -> None:
    """Write the averaged weights with what they reach, and a line of the log."""
    gains = validate(average, images)
    record = {**state, "validation": gains, "mean": round(float(np.mean(list(gains.values()))), 3)}
    stem = os.path.join(arguments.work, f"s2-rgbn-x{arguments.scale}")
    torch.save({"ema": average.state_dict(), "record": record}, stem + ".pt.part")
    os.replace(stem + ".pt.part", stem + ".pt")
    with open(stem + ".log.jsonl", "a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


def train(arguments: argparse.Namespace) -> Tuple[EdsrBicubic, Dict[str, object]]:
    """Fit one model; returns its averaged weights and the facts of the run."""
    torch.manual_seed(arguments.seed)
    plan = patch_plan(arguments)
    source = PatchSource(training_scenes(arguments.data), plan, arguments.seed)
    images = _validation_images(validation_scenes(arguments.data), arguments.scale)
    model = build_model(arguments.scale, arguments.start)
    average = copy.deepcopy(model)
    optimisers = build_optimisers(model)
    begun, step, progress, smooth = time.monotonic(), 0, 0.0, None
    while progress < 1.0:
        low, high = source.batch()
        loss = relative_loss(model(low), high, model.enlarge(low), arguments.groups)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
        take_step(optimisers, learning_rate(arguments.rate, step, progress))
        follow(average, model, step)
        step += 1
        smooth = loss.item() if smooth is None else 0.99 * smooth + 0.01 * loss.item()
        seconds = time.monotonic() - begun
        progress = max(step / arguments.steps, seconds / 60 / arguments.minutes)
        if step % arguments.validate_every == 0 or progress >= 1.0:
            state = {"step": step, "seconds": round(seconds), "loss": round(smooth, 4)}
            _checkpoint(arguments, average, images, state)
    return average, {"steps": step, "seconds": round(seconds)}


def run_facts(arguments: argparse.Namespace, outcome: Dict[str, object]) -> Dict[str, object]:
    """What one needs to judge or repeat the run."""
    return {
        **outcome,
        "seed": arguments.seed,
        **dataclasses.asdict(patch_plan(arguments)),
        "largest_learning_rate": arguments.rate,
        "started_from": os.path.splitext(os.path.basename(arguments.start))[0] if arguments.start else None,
        "device": f"CPU, {arguments.threads} threads",
        "torch": torch.__version__.split("+")[0],
    }


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    os.makedirs(arguments.work, exist_ok=True)
    model, outcome = train(arguments)
    stem = os.path.join(arguments.work, f"s2-rgbn-x{arguments.scale}")
    with open(stem + ".run.json", "w", encoding="utf-8") as file:
        json.dump(run_facts(arguments, outcome), file, indent=2)
    export_model(model, os.path.join(arguments.models, f"s2-rgbn-x{arguments.scale}"))


if __name__ == "__main__":
    main()
