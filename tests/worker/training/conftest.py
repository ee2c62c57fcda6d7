"""Job folders with tiny trainings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sr_plugin.core.job_folder import JobFolder
from sr_plugin.core.training_plan import TrainingPlan, ValidationPlan, write_plan

TINY = {"width": 8, "blocks": 1}


@pytest.fixture(autouse=True)
def torch_as_it_was():
    """A training chooses threads and algorithms for its whole process, which here is that of the tests."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def make_job(tmp_path):
    """Make a job folder for a dataset; changes of the plan by name."""

    def make(dataset, place="job", **changes):
        folder = JobFolder(str(tmp_path / place))
        folder.make()
        plan = TrainingPlan(
            "tiny",
            dataset,
            family="edsr_bicubic",
            hyperparameters=TINY,
            steps=6,
            batch=2,
            patch=8,
            threads=1,
            device="cpu",
            ema=0.8,
            checkpoint_every=2,
            log_every=2,
            install=False,
            validation=ValidationPlan(every=3, side=16, border=2, panels=1),
        )
        plan = replace(plan, **changes)
        write_plan(plan, folder.plan)
        return folder, plan

    return make
