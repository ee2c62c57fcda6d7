"""What short runs are judged by: the validation of the training itself, on the network before and after."""

from __future__ import annotations

import os
import shutil
from typing import Any, Dict, List, Tuple

import numpy as np
import torch

from models.recipes.short_run_rasters import buildings_in
from sr_plugin.core.card import TRANSLATION
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_plan import TrainingPlan
from sr_plugin.worker.training.examples import open_examples
from sr_plugin.worker.training.trainer import Trainer
from sr_plugin.worker.training.validation import Figures

_BYTE = 255.0


def _named(figures: Figures) -> Dict[str, float]:
    return {"psnr": round(figures.psnr, 2), "ssim": round(figures.ssim, 4)}


def judged(plan: TrainingPlan, folder: JobFolder, scratch: str) -> Dict[str, Any]:
    """Figures of the network before its first step and of its best weights, on the same held-out patches.

    Args:
        plan: of the training.
        folder: of the training, which is over.
        scratch: a folder that may be emptied.

    Returns:
        ``bicubic`` where that means something, ``untrained``, ``trained``; for a map also ``even``, the map of one
        colour with the least absolute error on the training patches; how many patches there were, and the range of
        PSNR and SSIM.
    """
    torch.set_num_threads(max(1, plan.threads))
    trainer = fresh_trainer(plan, scratch)
    trainer.measure_before()
    found: Dict[str, Any] = {
        name: {key: round(value, 4 if key == "ssim" else 2) for key, value in figures.items()}
        for name, figures in trainer.progress.before.items()
    }
    maps = trainer.dataset.kind == TRANSLATION
    found["untrained"] = {**_named(trainer.measure_kept()), **(building_figures(trainer) if maps else {})}
    if maps:
        colour = torch.tensor(even_colour(plan.dataset))[:, None, None]
        even = trainer.validation.measure(lambda _, target: colour.expand_as(target))
        found["even"] = _named(even) if even is not None else {}
    trainer.load_weights(folder.best)
    found["trained"] = {**_named(trainer.measure_kept()), **(building_figures(trainer) if maps else {})}
    found["patches"], found["range"] = len(trainer.validation), round(trainer.validation.peak, 4)
    return found


def fresh_trainer(plan: TrainingPlan, scratch: str) -> Trainer:
    """The trainer of a plan before its first step, in a folder that is emptied."""
    shutil.rmtree(scratch, ignore_errors=True)
    folder = JobFolder(scratch)
    folder.make()
    return Trainer(plan, folder)


def even_colour(dataset: str) -> List[float]:
    """The median of each band over the training targets, as quantities."""
    training, _ = open_examples(dataset)
    spec = training.card.target
    pixels = [training.dataset.array(record, spec).reshape(len(spec.bands), -1) for record in training.records]
    medians = np.median(np.concatenate(pixels, axis=1), axis=1)
    return [float(value * spec.gain + spec.offset) for value in medians]


def held_out(trainer: Trainer, number: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One held-out patch: what is enlarged, the result of the kept weights, the target, and the pixels that count.

    Quantities, ``(bands, h, w)`` each, the last one bool ``(h, w)``. Of several inputs the coarsest is what is
    enlarged, of several views the first.
    """
    inputs, target, valid = trainer.validation.tensors(number)
    network = trainer.kept.eval()
    with torch.no_grad():
        result = trainer.runner(network, inputs)
    given = inputs[-1][0]
    given = given[0] if given.ndim == 4 else given
    return given.cpu().numpy(), result[0].cpu().numpy(), target[0].cpu().numpy(), valid[0, 0].cpu().numpy()


def overlap(found: np.ndarray, true: np.ndarray, seen: np.ndarray) -> Tuple[int, int]:
    """Pixels of intersection and union of two masks, where ``seen``; all bool of one shape."""
    return int((found & true & seen).sum()), int(((found | true) & seen).sum())


def building_figures(trainer: Trainer) -> Dict[str, float]:
    """Intersection over union of the buildings, and the mean absolute error in colours from 0 to 255."""
    both = either = count = 0
    error = 0.0
    for number in range(len(trainer.validation)):
        _, result, target, seen = held_out(trainer, number)
        drawn, true = np.clip(result * _BYTE, 0, _BYTE), target * _BYTE
        inside, outside = overlap(buildings_in(drawn), buildings_in(true), seen)
        both, either = both + inside, either + outside
        error += float(np.abs(drawn - true)[:, seen].sum())
        count += int(seen.sum()) * len(true)
    return {"building_iou": round(both / max(1, either), 4), "mean_error": round(error / max(1, count), 2)}


def scratch_of(work: str, name: str) -> str:
    """Where the untrained network of a run is made."""
    return os.path.join(work, "untrained", name)
