"""Fit a network on the CPU: schedule, averaged weights, a log, and a state that a stopped run goes on from."""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple

import numpy as np
import torch
from torch import nn

from sr_plugin.worker.training.orthogonal_momentum import OrthogonalAdam

_EMA_DECAY = 0.998
_WARM_UP = 200
_LARGEST_GRADIENT = 1.0
#: Weight of the squared error, which PSNR and RMSE count, beside the absolute one, which trains steadily.
_SQUARED_SHARE = 0.5
#: Part of the schedule at whose end rounding to bfloat16 would hide the small steps.
_BFLOAT16_UNTIL = 0.8


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        steps: at most so many.
        minutes: at most so much time, over all sittings.
        rate: largest learning rate.
        validate_every: steps between two looks at the validation images.
        bfloat16: True to compute in bfloat16 until near the end, which is twice as fast where the processor has it.
    """

    steps: int
    minutes: float
    rate: float
    validate_every: int
    bfloat16: bool


def add_arguments(parser: argparse.ArgumentParser, steps: int) -> None:
    """The options that every training shares."""
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--work", required=True, help="folder for checkpoints and the log")
    parser.add_argument("--models", default="models", help="folder for the exported model")
    parser.add_argument("--start", help="checkpoint (.pt) to begin from; layers that fit are taken")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--minutes", type=float, default=math.inf, help="shorten the schedule to this wall time")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validate-every", type=int, default=1000)
    parser.add_argument("--bfloat16", action="store_true", help="compute most of it in bfloat16")


def schedule_of(arguments: argparse.Namespace) -> Schedule:
    """The schedule that the command line asks for; also sets the threads of torch and its seed."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    os.makedirs(arguments.work, exist_ok=True)
    return Schedule(arguments.steps, arguments.minutes, arguments.rate, arguments.validate_every, arguments.bfloat16)


def write_facts(arguments: argparse.Namespace, name: str, facts: Dict[str, Any]) -> None:
    """Write ``name.run.json`` into the folder of the run: what one needs to judge or repeat it."""
    started = os.path.splitext(os.path.basename(arguments.start))[0] if arguments.start else None
    common = {
        "seed": arguments.seed,
        "largest_learning_rate": arguments.rate,
        "bfloat16": arguments.bfloat16,
        "started_from": started,
        "device": f"CPU, {arguments.threads} threads",
        "torch": torch.__version__.split("+")[0],
    }
    with open(os.path.join(arguments.work, name + ".run.json"), "w", encoding="utf-8") as file:
        json.dump({**facts, **common}, file, indent=2)


def load_fitting(model: nn.Module, start: str | None) -> None:
    """Take over from the checkpoint ``start`` every layer of the same name and shape."""
    if start:
        own = model.state_dict()
        given = torch.load(start, map_location="cpu", weights_only=True)["ema"]
        fitting = {name: value for name, value in given.items() if name in own and value.shape == own[name].shape}
        model.load_state_dict({**own, **fitting})


def build_optimiser(model: nn.Module, inner: Tuple[str, ...]) -> OrthogonalAdam:
    """Orthogonal steps for the weights between feature maps (names that begin with ``inner``), Adam for the others."""
    body = [p for name, p in model.named_parameters() if name.endswith("weight") and name.startswith(inner)]
    rest = [p for p in model.parameters() if all(p is not b for b in body)]
    return OrthogonalAdam(body, rest)


def relative_loss(result: torch.Tensor, target: torch.Tensor, baseline: torch.Tensor) -> torch.Tensor:
    """Error relative to that of ``baseline``, equally weighted over the rows of ``(groups, values)`` arrays.

    A sharp input leaves interpolation a small error and a blurred one a large error; without the ratio the blurred
    ones would rule, and sharp input would be made worse than by interpolation.
    """
    error, reference = result - target, baseline - target
    absolute = error.abs().mean(dim=1) / (reference.abs().mean(dim=1) + 1e-4)
    squared = error.square().mean(dim=1) / (reference.square().mean(dim=1) + 1e-7)
    return (absolute + _SQUARED_SHARE * squared).mean()


