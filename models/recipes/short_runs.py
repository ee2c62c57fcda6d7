"""Short trainings on real data through the plugin's own machinery: pairs, plan, process, figures from before and after.

Each run prepares its pairs as ``superres:preparepairs`` does and trains as ``superres:train`` does, in a process of its
own, on one thread, with fixed seeds. What was measured goes into ``short-runs.json``. Weights are not shipped.

    python -m models.recipes.short_runs --data DATA --work WORK [NAME...]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Dict, Mapping, Sequence

from models.recipes.short_run_figures import judged, scratch_of
from models.recipes.short_run_plans import BY_NAME, RUNS, ShortRun
from sr_plugin.core.checkpoint.read import read_checkpoint
from sr_plugin.core.dataset import Dataset
from sr_plugin.core.job_folder import DONE, JobFolder, JobStatus
from sr_plugin.core.training_plan import TrainingPlan, plan_to_json, read_plan
from sr_plugin.pipeline.pairs.prepare_pairs import prepare_pairs
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.pipeline.training_job import continue_training, follow, start_training
from sr_plugin.pipeline.training_request import make_plan

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "short-runs.json")
#: Pairs, order of examples and weights.
SEED = 1
_VALIDATION = 0.2


class _Teller:
    """Prints how a training stands."""

    def __init__(self, name: str) -> None:
        self._name = name

    def status(self, status: JobStatus) -> None:
        """Nothing: the figures tell."""

    def figures(self, line: Dict[str, Any]) -> None:
        """Print validations."""
        if line.get("kind") != "train":
            print(f"{self._name}: {json.dumps(line)}", flush=True)

    def cancelled(self) -> bool:
        """Never; the process may be killed and goes on later."""
        return False


def pairs_folder(run: ShortRun, work: str) -> str:
    """Where the pairs of a run lie."""
    return os.path.join(work, "pairs", run.name)


def prepared(run: ShortRun, data: str, work: str) -> Dataset:
    """The pairs of a run, made where they are not there yet."""
    folder = pairs_folder(run, work)
    if not os.path.isdir(folder):
        request = PairRequest(
            output=folder,
            **run.rasters(data, os.path.join(work, "rasters")),
            **{"validation": _VALIDATION, "test": 0.0, "seed": SEED, **run.pairs},
            licence=run.licence,
            credit=run.credit,
        )
        prepare_pairs(request)
    return Dataset.open(folder)


def plan_of(run: ShortRun, dataset: str, steps: int = 0) -> TrainingPlan:
    """The plan of a run, with another number of steps where one is given."""
    changes = {"seed": SEED, "device": "cpu", "threads": 1, "install": False, "licence": run.licence, **run.plan}
    return make_plan(dataset, run.preset, "", run.family, run.name, steps or run.steps, changes)


def trained(plan: TrainingPlan, folder: JobFolder) -> Dict[str, float]:
    """Train in a process of its own, or continue what was interrupted.

    Returns:
        What it took in seconds: of the clock, and of the processor, which a busy machine does not change. Nothing where
        the training was over already.
    """
    if folder.status().state == DONE:
        return {}
    begun, used = time.monotonic(), _processor_seconds()
    pid = continue_training(folder, sys.executable) if os.path.isfile(folder.plan) else 0
    follow(folder, _Teller(plan.name), pid or start_training(plan, folder, sys.executable))
    return {"training": round(time.monotonic() - begun, 1), "processor": round(_processor_seconds() - used, 1)}


def _processor_seconds() -> float:
    """Of the processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def record_of(run: ShortRun, dataset: Dataset, folder: JobFolder, figures: Mapping[str, Any]) -> Dict[str, Any]:
    """What a run that is over has to tell."""
    plan, card, status = read_plan(folder.plan), dataset.card, folder.status()
    settings = {name: value for name, value in plan_to_json(plan).items() if name not in ("dataset", "start", "name")}
    return {
        "title": run.title,
        "source": run.source,
        "licence": run.licence,
        "pairs": {
            "kind": card.kind,
            "scale": card.scale,
            "views": card.views,
            "bands": [[band.name for band in array.bands] for array in card.arrays],
            "counts": dict(card.counts),
            "rejected": dict(card.rejected),
            "split": dict(card.split),
            "settings": dict(card.settings),
            "checksum": card.checksum,
        },
        "plan": settings,
        "steps": status.step,
        "best_step": status.best_step,
        "device": status.device,
        "weights": int(sum(array.size for array in read_checkpoint(folder.best).tensors.values())),
        "validation": dict(figures),
    }


def run_one(run: ShortRun, data: str, work: str) -> Dict[str, Any]:
    """Prepare, train and judge one run; what is there already is not done again."""
    begun, there = time.monotonic(), os.path.isdir(pairs_folder(run, work))
    dataset = prepared(run, data, work)
    seconds = {} if there else {"pairs": round(time.monotonic() - begun, 1)}
    folder = JobFolder(os.path.join(work, "trainings", run.name))
    plan = plan_of(run, dataset.folder)
    seconds.update(trained(plan, folder))
    record = record_of(run, dataset, folder, judged(plan, folder, scratch_of(work, run.name)))
    return {**record, "seconds": seconds}


def write_record(name: str, record: Mapping[str, Any], path: str = RECORD) -> None:
    """Put one run into the record of all; a time that was not measured now stays as it was."""
    found: Dict[str, Any] = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    found[name] = {**record, "seconds": {**found.get(name, {}).get("seconds", {}), **record["seconds"]}}
    ordered = {run.name: found[run.name] for run in RUNS if run.name in found}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(ordered, file, indent=1)
        file.write("\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--work", required=True, help="folder for rasters, pairs and trainings")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"runs, by default all: {', '.join(BY_NAME)}")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in BY_NAME]
    if unknown:
        parser.error(f"there is no run {unknown[0]!r}; choose from {', '.join(BY_NAME)}")
    for name in given.names or BY_NAME:
        write_record(name, run_one(BY_NAME[name], given.data, given.work))


if __name__ == "__main__":
    main()
