"""Examples: true pairs, drawn anew but reproducibly, and never from a place that is validated on."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE
from sr_plugin.core.dataset import PatchRecord
from sr_plugin.core.dataset_card import DatasetCard
from sr_plugin.core.dataset_writer import DatasetWriter
from sr_plugin.core.errors import DatasetUnreadable
from sr_plugin.core.training_plan import AugmentationPlan, TrainingPlan, ValidationPlan
from sr_plugin.worker.training.augmentation import Change, changed
from sr_plugin.worker.training.examples import StepBatches, crop_side, open_examples
from sr_plugin.worker.training.validation import Validation
from tests.training_datasets import array, reduced, write_dataset

PLAN = TrainingPlan("mine", "data", family="edsr", steps=50, batch=3, patch=8, seed=7)


def batches(folder, **changes):
    training, _ = open_examples(folder)
    plan = TrainingPlan(**{**PLAN.__dict__, **changes})
    return StepBatches(training, plan, 8, 0.5)


def test_every_example_comes_once_before_any_comes_again(tmp_path):
    found = batches(write_dataset(tmp_path / "d"))
    drawn = [index for step in range(8) for index in found.indices(step)]
    for epoch in range(6):
        assert sorted(drawn[4 * epoch : 4 * epoch + 4]) == [0, 1, 2, 3]
    assert drawn[:4] != drawn[4:8] or drawn[4:8] != drawn[8:12]


def test_the_same_step_gives_the_same_batch_and_others_do_not(tmp_path):
    folder = write_dataset(tmp_path / "d")
    plan = AugmentationPlan(gain=0.2, noise=0.1)
    one, same = batches(folder, augmentation=plan), batches(folder, augmentation=plan)
    for step in (0, 5):
        (low,), high, valid = one[step]
        (low_again,), high_again, _ = same[step]
        np.testing.assert_array_equal(low, low_again)
        np.testing.assert_array_equal(high, high_again)
        assert low.shape == (3, 3, 8, 8) and high.shape == (3, 3, 16, 16) and valid.shape == (3, 1, 16, 16)
        assert low.dtype == high.dtype == np.float32
    assert not np.array_equal(one[0][1], one[1][1])
    assert not np.array_equal(one[0][1], batches(folder, seed=8)[0][1])


def test_what_is_changed_stays_a_true_pair(tmp_path):
    found = batches(write_dataset(tmp_path / "d"), augmentation=AugmentationPlan(gain=0.3))
    for step in range(10):
        (low,), high, _ = found[step]
        # The inputs were made as means over blocks, and rounded to 1e-4 as the targets were.
        np.testing.assert_allclose(reduced(high.astype(np.float64), 2), low, atol=2e-4)


def test_groups_of_bands_keep_their_places(tmp_path):
    found = batches(write_dataset(tmp_path / "d", BAND_FUSION))
    (fine, coarse), high, _ = found[0]
    assert fine.shape == (3, 4, 16, 16) and coarse.shape == (3, 6, 8, 8) and high.shape == (3, 6, 16, 16)
    np.testing.assert_allclose(reduced(high.astype(np.float64), 2), coarse, atol=2e-4)


def test_views_are_changed_alike(tmp_path):
    found = batches(write_dataset(tmp_path / "d", MULTI_IMAGE))
    (views,), high, _ = found[0]
    assert views.shape == (3, 3, 3, 8, 8)
    np.testing.assert_allclose(reduced(high.astype(np.float64), 2), views.mean(1), atol=0.05)


def test_the_view_that_the_target_lies_on_stays_the_first(tmp_path):
    """The others come clearest first, as networks expect them."""
    card = DatasetCard("v", MULTI_IMAGE, 2, (array("low", 1, 8),), array("high", 1, 16), 4, "reflectance")
    low = np.arange(4, dtype=np.uint16)[:, None, None, None] + np.zeros((4, 1, 8, 8), np.uint16)
    masks = np.ones((4, 8, 8), np.uint8)
    masks[0, :4], masks[1, :2], masks[3, :1] = 0, 0, 0
    with DatasetWriter(str(tmp_path / "d"), card) as writer:
        for split in ("train", "validation"):
            arrays = {"low": low, "low_valid": masks, "high": np.arange(256, dtype=np.uint16).reshape(1, 16, 16)}
            writer.add(PatchRecord("00000", split, split, "scene.tif"), arrays)
        writer.finish()
    examples, _ = open_examples(str(tmp_path / "d"))
    (views,) = examples.crop(examples.records[0], 0, 0, (8, 8)).inputs
    np.testing.assert_allclose(views[:, 0, 0, 0] * 10000, [0, 2, 3, 1], rtol=1e-5)


def test_a_change_is_the_one_that_was_drawn():
    image = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    np.testing.assert_array_equal(changed(image, Change(rows=True)), image[:, ::-1])
    np.testing.assert_array_equal(changed(image, Change(turns=1)), np.rot90(image, 1, (1, 2)))
    np.testing.assert_array_equal(changed(image, Change(gain=2.0)), 2 * image)
    drawn = Change.drawn(np.random.default_rng(0), AugmentationPlan(False, False, 0.0, 0.0), 1.0)
    assert drawn == Change()


def test_validation_sees_no_place_of_the_training(tmp_path):
    training, held_out = open_examples(write_dataset(tmp_path / "d"))
    import torch

    validation = Validation(held_out, ValidationPlan(most=50, side=16, border=2), 1, 1.0, torch.device("cpu"))
    validated = {record.place for record in validation.records}
    trained = {training.records[i].place for step in range(20) for i in batches(training.dataset.folder).indices(step)}
    assert len(validated) == 2 and len(trained) == 4
    assert not validated & trained


def test_a_place_in_both_splits_is_refused(tmp_path):
    places = ["a", "b", "c", "d", "d", "e"]
    folder = write_dataset(tmp_path / "d", places=places)
    with pytest.raises(DatasetUnreadable, match="'d' is trained on and validated on"):
        open_examples(folder)


def test_a_dataset_without_validation_is_named(tmp_path):
    folder = write_dataset(tmp_path / "d", splits=("train",) * 6)
    with pytest.raises(DatasetUnreadable, match="no patches for validation"):
        open_examples(folder)


def test_a_missing_array_is_named(tmp_path):
    folder = write_dataset(tmp_path / "d")
    os.remove(os.path.join(folder, "high", "00002.npy"))
    found = batches(folder)
    with pytest.raises(DatasetUnreadable, match="00002.npy"):
        for step in range(8):
            found[step]


def test_a_value_that_is_not_finite_is_named(tmp_path):
    folder = write_dataset(tmp_path / "d")
    import json

    path = os.path.join(folder, "dataset.json")
    card = json.load(open(path, encoding="utf-8"))
    card["target"]["pixel_type"] = "float32"
    json.dump(card, open(path, "w", encoding="utf-8"))
    for number in range(6):
        file = os.path.join(folder, "high", f"{number:05d}.npy")
        values = np.load(file).astype(np.float32)
        values[..., 3] = np.nan
        np.save(file, values)
    with pytest.raises(DatasetUnreadable, match="not finite"):
        for step in range(4):
            batches(folder)[step]


def test_patches_too_small_for_a_network_are_refused(tmp_path):
    training, _ = open_examples(write_dataset(tmp_path / "d"))
    assert crop_side(training, 100, 1) == 16
    assert crop_side(training, 13, 4) == 12
    with pytest.raises(DatasetUnreadable, match="multiples of 32"):
        crop_side(training, 64, 32)


def test_the_usual_contrast_is_that_of_the_targets(tmp_path):
    training, _ = open_examples(write_dataset(tmp_path / "d"))
    low, high = training.contrast()
    assert 0.05 < low < 0.35 and 0.6 < high < 0.95


def test_orders_of_examples_are_all_alike_in_number(tmp_path):
    found = batches(write_dataset(tmp_path / "d"))
    counts = Counter(index for step in range(40) for index in found.indices(step))
    assert set(counts.values()) == {30}
