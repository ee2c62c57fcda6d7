"""Training datasets from anywhere: changed cards, indexes and arrays end in a dataset that is sound, or in words."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given

from sr_plugin.core.card import BandSpec
from sr_plugin.core.contact_sheet import contact_sheet_html
from sr_plugin.core.dataset import Dataset, PatchRecord
from sr_plugin.core.dataset_card import SPLITS, ArraySpec, DatasetCard, card_to_json
from sr_plugin.core.dataset_writer import DatasetWriter
from sr_plugin.core.errors import DatasetUnreadable
from tests.fuzz.effort import effort
from tests.fuzz.guard import guarded
from tests.fuzz.inputs import changed_bytes, changed_json

BANDS = (BandSpec("B04", "red", 0.665),)
CARD = DatasetCard(
    "x",
    "single-image",
    2,
    (ArraySpec("low", BANDS, 2, 2, "uint8"),),
    ArraySpec("high", BANDS, 4, 4, "uint8"),
    rejected={"cloud": 3},
    split={"rule": "by place"},
)
INDEX = (
    b"id,split,place,source,col,score,excluded\n00000,train,a,s.tif,3,0.5,\n00001,test,b,s.tif,4,,by hand\n"
    b"00002,validation,c,s.tif,5,nan,\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("datasets") / "set"
    with DatasetWriter(str(made), CARD) as writer:
        for split in SPLITS:
            arrays = {"low": np.ones((1, 2, 2), np.uint8), "high": np.ones((1, 4, 4), np.uint8)}
            writer.add(PatchRecord("", split, "p", "s.tif"), arrays)
        writer.finish()
    return made


def look(folder: pathlib.Path) -> None:
    """Everything that readers do; the dataset's own error is the only one."""
    with guarded():
        try:
            dataset = Dataset.open(str(folder))
            for split in SPLITS:
                for low, high, record in dataset.pairs(split):
                    assert low.shape == dataset.card.shape(dataset.card.low)
                    assert high.shape == dataset.card.shape(dataset.card.target)
                    assert record.id.isdigit() and low.dtype.kind in "iuf"
                    assert dataset.preview_path(record).startswith(str(folder))
            dataset.verify()
        except DatasetUnreadable:
            return
        page = contact_sheet_html(dataset.card, dataset.records, {}, 100, 50)
        assert page.count("<script>") == 1 and page.count("<figure") == len(dataset.records)


@given(text=changed_json(card_to_json(CARD)))
@effort(2)
def test_cards(folder: pathlib.Path, text: str) -> None:
    before = (folder / "dataset.json").read_bytes()
    try:
        (folder / "dataset.json").write_text(text, encoding="utf-8", errors="surrogatepass")
        look(folder)
    finally:
        (folder / "dataset.json").write_bytes(before)


@given(data=changed_bytes(INDEX))
@effort(2)
def test_indexes(folder: pathlib.Path, data: bytes) -> None:
    before = (folder / "index.csv").read_bytes()
    try:
        (folder / "index.csv").write_bytes(data)
        look(folder)
    finally:
        (folder / "index.csv").write_bytes(before)


@given(data=changed_bytes(INDEX))
@effort(1)
def test_lists_of_what_is_struck_out(folder: pathlib.Path, data: bytes) -> None:
    try:
        (folder / "exclude.csv").write_bytes(data)
        look(folder)
    finally:
        (folder / "exclude.csv").unlink()


def test_arrays(folder: pathlib.Path) -> None:
    path = folder / "low" / "00000.npy"
    before = path.read_bytes()

    @given(data=changed_bytes(before))
    @effort(2)
    def check(data: bytes) -> None:
        path.write_bytes(data)
        look(folder)

    try:
        check()
    finally:
        path.write_bytes(before)


def test_markup_in_a_dataset_stays_text(folder: pathlib.Path) -> None:
    values = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    values["name"] = values["split"]["rule"] = "<script>alert(1)</script>"
    before = (folder / "dataset.json").read_bytes()
    try:
        (folder / "dataset.json").write_text(json.dumps(values), encoding="utf-8")
        look(folder)
    finally:
        (folder / "dataset.json").write_bytes(before)
