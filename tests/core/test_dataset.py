"""Training datasets on disk."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest

from sr_plugin.core.card import BandSpec
from sr_plugin.core.dataset import BY_HAND, Dataset, PatchRecord, checksum_of
from sr_plugin.core.dataset_card import ArraySpec, DatasetCard, card_from_json, card_to_json
from sr_plugin.core.dataset_writer import DatasetWriter
from sr_plugin.core.errors import DatasetUnreadable, OutputError, ParameterError

RED = (BandSpec("B04", "red", 0.665),)


def card(**changes):
    low = ArraySpec("low", RED, 4, 6, "uint16", 20.0, 1e-4, 0.0)
    high = ArraySpec("high", RED, 8, 12, "uint16", 10.0, 1e-4, 0.0)
    return DatasetCard(**{"name": "x", "kind": "single-image", "scale": 2, "inputs": (low,), "target": high, **changes})


def arrays(value):
    return {"low": np.full((1, 4, 6), value, np.uint16), "high": np.full((1, 8, 12), value, ">u2")}


def write(folder, count=3):
    with DatasetWriter(str(folder), card()) as writer:
        for number in range(count):
            values = {name: data.astype(np.uint16) for name, data in arrays(10 * number).items()}
            split = ("train", "validation", "test")[number % 3]
            writer.add(PatchRecord("", split, f"place {number}", "a.tif", mtf=0.35), values)
        return writer.finish(rejected={"cloud": 2})


def test_what_is_written_comes_back(tmp_path):
    written = write(tmp_path / "set")
    read = Dataset.open(str(tmp_path / "set"))
    assert read.card == written.card and len(read.records) == 3
    assert read.card.counts == {"train": 1, "validation": 1, "test": 1} and read.card.rejected == {"cloud": 2}
    low, high, record = next(read.pairs("validation"))
    assert record.place == "place 1" and np.isnan(record.score) and record.mtf == 0.35
    assert low.shape == (1, 4, 6) and high.shape == (1, 8, 12) and int(high[0, 0, 0]) == 10
    assert not high.flags.writeable and isinstance(high, np.memmap)
    assert read.verify() == []
    assert sorted(os.listdir(tmp_path)) == ["set"]


def test_numpy_and_the_standard_library_read_it(tmp_path):
    write(tmp_path / "set")
    told = json.loads((tmp_path / "set" / "dataset.json").read_text(encoding="utf-8"))
    with open(tmp_path / "set" / "index.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert told["format"] == "superres-dataset" and [row["id"] for row in rows] == ["00000", "00001", "00002"]
    assert np.load(tmp_path / "set" / "high" / "00002.npy").max() == 20
    assert told["inputs"][0]["percentiles"] == [[0.0, 0.0]]


def test_masks_and_views(tmp_path):
    low = ArraySpec("low", RED, 4, 4, "float32")
    high = ArraySpec("high", RED, 8, 8, "float32")
    rng = np.random.default_rng(0)
    with DatasetWriter(str(tmp_path / "set"), card(kind="multi-image", views=3, inputs=(low,), target=high)) as writer:
        values = {"low": rng.random((3, 1, 4, 4), np.float32), "high": rng.random((1, 8, 8), np.float32)}
        writer.add(
            PatchRecord("", "train", "p", "s"), {**values, "low_valid": np.eye(4, dtype=np.uint8)[None].repeat(3, 0)}
        )
        writer.add(PatchRecord("", "train", "p", "s"), values)
        found = writer.finish()
    with_mask, without = found.records
    assert found.valid(with_mask, found.card.low).shape == (3, 4, 4) and found.valid(without, found.card.low) is None
    assert set(found.arrays(with_mask)) == {"low", "high", "low_valid"} and found.verify() == []


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), DatasetWriter(str(tmp_path / "set"), card()) as writer:
        values = {name: data.astype(np.uint16) for name, data in arrays(1).items()}
        writer.add(PatchRecord("", "train", "p", "s"), values)
        raise RuntimeError("interrupted")
    assert os.listdir(tmp_path) == []


def test_an_existing_dataset_is_never_replaced(tmp_path):
    write(tmp_path / "set")
    with pytest.raises(OutputError, match="holds something"):
        DatasetWriter(str(tmp_path / "set"), card())
    os.mkdir(tmp_path / "empty")
    assert write(tmp_path / "empty").verify() == []


@pytest.mark.parametrize("fault", ["shape", "type", "missing"])
def test_patches_that_do_not_fit_the_card_are_refused(tmp_path, fault):
    values = {name: data.astype(np.uint16) for name, data in arrays(1).items()}
    if fault == "missing":
        del values["low"]
    else:
        values["high"] = values["high"][:, 1:] if fault == "shape" else values["high"].astype(np.float32)
    with DatasetWriter(str(tmp_path / "set"), card()) as writer, pytest.raises(ParameterError):
        writer.add(PatchRecord("", "train", "p", "s"), values)


def test_striking_out_and_taking_back(tmp_path):
    folder = str(tmp_path / "set")
    whole = write(folder)
    struck = whole.exclude({"00001"})
    again = Dataset.open(folder)
    assert [r.id for r in again.records if r.excluded == BY_HAND] == ["00001"]
    assert again.split("validation") == [] and len(again.split("validation", excluded=True)) == 1
    assert list(again.pairs("validation")) == []
    assert checksum_of(struck.records) == whole.card.checksum
    again.exclude(())
    assert not any(r.excluded for r in Dataset.open(folder).records)


def test_the_list_of_the_contact_sheet_counts(tmp_path):
    folder = tmp_path / "set"
    write(folder)
    (folder / "exclude.csv").write_text("id\n00002\n../../etc\n", encoding="utf-8")
    read = Dataset.open(str(folder))
    assert [r.id for r in read.records if r.excluded] == ["00002"]
    # Once a choice is written to the index, the list has served.
    read.exclude({"00000"})
    assert [r.id for r in Dataset.open(str(folder)).records if r.excluded] == ["00000"]


@pytest.mark.parametrize(
    "text",
    ["id\n2\n77\n", '"id";"note"\r\n"2";"hazy"\r\n"77";""\r\n', "\ufeff00002\n00077\n", "id\t\n2\tx\n00077\t\n"],
)
def test_a_list_that_a_spreadsheet_saved_counts(tmp_path, text):
    folder = tmp_path / "set"
    write(folder)
    (folder / "exclude.csv").write_text(text, encoding="utf-8", newline="")
    read = Dataset.open(str(folder))
    assert [r.id for r in read.records if r.excluded] == ["00002"]
    assert read.unknown == ("00077",)
    assert read.warning.startswith("'exclude.csv' names 1 patches that the dataset does not have (00077).")
    assert read.exclude({"00000"}).warning == ""


def test_changed_arrays_are_noticed(tmp_path):
    found = write(tmp_path / "set")
    np.save(tmp_path / "set" / "low" / "00001.npy", np.full((1, 4, 6), 11, np.uint16))
    os.remove(tmp_path / "set" / "high" / "00002.npy")
    assert found.verify() == ["00001", "00002"]


@pytest.mark.parametrize(
    "file, text",
    [
        ("dataset.json", "{}"),
        ("dataset.json", "[1"),
        ("dataset.json", '{"format": "superres-dataset", "version": 99}'),
        ("dataset.json", '{"format": "superres-dataset", "version": 1, "inputs": 3}'),
        ("index.csv", "id,split\n../x,train\n"),
        ("index.csv", "id,split,place,source\n00000,tomorrow,p,s\n"),
        ("index.csv", "id,split,place,source\n00000,train,p,s\n00000,train,p,s\n"),
        ("index.csv", "id,split,place,source,col\n00000,train,p,s,seven\n"),
    ],
)
def test_damaged_datasets_are_refused_in_words(tmp_path, file, text):
    write(tmp_path / "set")
    (tmp_path / "set" / file).write_text(text, encoding="utf-8")
    with pytest.raises(DatasetUnreadable):
        Dataset.open(str(tmp_path / "set"))


def test_a_folder_without_dataset(tmp_path):
    with pytest.raises(DatasetUnreadable, match="no training dataset"):
        Dataset.open(str(tmp_path))


def test_pickled_arrays_are_refused(tmp_path):
    found = write(tmp_path / "set")
    np.save(tmp_path / "set" / "low" / "00000.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DatasetUnreadable):
        next(found.pairs("train"))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"scale": 3},
        {"inputs": ()},
        {"kind": "multi-image"},
        {"kind": "band-fusion"},
        {"inputs": (ArraySpec("../low", RED, 4, 6, "uint16"),)},
        {"target": ArraySpec("high", RED, 8, 12, "object")},
        {"target": ArraySpec("high", (), 8, 12, "uint16")},
    ],
)
def test_cards_that_make_no_sense_are_refused(changes):
    with pytest.raises(DatasetUnreadable):
        card_from_json(json.loads(json.dumps(card_to_json(card(**changes)))))


def test_band_fusion_has_inputs_of_their_own_size():
    inputs = (ArraySpec("low_10m", RED, 8, 12, "uint16"), ArraySpec("low_20m", RED * 2, 4, 6, "uint16"))
    fused = card(kind="band-fusion", inputs=inputs)
    assert card_from_json(json.loads(json.dumps(card_to_json(fused)))) == fused
