"""Lay out the folder of a training of ``s2-rgbn-x2`` or ``s2-rgbn-x4`` for ``python -m sr_plugin.worker.training``.

Run from the repository root: ``python -m models.recipes.s2_plan --dataset FOLDER --folder FOLDER --name s2-rgbn-x2``.
"""

from __future__ import annotations

import argparse
import os

from sr_plugin.core.card import card_to_wire
from sr_plugin.core.card_file import read_card
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_parts import AugmentationPlan, ContentPlan, OptimiserPlan, ValidationPlan
from sr_plugin.core.training_plan import TrainingPlan, write_plan

#: Size of a network that begins with fresh weights, by the name of the model.
SIZES = {"s2-rgbn-x2": {"width": 64, "blocks": 8}, "s2-rgbn-x4": {"width": 64, "blocks": 10}}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="dataset that models.recipes.s2_pairs wrote")
    parser.add_argument("--folder", required=True, help="folder of the training")
    parser.add_argument("--name", choices=sorted(SIZES), required=True, help="the model that comes out")
    parser.add_argument("--start", help="card of the model to go on from; fresh weights without")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--warm-up", type=int, default=200, help="steps over which the learning rate grows")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument(
        "--squared", type=float, default=0.5, help="weight of the squared error beside the absolute one"
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=500, help="steps between two validations")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def plan_of(arguments: argparse.Namespace) -> TrainingPlan:
    """The plan that the command line asks for."""
    start = card_to_wire(read_card(arguments.start)) if arguments.start else None
    return TrainingPlan(
        name=arguments.name,
        dataset=os.path.abspath(arguments.dataset),
        family="" if start else "edsr_bicubic",
        hyperparameters={} if start else SIZES[arguments.name],
        start=start,
        steps=arguments.steps,
        batch=8,
        patch=48,
        seed=arguments.seed,
        device="cpu",
        precision=arguments.precision,
        threads=arguments.threads,
        ema=0.998,
        checkpoint_every=arguments.every,
        log_every=50,
        install=False,
        licence="GPL-2.0-or-later",
        content=ContentPlan(l1=0.0, relative_l1=1.0, relative_l2=arguments.squared),
        optimiser=OptimiserPlan("orthogonal", arguments.rate, warm_up=arguments.warm_up, beta2=0.99),
        augmentation=AugmentationPlan(gain=0.1),
        validation=ValidationPlan(every=arguments.every, most=100, side=48, border=4, panels=2),
    )


def main() -> None:
    arguments = parse_arguments()
    folder = JobFolder(os.path.abspath(arguments.folder))
    folder.make()
    write_plan(plan_of(arguments), folder.plan)
    print(f"Begin, or go on, with: python -m sr_plugin.worker.training {folder.path}")


if __name__ == "__main__":
    main()
