"""The loop: what it changes, when, and what it leaves alone."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, TRANSLATION, card_to_wire
from sr_plugin.core.card_file import read_card
from sr_plugin.core.dataset import PatchRecord
from sr_plugin.core.dataset_card import ArraySpec, DatasetCard, SourceNote
from sr_plugin.core.dataset_writer import DatasetWriter
from sr_plugin.core.errors import (
    BandError,
    DatasetUnreadable,
    ModelMismatch,
    ModelUnreadable,
    OutputError,
    ParameterError,
    TrainingFailed,
)
from sr_plugin.core.job_folder import DONE, FAILED, RUNNING, STOPPED, JobFolder
from sr_plugin.core.training_plan import (
    AdversarialPlan,
    AugmentationPlan,
    ContentPlan,
    OptimiserPlan,
    ValidationPlan,
    write_plan,
)
from sr_plugin.worker.architectures.build import load_network
from sr_plugin.worker.training.checkpoint import read_checkpoint
from sr_plugin.worker.training.trainer import Trainer
from sr_plugin.worker.training.work import Worker
from tests.training_datasets import RGB, SPLITS, array, scene, stored, write_dataset

GAN = AdversarialPlan("vanilla", "srgan", width=4, weight=0.5, warm_up=3, ramp=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny")


def weights(network):
    return {name: t.detach().clone() for name, t in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def run(trainer, until=None):
    for batch in trainer.batches():
        if trainer.progress.step == until:
            break
        trainer.step(batch)


def train(folder):
    return Worker(folder).work()


def test_warm_up_keeps_the_discriminator_out(dataset, make_job):
    folder, plan = make_job(dataset, adversarial=GAN)
    trainer = Trainer(plan, folder)
    critic = trainer._adversary.module
    seen = []
    critic.register_forward_hook(lambda *_: seen.append(trainer.progress.step))
    before = weights(critic)
    run(trainer, until=3)
    assert trainer.progress.step == 3
    assert seen == [] and same(before, weights(critic))
    run(trainer, until=4)
    assert set(seen) == {3} and not same(before, weights(critic))


def test_the_adversarial_weight_follows_the_ramp(dataset, make_job):
    folder, plan = make_job(dataset, adversarial=GAN, log_every=1, steps=6)
    assert train(folder) == 0
    lines = [line for line in folder.read_metrics()[0] if line["kind"] == "train"]
    assert [line.get("weight") for line in lines] == pytest.approx([None, None, None, 0.25, 0.5, 0.5], nan_ok=True)
    for line in lines:
        expected = line["l1"] + line.get("weight", 0) * line.get("adversarial", 0)
        assert line["loss"] == pytest.approx(expected, rel=1e-5)


def test_until_the_ramp_begins_the_generator_is_as_without_a_discriminator(dataset, make_job):
    found = []
    for number, adversarial in enumerate((AdversarialPlan(), GAN)):
        folder, plan = make_job(dataset, f"job{number}", adversarial=adversarial)
        trainer = Trainer(plan, folder)
        run(trainer, until=3)
        found.append(weights(trainer.module))
    assert same(*found)


def test_the_generators_step_gives_the_discriminator_no_gradient(dataset, make_job):
    folder, plan = make_job(dataset, adversarial=replace(GAN, warm_up=0))
    trainer = Trainer(plan, folder)
    adversary = trainer._adversary
    result = torch.rand(2, 3, 16, 16, requires_grad=True)
    adversary.loss_of(result, torch.rand(2, 3, 16, 16), None).backward()
    assert result.grad is not None and float(result.grad.abs().sum()) > 0
    assert all(p.grad is None and p.requires_grad for p in adversary.module.parameters())


def test_it_learns(dataset, make_job):
    fast = OptimiserPlan(learning_rate=1e-2)
    folder, plan = make_job(
        dataset,
        steps=150,
        patch=16,
        optimiser=fast,
        ema=0.5,
        validation=ValidationPlan(every=75, side=16, border=2, panels=0),
    )
    assert train(folder) == 0
    figures = [line["psnr"] for line in folder.read_metrics()[0] if line["kind"] == "validation"]
    (before,) = [line["psnr"] for line in folder.read_metrics()[0] if line["kind"] == "before"]
    assert figures[0] < figures[-1] and figures[-1] > before


@pytest.mark.parametrize(
    ("kind", "family", "sizes", "changes"),
    [
        (MULTI_IMAGE, "rs_srgan_fusion", {"width": 4, "blocks": 1}, {"fusion_warm_up": 2}),
        (MULTI_IMAGE, "highresnet", {"width": 4, "blocks": 1, "bands": 1}, {"fusion_warm_up": 2}),
        (BAND_FUSION, "dsen2", {"width": 4, "blocks": 1}, {}),
        (
            TRANSLATION,
            "pix2pix",
            {"width": 4},
            {"adversarial": replace(GAN, discriminator="patchgan", conditional=True), "patch": 16},
        ),
    ],
)
def test_every_kind_of_model_goes_through_the_same_loop(tmp_path, make_job, kind, family, sizes, changes):
    folder, plan = make_job(write_dataset(tmp_path / "d", kind), family=family, hyperparameters=sizes, **changes)
    assert train(folder) == 0, folder.status()
    status = folder.status()
    assert status.state == DONE and status.step == 6
    card = read_card(status.model)
    assert card.kind == kind
    assert card.generative == plan.adversarial.active
    assert [w.container for w in card.weights] == (["onnx", "safetensors"] if kind == TRANSLATION else ["safetensors"])
    load_network(replace(card, weights=card.weights[-1:]))
    assert len(folder.panel_files()) == 2


def test_the_fusion_alone_is_warmed_up(tmp_path, make_job):
    folder, plan = make_job(
        write_dataset(tmp_path / "d", MULTI_IMAGE),
        family="rs_srgan_fusion",
        hyperparameters={"width": 4, "blocks": 1},
        fusion_warm_up=2,
    )
    trainer = Trainer(plan, folder)
    fusion, rest = weights(trainer.module.fusion), weights(trainer.module.generator)
    run(trainer, until=2)
    assert same(rest, weights(trainer.module.generator)) and not same(fusion, weights(trainer.module.fusion))
    run(trainer, until=3)
    assert not same(rest, weights(trainer.module.generator))


def test_the_result_is_a_model_with_figures_from_before_and_after(dataset, make_job):
    folder, plan = make_job(dataset, adversarial=replace(GAN, kind="lsgan", r1=1.0, r1_every=1), licence="CC0-1.0")
    assert train(folder) == 0
    card = read_card(folder.status().model)
    (figures,) = card.quality["protocols"].values()
    assert {"psnr_bicubic", "ssim_bicubic", "psnr_model", "ssim_model", "gain"} <= figures.keys()
    assert figures["psnr_model"] == pytest.approx(folder.status().best, abs=0.006)
    assert card.quality["patches"] == 2
    assert card.licence == "CC0-1.0" and card.scale == 2 and card.generative
    assert [band.common_name for band in card.input_bands] == ["red", "green", "blue"]
    assert card.value_range.quantity == "reflectance"
    table = open(folder.status().model.replace(".json", ".md"), encoding="utf-8").read()
    assert "Bicubic interpolation" in table and "invent" in table


def test_a_model_is_gone_on_from(dataset, make_job):
    folder, _ = make_job(dataset, "first")
    assert train(folder) == 0
    card = read_card(folder.status().model)
    again, plan = make_job(
        dataset, "second", family="", hyperparameters={}, start=card_to_wire(card), ema=0.0, name="tuned"
    )
    trainer = Trainer(plan, again)
    assert same(weights(trainer.module), weights(load_network(card)))
    trainer.measure_before()
    (figures,) = card.quality["protocols"].values()
    assert trainer.progress.before["before"]["psnr"] == pytest.approx(figures["psnr_model"], abs=0.006)
    assert train(again) == 0
    result = read_card(again.status().model)
    (tuned,) = result.quality["protocols"].values()
    assert tuned["psnr_before"] == figures["psnr_model"]
    assert result.source == f"{card.source}, going on from {card.name}"


def test_a_model_that_was_generative_says_so_after_a_content_loss(dataset, make_job):
    first, _ = make_job(dataset, "first")
    assert train(first) == 0
    start = card_to_wire(replace(read_card(first.status().model), generative=True))
    again, _ = make_job(dataset, "second", family="", hyperparameters={}, start=start, name="tuned")
    assert train(again) == 0
    assert read_card(again.status().model).generative
    page = open(again.status().model.replace(".json", ".md"), encoding="utf-8").read()
    assert "here or before: it may invent" in page


def test_bands_pass_through_a_network_of_one_band_each_on_its_own(dataset, make_job):
    one, _ = make_job(dataset, "one", family="vdsr", hyperparameters={"width": 4, "blocks": 1, "bands": 1})
    assert train(one) == 0, one.status()
    card = read_card(one.status().model)
    assert card.per_band and card.scale == 2
    assert [w.container for w in card.weights] == ["onnx", "safetensors"]


def test_processes_that_read_give_the_same_batches(dataset, make_job):
    found = []
    for readers in (0, 2):
        folder, plan = make_job(dataset, f"readers{readers}", readers=readers)
        found.append([batch for batch in Trainer(plan, folder).batches()])
    assert len(found[0]) == len(found[1]) == 6
    for one, other in zip(*found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip((*one[0], *one[1:]), (*other[0], *other[1:]), strict=True))


def test_gaps_teach_nothing(dataset, make_job):
    folder, plan = make_job(dataset)
    trainer = Trainer(plan, folder)
    result, target = torch.rand(1, 3, 4, 4, requires_grad=True), torch.rand(1, 3, 4, 4)
    valid = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    valid[..., :2, :] = False
    loss, _ = trainer._content(trainer._filled(result, target, valid), target, (0.0, 1.0))
    loss.backward()
    assert float(result.grad[..., :2, :].abs().sum()) == 0 and float(result.grad[..., 2:, :].abs().min()) > 0


def test_it_ends_early_where_nothing_gets_better(dataset, make_job):
    validation = ValidationPlan(every=1, side=16, border=2, patience=2, panels=0)
    folder, plan = make_job(dataset, optimiser=OptimiserPlan(learning_rate=0.0), validation=validation, ema=0.0)
    assert train(folder) == 0
    status = folder.status()
    assert status.state == DONE and status.best_step == 1
    assert [x["step"] for x in folder.read_metrics()[0] if x["kind"] == "validation"] == [1, 2, 3]


def test_weights_of_the_warm_up_are_not_what_a_gan_is_for(dataset, make_job):
    validation = ValidationPlan(every=1, side=16, border=2, patience=2, panels=0)
    still = OptimiserPlan(learning_rate=0.0)
    folder, plan = make_job(dataset, optimiser=still, validation=validation, ema=0.0, adversarial=GAN)
    assert train(folder) == 0
    best = {x["step"]: x["best"] for x in folder.read_metrics()[0] if x["kind"] == "validation"}
    assert best == {1: False, 2: False, 3: False, 4: True, 5: False, 6: False}
    assert folder.status().best_step == 4


def test_a_request_to_stop_keeps_a_checkpoint(dataset, make_job):
    folder, plan = make_job(dataset)
    folder.ask_to_stop()
    assert train(folder) == 0
    assert folder.status().state == STOPPED and not folder.stop_asked()
    assert os.path.exists(folder.last)
    assert train(folder) == 0 and folder.status().state == DONE


def test_a_broken_dataset_is_named(tmp_path, make_job):
    path = write_dataset(tmp_path / "d")
    os.remove(os.path.join(path, "index.csv"))
    folder, _ = make_job(path)
    assert train(folder) == 1
    status = folder.status()
    assert status.state == FAILED and status.code == "DatasetUnreadable" and "index.csv" in status.message


def test_a_damaged_plan_is_told(dataset, make_job):
    folder, _ = make_job(dataset)
    with open(folder.plan, "w", encoding="utf-8") as file:
        file.write("{")
    assert train(folder) == 1
    assert folder.status().code == "ParameterError"


def test_a_translation_measures_its_targets_and_sees_its_inputs(tmp_path, make_job):
    """Decibels to bytes: neither the inputs are clamped by the contrast of the targets, nor the other way round."""
    sar = ArraySpec("low", RGB, 16, 16, "float32", 10.0)
    picture = ArraySpec("high", RGB, 16, 16, "uint8", 10.0, 1 / 255)
    card = DatasetCard("sar", TRANSLATION, 1, (sar,), picture, quantity="reflectance", sources=(SourceNote("s"),))
    with DatasetWriter(str(tmp_path / "d"), card) as writer:
        for number, split in enumerate(SPLITS):
            image = scene(3, 16, number)
            arrays = {"low": (20 * image - 25).astype(np.float32), "high": np.round(255 * image).astype(np.uint8)}
            writer.add(PatchRecord("00000", split, f"place {number}", "s"), arrays)
        writer.finish()
    adversarial = replace(GAN, discriminator="patchgan", conditional=True)
    sizes = {"family": "pix2pix", "hyperparameters": {"width": 4}, "patch": 16}
    folder, plan = make_job(str(tmp_path / "d"), adversarial=adversarial, **sizes)
    trainer = Trainer(plan, folder)
    assert trainer.validation.peak == 1.0 and trainer.start.card.value_range.out_type == "uint8"
    inputs, target, _ = trainer.validation.tensors(0)
    (seen,) = trainer.runner.to_network(inputs)
    assert len(torch.unique(seen)) > 0.9 * len(torch.unique(inputs[0])) and float(seen.abs().max()) <= 1.001
    condition = trainer._adversary.condition(inputs, (16, 16))
    assert float(condition.abs().max()) < 1.2
    assert train(folder) == 0, folder.status()
    made = read_card(folder.status().model)
    assert made.value_range.out_type == "uint8"
    (figures,) = made.quality["protocols"].values()
    assert "psnr_model" in figures and "psnr_bicubic" not in figures


def test_relative_losses_need_the_same_bands_on_both_sides(tmp_path, make_job):
    card = DatasetCard("sar", TRANSLATION, 1, (array("low", 2, 16),), array("high", 3, 16), quantity="reflectance")
    with DatasetWriter(str(tmp_path / "d"), card) as writer:
        for number, split in enumerate(SPLITS):
            image = stored(scene(3, 16, number))
            writer.add(PatchRecord("00000", split, f"place {number}", "s"), {"low": image[:2], "high": image})
        writer.finish()
    changes = {"family": "pix2pix", "hyperparameters": {"width": 4}, "patch": 16}
    folder, plan = make_job(str(tmp_path / "d"), content=ContentPlan(relative_l1=0.5), **changes)
    with pytest.raises(ParameterError, match="different bands"):
        Trainer(plan, folder)


def test_networks_that_see_their_whole_window_are_measured_on_those_of_use(tmp_path, make_job):
    dataset = write_dataset(tmp_path / "d", TRANSLATION, side=32)
    sizes = {"family": "pix2pix", "hyperparameters": {"width": 4, "depth": 3}, "patch": 21}
    folder, plan = make_job(dataset, validation=ValidationPlan(side=32, border=2), **sizes)
    trainer = Trainer(plan, folder)
    card = trainer.start.card
    assert card.reach is None and card.tiles.multiple_of == 8 and card.training_tile == 16
    assert next(trainer.batches())[1].shape[-2:] == (16, 16)
    assert trainer.validation.tensors(0)[1].shape[-2:] == (16, 16)


def test_losses_that_are_no_numbers_end_the_training(dataset, make_job):
    folder, plan = make_job(dataset, optimiser=OptimiserPlan(learning_rate=10.0, clip=0.0), steps=300, log_every=1)
    trainer = Trainer(plan, folder)
    with torch.no_grad():
        next(trainer.module.parameters()).fill_(np.nan)
    with pytest.raises(TrainingFailed, match="diverged"):
        for batch in trainer.batches():
            trainer.step(batch)
            trainer.log_losses()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"family": "rrdbnet", "hyperparameters": {"upsamplings": 2}}, ModelMismatch, "cannot enlarge by 2"),
        ({"family": "nonsense"}, Exception, "no architecture"),
        ({"hyperparameters": {"colour": 1}}, ModelMismatch, "colour"),
        ({"family": "pix2pix", "hyperparameters": {}}, ModelMismatch, "cannot enlarge"),
        ({"family": "highresnet", "hyperparameters": {}}, ParameterError, "kind"),
        ({"hyperparameters": {"in_bands": 4, "out_bands": 4}}, BandError, "4 bands of 4"),
    ],
)
def test_what_does_not_fit_is_told(dataset, make_job, changes, error, words):
    folder, plan = make_job(dataset, **changes)
    with pytest.raises(error, match=words):
        Trainer(plan, folder)


@pytest.mark.parametrize("readers", [0, 1])
def test_a_broken_patch_is_told_in_a_sentence(tmp_path, make_job, readers):
    dataset = write_dataset(tmp_path / "d")
    for number in range(4):
        os.truncate(os.path.join(dataset, "high", f"{number:05d}.npy"), 100)
    folder, _ = make_job(dataset, readers=readers)
    assert train(folder) == 1
    status = folder.status()
    assert status.code == "DatasetUnreadable" and "Traceback" not in status.message and len(status.message) < 300


def test_a_full_disk_is_told_as_such(dataset, make_job, monkeypatch):
    folder, _ = make_job(dataset)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def silent(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JobFolder, "append_metrics", full)
    monkeypatch.setattr("builtins.print", silent)
    with pytest.raises(OSError, match="No space"):
        train(folder)
    status = folder.status()
    assert status.state == FAILED and status.code == "DiskFull" and "space" in status.message


def test_a_full_disk_behind_another_error_is_told_too(dataset, make_job, monkeypatch):
    folder, _ = make_job(dataset)

    def full(trainer):
        raise OutputError("The checkpoint cannot be written.") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Trainer, "save", full)
    assert train(folder) == 1
    assert folder.status().code == "DiskFull"


def test_a_state_that_cannot_be_written_ends_no_training(dataset, make_job, monkeypatch):
    folder, _ = make_job(dataset)
    write = JobFolder.write_status

    def busy(self, status):
        if status.state == RUNNING:
            raise PermissionError(errno.EACCES, "somebody reads it")
        write(self, status)

    monkeypatch.setattr(JobFolder, "write_status", busy)
    assert train(folder) == 0
    assert folder.status().state == DONE and not folder.status().installed


def test_what_was_measured_on_published_weights_is_not_told_of_fresh_ones(dataset, make_job):
    folder, plan = make_job(dataset, family="rrdbnet", hyperparameters={"width": 4, "blocks": 1, "growth": 2})
    card = Trainer(plan, folder).start.card
    assert card.effective_reach is None and card.reach > 0


def test_patches_too_small_for_ssim_are_told_before_the_training(dataset, make_job):
    folder, plan = make_job(dataset, validation=ValidationPlan(side=8, border=3, metric="ssim"))
    with pytest.raises(DatasetUnreadable, match="SSIM"):
        Trainer(plan, folder)


def test_a_checkpoint_of_another_plan_is_refused(dataset, make_job):
    folder, plan = make_job(dataset)
    assert train(folder) == 0
    write_plan(replace(plan, seed=5), folder.plan)
    with pytest.raises(ModelUnreadable, match="another plan"):
        Trainer(replace(plan, seed=5), folder)


def test_a_damaged_checkpoint_is_told(dataset, make_job):
    folder, plan = make_job(dataset)
    trainer = Trainer(plan, folder)
    run(trainer, until=1)
    trainer.save()
    with open(folder.last, "r+b") as file:
        file.truncate(2000)
    with pytest.raises(ModelUnreadable):
        read_checkpoint(folder.last, plan.digest, trainer._networks(), trainer._optimisers())


_USUAL = {"content": ContentPlan(l1=1.0, sam=0.1)}
_RELATIVE = {
    "content": ContentPlan(l1=0.0, relative_l1=1.0, relative_l2=0.5),
    "optimiser": OptimiserPlan("orthogonal", 1e-3),
}


@pytest.mark.parametrize(("gap", "kind"), [(False, _USUAL), (True, _USUAL), (False, _RELATIVE)])
def test_going_on_gives_the_same_weights_bit_by_bit(dataset, make_job, gap, kind):
    """A training of 6 steps, and one that is dropped after step 5 with a checkpoint of step 4."""
    settings = {
        "adversarial": replace(GAN, kind="relativistic", warm_up=2, r1=0.5, r1_every=2),
        "augmentation": AugmentationPlan(gain=0.1, noise=0.05),
        **kind,
    }
    whole, plan = make_job(dataset, "whole", **settings)
    assert train(whole) == 0
    cut, _ = make_job(dataset, "cut", **settings)
    first = Trainer(plan, cut)
    first.measure_before()
    for batch in first.batches():
        first.step(batch)
        if first.progress.step % plan.log_every == 0:
            first.log_losses()
        if first.progress.step == 3:
            first.validate()
        if first.progress.step == 4:
            first.save()
        if first.progress.step == 5:
            break
    if gap:
        # What was written after the checkpoint is taken again.
        cut.append_metrics({"step": 5, "kind": "train", "loss": 0.0})
    assert train(cut) == 0
    assert open(cut.last, "rb").read() == open(whole.last, "rb").read()
    assert open(cut.best, "rb").read() == open(whole.best, "rb").read()
    assert cut.read_metrics()[0] == whole.read_metrics()[0]


def test_a_model_that_is_worse_than_bicubic_says_so(dataset, make_job):
    from sr_plugin.worker.training.result import worse_than_plain

    # Random weights, since this network begins at no interpolation.
    sizes = {"family": "espcn", "hyperparameters": {}}
    folder, _ = make_job(dataset, optimiser=OptimiserPlan(learning_rate=0.0), **sizes)
    assert train(folder) == 0
    status = folder.status()
    assert "worse than bicubic" in status.hint and status.hint in read_card(status.model).notes
    assert worse_than_plain({"bicubic": {"psnr": 30.0}, "after": {"psnr": 29.0}}, generative=True) == ""
    assert worse_than_plain({"bicubic": {"psnr": 30.0}, "after": {"psnr": 30.5}}, generative=False) == ""
    assert worse_than_plain({"after": {"psnr": 29.0}}, generative=False) == ""


def test_the_report_on_the_model_shows_the_figures_from_before(dataset, make_job):
    from sr_plugin.core.model_page import report_html
    from sr_plugin.core.model_report import model_record

    folder, _ = make_job(dataset)
    assert train(folder) == 0
    page = report_html(model_record(read_card(folder.status().model), None, None))
    assert "held-out patches of tiny" in page and "not trained on" in page and "Bicubic, dB" in page
    assert "Before training" not in page, "there was no model to go on from"
