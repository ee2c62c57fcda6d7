"""Trainings in processes of their own: they outlive who started them, survive a kill, and are found again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from sr_plugin.core.errors import Cancelled, DatasetUnreadable, OutputBusy, OutputError, ParameterError, WorkerDied
from sr_plugin.core.job_folder import DONE, INTERRUPTED, START_SECONDS, STOPPED, JobFolder, JobStatus
from sr_plugin.core.training_plan import AdversarialPlan, TrainingPlan, ValidationPlan, write_plan
from sr_plugin.pipeline.training_job import (
    continue_training,
    follow,
    forget,
    free_folder,
    known_jobs,
    last_words,
    start_training,
)
from sr_plugin.pipeline.training_request import make_plan
from sr_plugin.runtime.detached import forget_ended, has_ended, start_detached
from tests.training_datasets import write_dataset
from tests.waiting import LONG, wait_until


class Told:
    """Feedback that keeps what it is told, and cancels after a number of lines."""

    def __init__(self, cancel_after=None):
        self.states, self.lines, self.cancel_after = [], [], cancel_after

    def status(self, status):
        self.states.append(status)

    def figures(self, line):
        self.lines.append(line)

    def cancelled(self):
        return self.cancel_after is not None and len(self.lines) >= self.cancel_after


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "tiny")


@pytest.fixture
def plan(dataset):
    return TrainingPlan(
        "tiny",
        dataset,
        family="edsr_bicubic",
        hyperparameters={"width": 8, "blocks": 1},
        steps=8,
        batch=2,
        patch=8,
        threads=1,
        device="cpu",
        ema=0.8,
        checkpoint_every=2,
        log_every=1,
        validation=ValidationPlan(every=4, side=16, border=2, panels=1),
    )


def test_a_folder_in_use_is_left_alone(tmp_path, plan, worker_python):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match="holds something"):
        start_training(plan, JobFolder(str(tmp_path / "job")), worker_python)


def test_a_running_training_is_not_started_again(tmp_path, plan, worker_python):
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    write_plan(plan, folder.plan)
    with folder.lock(), pytest.raises(OutputBusy):
        continue_training(folder, worker_python)


def test_trainings_are_found_again_until_they_are_gone(tmp_path, plan, worker_python, monkeypatch):
    from sr_plugin.pipeline import training_job

    monkeypatch.setattr(training_job, "start_detached", lambda *_: 0)
    one, other = JobFolder(str(tmp_path / "one")), JobFolder(str(tmp_path / "other"))
    start_training(plan, one, worker_python)
    time.sleep(0.01)
    start_training(plan, other, worker_python)
    assert [job.path for job in known_jobs()] == [other.path, one.path]
    forget(other)
    assert [job.path for job in known_jobs()] == [one.path]
    os.remove(one.plan)
    assert known_jobs() == []


def test_folders_of_their_own_do_not_collide(plan):
    first = free_folder("My model!")
    os.makedirs(first)
    assert os.path.basename(first) == "My-model" and free_folder("My model!") == first + "-2"


def test_a_process_that_dies_at_once_is_told(tmp_path, worker_python):
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    pid = start_detached(worker_python, "sr_plugin.worker.training.nonsense", [folder.path], folder.log)
    with pytest.raises(WorkerDied, match="nonsense"):
        follow(folder, Told(), pid)


def test_a_process_that_somebody_else_forgot_has_ended_all_the_same(tmp_path, worker_python):
    """Another thread that starts a training takes those that have ended off the list."""
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    folder.write_status(JobStatus(DONE, 8, 8))
    pid = start_detached(worker_python, "sr_plugin.worker.training.nonsense", [folder.path], folder.log)
    wait_until(lambda: has_ended(pid))
    forget_ended()
    assert has_ended(pid)
    # A hang would never be cancelled: the folder is not taken, and START_SECONDS are long.
    begun = time.monotonic()
    assert follow(folder, Told(), pid).state == DONE
    assert time.monotonic() - begun < START_SECONDS / 2


def test_of_a_process_of_somebody_else_the_lock_tells(tmp_path):
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    folder.write_status(JobStatus(DONE, 8, 8))
    lock = folder.lock()

    class Leaving(Told):
        def status(self, status):
            super().status(status)
            lock.release()

    assert has_ended(os.getpid()) is None
    assert follow(folder, Leaving(), os.getpid()).state == DONE


def test_plans_follow_from_a_few_choices(dataset):
    plan = make_plan(dataset, "content", steps=200, changes={"optimiser": {"clip": 0.5}})
    assert plan.family == "edsr_bicubic" and plan.steps == 200 and plan.name == "tiny-edsr_bicubic"
    assert plan.optimiser.clip == 0.5 and plan.optimiser.learning_rate == 2e-4
    assert plan.validation.every == 10 and plan.checkpoint_every == 10
    short = make_plan(dataset, "gan", family="rrdbnet", steps=200)
    assert (short.adversarial.warm_up, short.adversarial.ramp) == (20, 40)
    tuned = make_plan(dataset, "fine-tune", model="s2-rgbn-x2")
    assert tuned.start["name"] == "s2-rgbn-x2" and not tuned.family and tuned.name == "s2-rgbn-x2-tiny"


def test_trainings_that_go_on_have_their_names_to_themselves(tmp_path, dataset, plan, worker_python, monkeypatch):
    from sr_plugin.pipeline import training_job

    monkeypatch.setattr(training_job, "start_detached", lambda *_: 0)
    start_training(replace(plan, name="tiny-edsr_bicubic"), JobFolder(str(tmp_path / "one")), worker_python)
    assert make_plan(dataset, "content").name == "tiny-edsr_bicubic-2"
    with pytest.raises(ParameterError, match="already"):
        make_plan(dataset, "content", name="tiny-edsr_bicubic")


@pytest.mark.parametrize(
    ("choices", "error", "words"),
    [
        ({"preset_name": "translation"}, ParameterError, "kind"),
        ({"preset_name": "fine-tune"}, ParameterError, "needs a model"),
        ({"preset_name": "content", "model": "bicubic:2"}, ParameterError, "interpolation"),
        ({"preset_name": "content", "name": "s2-rgbn-x2"}, ParameterError, "already"),
        ({"preset_name": "content", "changes": {"batch": 0}}, ParameterError, "batch"),
    ],
)
def test_choices_that_do_not_go_together_are_told(dataset, choices, error, words):
    with pytest.raises(error, match=words):
        make_plan(dataset, **choices)


def test_a_folder_without_a_dataset_is_told(tmp_path):
    with pytest.raises(DatasetUnreadable):
        make_plan(str(tmp_path), "content")


def test_a_training_whose_process_vanished_counts_as_interrupted(tmp_path, plan):
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    write_plan(plan, folder.plan)
    folder.write_status(JobStatus("running", 3, 8))
    assert folder.status().state == INTERRUPTED


@pytest.mark.slow
def test_killed_and_continued_it_gives_the_same_weights(tmp_path, plan, worker_python):
    """Bit by bit on the CPU: one training in peace, one whose process is killed in the middle."""
    pytest.importorskip("lightning_fabric")
    gan = AdversarialPlan("relativistic", "srgan", width=4, weight=0.1, warm_up=5, ramp=5)
    plan = replace(plan, steps=160, adversarial=gan, checkpoint_every=20, validation=replace(plan.validation, every=40))
    whole, cut = JobFolder(str(tmp_path / "whole")), JobFolder(str(tmp_path / "cut"))
    told = Told()
    assert follow(whole, told, start_training(plan, whole, worker_python)).state == DONE
    assert [line["step"] for line in told.lines if line["kind"] == "validation"] == [40, 80, 120, 160]
    pid = start_training(replace(plan, name="other"), cut, worker_python)
    wait_until(lambda: any(line["step"] >= 60 for line in cut.read_metrics()[0]))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        follow(cut, Told(), pid)
    assert cut.status().state == INTERRUPTED and cut.status().step < 160
    assert follow(cut, Told(), continue_training(cut, worker_python)).state == DONE
    assert open(cut.last, "rb").read() == open(whole.last, "rb").read()
    assert open(cut.best, "rb").read() == open(whole.best, "rb").read()
    assert cut.read_metrics()[0] == whole.read_metrics()[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sessions are POSIX")
def test_it_outlives_who_started_it_and_is_attached_again(tmp_path, plan, worker_python):
    pytest.importorskip("lightning_fabric")
    folder = JobFolder(str(tmp_path / "job"))
    folder.make()
    write_plan(replace(plan, steps=100_000), folder.plan)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from sr_plugin.core.job_folder import JobFolder;"
        "from sr_plugin.pipeline.training_job import continue_training;"
        "continue_training(JobFolder(sys.argv[2]), sys.argv[3])"
    )
    project = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run([sys.executable, "-c", script, project, folder.path, worker_python], check=True, timeout=LONG)
    # Its parent is gone; here it is only known from the list.
    (job,) = known_jobs()
    assert job.path == folder.path
    with pytest.raises(Cancelled, match="stopped at step"):
        follow(job, Told(cancel_after=5))
    assert job.status().state == STOPPED and os.path.exists(job.last)
    assert not job.busy and last_words(job) is not None
