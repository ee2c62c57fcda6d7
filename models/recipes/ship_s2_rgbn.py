"""Put what a training of ``s2-rgbn-x2`` or ``s2-rgbn-x4`` gave into ``models``, with the facts of how it was trained.

Run from the repository root: ``python -m models.recipes.ship_s2_rgbn JOB [JOB ...] --work FOLDER``. Several jobs are
the stages of one training, in their order; the model of the last one counts. ``--detail`` keeps that share of what it
adds to cubic convolution: a sharper result moves the indices of the input more when it is averaged back, which has a
limit.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Dict, List

import torch

from models.recipes.export import export_model
from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_plan import TrainingPlan, read_plan
from sr_plugin.worker.architectures.edsr_bicubic import EdsrBicubic

INPUTS = (("input", 4),)


def stage_of(folder: JobFolder) -> Dict[str, Any]:
    """What one needs to judge or repeat one stage."""
    plan, status = read_plan(folder.plan), folder.status()
    figures = [line for line in folder.read_metrics()[0] if "psnr" in line]
    before = {line["method"]: round(line["psnr"], 3) for line in figures if line["kind"] == "before"}
    return {
        "started_from": plan.start["name"] if plan.start else None,
        "optimiser": plan.optimiser.kind,
        "largest_learning_rate": plan.optimiser.learning_rate,
        "warm_up": plan.optimiser.warm_up,
        "steps": status.step,
        "planned_steps": plan.steps,
        "weights_of_step": status.best_step,
        "seed": plan.seed,
        "batch": plan.batch,
        "patch": plan.patch,
        "loss": plan.content.weights,
        "average": plan.ema,
        "precision": plan.precision,
        "threads": plan.threads,
        "validation_psnr": {**before, "after": round(status.best, 3)},
    }


@torch.no_grad()
def keep_detail(network: EdsrBicubic, share: float) -> None:
    """Scale what the network adds to cubic convolution by ``share``, 0 to 1."""
    network.expand.weight.mul_(share)
    network.expand.bias.mul_(share)


def facts_of(jobs: List[JobFolder], plan: TrainingPlan, seen: Any, detail: float) -> Dict[str, Any]:
    """The facts of a whole training, for the JSON file with the figures."""
    h = seen.hyperparameters
    return {
        "architecture": f"edsr-bicubic, {h['width']} features, {h['blocks']} blocks",
        "parameters": sum(array.size for array in seen.tensors.values()),
        "reach_low_resolution_pixels": seen.reach,
        "device": "CPU, cores shared with other work",
        "torch": torch.__version__.split("+")[0],
        "dataset": os.path.basename(plan.dataset),
        "share_of_detail": detail,
        "stages": [stage_of(job) for job in jobs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="+", help="folders of the trainings, the last one that of the model")
    parser.add_argument("--work", required=True, help="folder for the facts, which evaluate_s2_rgbn reads")
    parser.add_argument("--models", default="models", help="folder of the shipped models")
    parser.add_argument("--detail", type=float, default=1.0, help="share of the added detail that is kept, 0 to 1")
    arguments = parser.parse_args()
    jobs = [JobFolder(os.path.abspath(job)) for job in arguments.jobs]
    plan = read_plan(jobs[-1].plan)
    seen = recognise(read_checkpoint(jobs[-1].best).tensors)
    network = EdsrBicubic(**seen.hyperparameters)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in seen.tensors.items()})
    keep_detail(network, arguments.detail)
    export_model(network, os.path.join(arguments.models, plan.name), INPUTS)
    os.makedirs(arguments.work, exist_ok=True)
    with open(os.path.join(arguments.work, plan.name + ".run.json"), "w", encoding="utf-8") as file:
        json.dump(facts_of(jobs, plan, seen, arguments.detail), file, indent=2)


if __name__ == "__main__":
    main()
