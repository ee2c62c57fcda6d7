"""Plans of the two trainings behind ``s2-rgb-x4-gan``, each a folder that ``sr_plugin.worker.training`` works.

    python -m models.recipes.plan_s2_gan --work WORK --stage content
    python -m sr_plugin.worker.training WORK/content
    python -m models.recipes.plan_s2_gan --work WORK --stage gan
    python -m sr_plugin.worker.training WORK/gan
"""

from __future__ import annotations

import argparse
import os
from typing import Any, Dict, NamedTuple

from models.recipes.rgb_start import NAME as START
from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_plan import TrainingPlan, write_plan
from sr_plugin.pipeline.training_request import make_plan, merged

#: Folder of the dataset in that of the work; see ``s2_pairs.py``.
PAIRS = "s2-rgb-x4"
CONTENT, GAN = "content", "gan"


class Stage(NamedTuple):
    """One training: its preset, the card that it goes on from below WORK, its steps, and what else it changes."""

    preset: str
    start: str
    steps: int
    changes: Dict[str, Any]


_COMMON: Dict[str, Any] = {
    "batch": 8,
    "seed": 1,
    "device": "cpu",
    "threads": 1,
    "precision": "bfloat16",
    "install": False,
    "licence": "GPL-2.0-or-later",
    "validation": {"every": 200, "most": 100},
    "checkpoint_every": 200,
    "log_every": 20,
}
STAGES = {
    CONTENT: Stage(
        "fine-tune", f"{START}.json", 1000, {"optimiser": {"learning_rate": 3e-4, "warm_up": 50}, "ema": 0.995}
    ),
    GAN: Stage(
        "gan",
        f"{CONTENT}/model/s2-rgb-x4-{CONTENT}.json",
        1800,
        {
            "batch": 6,
            "patch": 24,
            # In bfloat16 the discriminator would see dark ground in steps of 16 digital numbers, too few for texture.
            "precision": "float32",
            "ema": 0.995,
            "adversarial": {
                "discriminator": "srgan",
                "width": 16,
                "warm_up": 0,
                "ramp": 200,
                "weight": 0.001,
                "learning_rate": 1e-4,
            },
            "validation": {"every": 300, "most": 50},
        },
    ),
}


def plan_of(work: str, stage: str) -> TrainingPlan:
    """The plan of a stage; the stage before must be done."""
    preset, start, steps, changes = STAGES[stage]
    own = merged(_COMMON, changes)
    model = os.path.join(work, *start.split("/"))
    return make_plan(
        os.path.join(work, PAIRS), preset, model=model, name=f"s2-rgb-x4-{stage}", steps=steps, changes=own
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder with the dataset and the start")
    parser.add_argument("--stage", choices=sorted(STAGES), required=True)
    arguments = parser.parse_args()
    folder = JobFolder(os.path.join(arguments.work, arguments.stage))
    folder.make()
    write_plan(plan_of(arguments.work, arguments.stage), folder.plan)


if __name__ == "__main__":
    main()
