"""Train ``series-x2``: see ``README.md``. Run from the repository root as ``python -m models.recipes.train_series``."""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from typing import Dict, List, Tuple

import numpy as np
import torch

from models.recipes.scenes import training_scenes, validation_scenes
from models.recipes.series_patches import (
    MARGIN,
    SeriesSource,
    Simulation,
    aerial_scenes,
    features_of,
    fuse_classically,
    simulate,
)
from sr_plugin.worker.architectures.seriesnet import SeriesNet
from sr_plugin.worker.view_features import UNIT

_WARM_UP, _EMA_DECAY, _LARGEST_GRADIENT = 100, 0.998, 1.0
_VALIDATION_VIEWS = (1, 2, 5, 8)
_VALIDATION_EDGE = 192


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the sources in scenes.py")
    parser.add_argument("--work", required=True, help="folder for checkpoints and the log; a run there is continued")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=25.0, help="wall time of all parts of the run together")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--patch", type=int, default=28, help="edge of a patch in pixels of the views")
    parser.add_argument("--places", type=int, default=2, help="crops a batch; each gives as many patches as bands")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-every", type=int, default=400)
    return parser.parse_args()


def relative_loss(result: torch.Tensor, start: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Error relative to that of the classical fusion, so that bright scenes and poor series do not outvote others."""
    before = (start - target).flatten(1)
    after = (result - target).flatten(1)
    absolute = after.abs().mean(1) / (before.abs().mean(1) + 5e-3)
    squared = after.square().mean(1) / (before.square().mean(1) + 1e-4)
    return (absolute + 0.5 * squared).mean()


def validation_sets(data: str, scale: int) -> List[Tuple[int, torch.Tensor, np.ndarray, np.ndarray]]:
    """Views, features, classical fusion and truth of fixed simulated series from places that nothing is trained on."""
    rng = np.random.default_rng(2024)
    sets = []
    for scene in validation_scenes(data)[:3]:
        rows, columns = (min(_VALIDATION_EDGE, n) // scale * scale for n in scene.valid.shape)
        top = (scene.valid.shape[0] - rows) // 2
        truth = np.ascontiguousarray(scene.image[:, top : top + rows, :columns])
        for count in _VALIDATION_VIEWS:
            series = simulate(truth, count, scale, rng, Simulation())
            fused = fuse_classically(series, scale)
            sets.append((count, torch.from_numpy(features_of(series, fused, scale)), fused, truth))
    return sets


@torch.no_grad()
def validate(model: SeriesNet, sets: List[Tuple[int, torch.Tensor, np.ndarray, np.ndarray]]) -> Dict[str, float]:
    """Mean gain over the classical fusion in dB by number of views."""
    gains: Dict[str, List[float]] = {}
    border = slice(MARGIN * model.scale, -MARGIN * model.scale)
    for count, features, fused, truth in sets:
        correction = np.concatenate([model(band).numpy()[0] for band in features]) * UNIT
        before, after = ((image - truth)[:, border, border] for image in (fused, fused + correction))
        ratio = float(np.square(before).mean() / np.square(after).mean())
        gains.setdefault(f"views-{count}", []).append(10 * math.log10(ratio))
    return {name: round(float(np.mean(values)), 3) for name, values in gains.items()}


def learning_rate(largest: float, step: int, progress: float) -> float:
    """Linear rise over the first steps, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / _WARM_UP)
    return largest * rise * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0))))


@torch.no_grad()
def follow(average: SeriesNet, model: SeriesNet, step: int) -> None:
    """Exponential moving average of the weights, with a short memory at first."""
    decay = min(_EMA_DECAY, (step + 1) / (step + 10))
    for kept, new in zip(average.parameters(), model.parameters()):
        kept.lerp_(new, 1 - decay)


class Run:
    """One training run that can be continued."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        torch.manual_seed(arguments.seed)
        self.model = SeriesNet(arguments.scale)
        with torch.no_grad():
            self.model.decode[-1].weight.mul_(0.01)
            self.model.decode[-1].bias.zero_()
        self.average = copy.deepcopy(self.model)
        self._optimiser = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.99))
        self.step, self.seconds = 0, 0.0
        self._stem = os.path.join(arguments.work, f"series-x{arguments.scale}")
        if os.path.exists(self._stem + ".pt"):
            self._restore(torch.load(self._stem + ".pt", map_location="cpu", weights_only=True))

    def _restore(self, state: Dict[str, object]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["ema"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self, loss: float, gains: Dict[str, float]) -> None:
        """Write a checkpoint, whole or not at all, and a line of the log."""
        record = {"step": self.step, "seconds": round(self.seconds), "loss": round(loss, 4), "validation": gains}
        state = {"model": self.model.state_dict(), "ema": self.average.state_dict(), "record": record}
        state.update(optimiser=self._optimiser.state_dict(), step=self.step, seconds=self.seconds)
        torch.save(state, self._stem + ".pt.part")
        os.replace(self._stem + ".pt.part", self._stem + ".pt")
        with open(self._stem + ".log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)

    def train(self) -> None:
        """Go on until the wall time is used up."""
        arguments = self._arguments
        scenes = training_scenes(arguments.data) + aerial_scenes(arguments.data)
        source = SeriesSource(scenes, arguments.scale, arguments.patch, arguments.seed + self.step)
        sets = validation_sets(arguments.data, arguments.scale)
        smooth, progress = None, self.seconds / 60 / arguments.minutes
        inner = slice(MARGIN * arguments.scale, -MARGIN * arguments.scale)
        while progress < 1.0:
            begun = time.monotonic()
            features, start, target = source.batch(arguments.places)
            with torch.autocast("cpu", torch.bfloat16):
                correction = self.model.batched(features)
            result = start + correction.float()
            loss = relative_loss(*(image[..., inner, inner] for image in (result, start, target)))
            self.model.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), _LARGEST_GRADIENT)
            for group in self._optimiser.param_groups:
                group["lr"] = learning_rate(arguments.rate, self.step, progress)
            self._optimiser.step()
            follow(self.average, self.model, self.step)
            self.step += 1
            self.seconds += time.monotonic() - begun
            progress = self.seconds / 60 / arguments.minutes
            smooth = loss.item() if smooth is None else 0.99 * smooth + 0.01 * loss.item()
            if self.step % arguments.checkpoint_every == 0 or progress >= 1.0:
                self.save(smooth, validate(self.average, sets))


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    os.makedirs(arguments.work, exist_ok=True)
    Run(arguments).train()


if __name__ == "__main__":
    main()