def learning_rate(largest: float, step: int, progress: float) -> float:
    """Linear rise over the first steps, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / _WARM_UP)
    return largest * rise * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0))))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int) -> None:
    """Exponential moving average of the weights, with a short memory at first."""
    decay = min(_EMA_DECAY, (step + 1) / (step + 10))
    for kept, new in zip(average.parameters(), model.parameters()):
        kept.lerp_(new, 1 - decay)


class Training:
    """One run, which may be stopped at any time and goes on from its last state.

    Args:
        model: the network, as it starts.
        inner: beginnings of the names of the weights between feature maps.
        loss: draws a batch and gives the loss of the network on it; the second argument switches bfloat16 on.
        validate: what the averaged weights reach: a figure by name, larger or smaller is better as its name says.
        random: generator of the batches; its state is kept with the weights.
        schedule: length and learning rate.
        stem: path of the checkpoint, the state and the log without their endings.
    """

    def __init__(
        self,
        model: nn.Module,
        inner: Tuple[str, ...],
        loss: Callable[[nn.Module, Any], torch.Tensor],
        validate: Callable[[nn.Module], Dict[str, float]],
        random: np.random.Generator,
        schedule: Schedule,
        stem: str,
    ) -> None:
        self.model, self.average = model, copy.deepcopy(model)
        self._optimiser = build_optimiser(model, inner)
        self._loss, self._validate, self._random = loss, validate, random
        self._schedule, self._stem = schedule, stem
        self._step, self._seconds, self._smooth = 0, 0.0, math.nan
        if os.path.exists(stem + ".state.pt"):
            self._restore()

    def _restore(self) -> None:
        state = torch.load(self._stem + ".state.pt", map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._random.bit_generator.state = json.loads(state["random"])
        self._step, self._seconds, self._smooth = state["step"], state["seconds"], state["smooth"]

    def _keep(self) -> None:
        """Write the averaged weights with what they reach, the state, and a line of the log."""
        record = {"step": self._step, "seconds": round(self._seconds), "loss": round(self._smooth, 4)}
        record["validation"] = {name: round(value, 4) for name, value in self._validate(self.average).items()}
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "random": json.dumps(self._random.bit_generator.state),
            "step": self._step,
            "seconds": self._seconds,
            "smooth": self._smooth,
        }
        for ending, content in ((".pt", {"ema": self.average.state_dict(), "record": record}), (".state.pt", state)):
            torch.save(content, self._stem + ending + ".part")
            os.replace(self._stem + ending + ".part", self._stem + ending)
        with open(self._stem + ".log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)

    def _take_step(self, progress: float) -> None:
        low_precision = self._schedule.bfloat16 and progress < _BFLOAT16_UNTIL
        context = torch.autocast("cpu", torch.bfloat16) if low_precision else contextlib.nullcontext()
        loss = self._loss(self.model, context)
        self.model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _LARGEST_GRADIENT)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self._schedule.rate, self._step, progress)
        self._optimiser.step()
        follow(self.average, self.model, self._step)
        self._smooth = loss.item() if math.isnan(self._smooth) else 0.99 * self._smooth + 0.01 * loss.item()
        self._step += 1

    def run(self) -> Dict[str, Any]:
        """Train to the end of the schedule; returns the number of steps and the seconds they took."""
        progress = 0.0
        while progress < 1.0:
            begun = time.monotonic()
            progress = self._progress()
            self._take_step(progress)
            self._seconds += time.monotonic() - begun
            progress = self._progress()
            if self._step % self._schedule.validate_every == 0 or progress >= 1.0:
                self._keep()
        return {"steps": self._step, "seconds": round(self._seconds)}

    def _progress(self) -> float:
        return max(self._step / self._schedule.steps, self._seconds / 60 / self._schedule.minutes)
