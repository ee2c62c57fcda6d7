"""The algorithm ``superres:train`` through ``processing.run``."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.qgis

QUICK = {
    "NAME": "taught",
    "ARCHITECTURE": "edsr_bicubic",
    "HYPERPARAMETERS": '{"width": 8, "blocks": 1}',
    "STEPS": 6,
    "BATCH": 2,
    "PATCH": 8,
    "THREADS": 1,
    "DEVICE": "cpu",
    "VALIDATE_EVERY": 3,
}


@pytest.fixture
def train(provider, tmp_path, monkeypatch, worker_python):
    """Runs the algorithm on a tiny dataset and returns its outputs."""
    import processing

    from tests.training_datasets import write_dataset

    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", worker_python)
    dataset = write_dataset(tmp_path / "tiny")

    def call(feedback=None, **parameters):
        values = {"DATASET": dataset, "FOLDER": str(tmp_path / "job"), **QUICK, **parameters}
        return processing.run("superres:train", values, feedback=feedback)

    return call


@pytest.mark.slow
def test_a_model_comes_out_and_stands_in_the_list(train, tmp_path, feedback):
    pytest.importorskip("lightning_fabric")
    from sr_plugin.core.catalogue import find_model

    outputs = train(feedback)
    assert outputs["STATE"] == "done" and outputs["STEP"] == 6 and outputs["MODEL"] == "taught"
    assert outputs["FOLDER"] == str(tmp_path / "job") and os.path.isfile(outputs["CARD"])
    assert 10 < outputs["PSNR"] < outputs["PSNR_BICUBIC"] < 60
    card = find_model("taught")
    assert card.scale == 2 and card.quality["protocols"]
    assert any("PSNR" in text for text in feedback.infos)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DATASET": "nowhere"}, "dataset"),
        ({"HYPERPARAMETERS": "{width"}, "no JSON"),
        ({"PRESET": "fine-tune"}, "needs a model"),
        ({"MODEL": "no-such-model"}, "no-such-model"),
        ({"BATCH": 0}, "batch"),
        ({"PERCEPTUAL": 1.0}, "VGG19"),
    ],
)
def test_what_cannot_be_trained_is_told(train, changes, words):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match=words):
        train(**changes)


def test_settings_of_an_earlier_plan_are_taken(train, tmp_path, monkeypatch):
    from sr_plugin.core.job_folder import JobFolder
    from sr_plugin.core.training_plan import ContentPlan, TrainingPlan, read_plan, write_plan
    from sr_plugin.pipeline import training_job

    monkeypatch.setattr(training_job, "start_detached", lambda *_: 0)
    earlier = TrainingPlan("old", "elsewhere", family="rcan", seed=0, ema=0.5, content=ContentPlan(l1=0.0, sam=2.0))
    write_plan(earlier, str(tmp_path / "plan.json"))
    outputs = train(PLAN=str(tmp_path / "plan.json"), DETACH=True, CLIP=0.25, SAM=3.0, ADVERSARIAL="lsgan", WARM_UP=2)
    assert outputs["STATE"] == "running"
    plan = read_plan(JobFolder(outputs["FOLDER"]).plan)
    assert plan.ema == 0.5 and plan.content.l1 == 0.0 and plan.content.sam == 3.0
    assert plan.family == "edsr_bicubic" and plan.name == "taught" and plan.optimiser.clip == 0.25
    assert plan.adversarial.kind == "lsgan" and plan.adversarial.warm_up == 2


def test_defaults_do_not_win_over_an_earlier_plan_but_steps_do(train, tmp_path, monkeypatch):
    """As a dialog gives them: all parameters, most of them as they were."""
    from sr_plugin.core.job_folder import JobFolder
    from sr_plugin.core.training_plan import TrainingPlan, read_plan, write_plan
    from sr_plugin.pipeline import training_job

    monkeypatch.setattr(training_job, "start_detached", lambda *_: 0)
    earlier = TrainingPlan(
        "old", "elsewhere", family="rcan", hyperparameters={"width": 16, "groups": 1}, steps=20000, batch=3, seed=7,
        precision="bfloat16", device="cuda", install=False, tensorboard=True,
    )  # fmt: skip
    write_plan(earlier, str(tmp_path / "plan.json"))
    defaults = {"DEVICE": "auto", "PRECISION": "float32", "SEED": 0, "TENSORBOARD": False, "INSTALL": True}
    common = {"PLAN": str(tmp_path / "plan.json"), "DETACH": True, "HYPERPARAMETERS": "", "BATCH": None}
    folder = train(**common, **defaults)["FOLDER"]
    plan = read_plan(JobFolder(folder).plan)
    assert (plan.steps, plan.batch, plan.seed, plan.precision, plan.device) == (6, 3, 7, "bfloat16", "cuda")
    assert not plan.install and plan.tensorboard
    # Sizes of one architecture mean nothing to another one.
    assert plan.family == "edsr_bicubic" and plan.hyperparameters == {}
    changed = {**defaults, "SEED": 5, "PRECISION": "float16", "ARCHITECTURE": "rcan", "STEPS": None}
    folder = train(**common, **changed, FOLDER=str(tmp_path / "other"))["FOLDER"]
    plan = read_plan(JobFolder(folder).plan)
    assert (plan.steps, plan.seed, plan.precision, plan.device) == (20000, 5, "float16", "cuda")
    assert plan.hyperparameters == {"width": 16, "groups": 1}
