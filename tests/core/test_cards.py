"""Model cards: on the wire, on disk, and found by name."""

import json
import os
from dataclasses import replace

import pytest

from sr_plugin.core import catalogue
from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import (
    BandSpec,
    ModelCard,
    PointSpread,
    TileConstraints,
    WeightFile,
    card_from_wire,
    card_to_wire,
)
from sr_plugin.core.card_file import card_to_item, read_card, write_card
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelNotFound, ModelUnreadable
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange


def example(folder, **changes):
    weight = folder / "m.safetensors"
    weight.write_bytes(b"weights")
    values = dict(
        name="m",
        title="A model",
        family="edsr-bicubic",
        scale=2,
        hyperparameters={"width": 48},
        input_bands=(BandSpec("B04", "red", 0.665), BandSpec("B03")),
        gsd_m=(9.0, 11.0),
        value_range=ValueRange("own", "reflectance", (2.0, 3.0), (0.0, 1.0), 0.5, 0.1, (0.0, 1.0)),
        reach=19,
        psf=PointSpread("gaussian", 0.3),
        tiles=TileConstraints(4, 8, (64, 128), 6),
        weights=(WeightFile(str(weight), "safetensors", sha256_of(str(weight))),),
        licence="CC0-1.0",
        quality={"psnr": 40.5},
        generative=True,
        verified=False,
        notes="Ümläute",
    )
    return ModelCard(**{**values, **changes})


def test_wire_form_is_json_and_complete(tmp_path):
    card = example(tmp_path)
    assert card_from_wire(json.loads(json.dumps(card_to_wire(card)))) == card


@pytest.mark.parametrize(
    "value_range",
    [
        VALUE_RANGES["unit"],
        VALUE_RANGES["imagenet-signed"],
        ValueRange("mine", "reflectance", (2.0,), (-1.0,), 127.5, 127.5, (0.0, 1.0), "uint8"),
        None,
    ],
)
def test_a_card_on_disk_says_the_same(tmp_path, value_range):
    card = example(tmp_path, **({"value_range": value_range} if value_range else {}))
    if value_range == VALUE_RANGES["imagenet-signed"]:
        card = replace(card, input_bands=(*card.input_bands, BandSpec("B02")))
    write_card(card, str(tmp_path / "m.json"))
    assert read_card(str(tmp_path / "m.json")) == card


def test_a_model_without_a_reach_or_bands(tmp_path):
    card = example(tmp_path, reach=None, input_bands=(), gsd_m=None, tiles=TileConstraints())
    write_card(card, str(tmp_path / "m.json"))
    assert read_card(str(tmp_path / "m.json")) == card


def test_the_card_is_a_stac_item_with_the_mlm_extension(tmp_path):
    item = card_to_item(example(tmp_path), str(tmp_path))
    assert item["type"] == "Feature" and "mlm/v1" in item["stac_extensions"][0]
    properties = item["properties"]
    assert properties["mlm:name"] == "model-m" and properties["mlm:input"][0]["input"]["shape"] == [-1, 2, -1, -1]
    assert item["assets"]["model"]["href"] == "m.safetensors"


@pytest.mark.parametrize("href", ["../outside.onnx", "/etc/passwd", "sub/../../x"])
def test_weights_outside_the_folder_are_refused(tmp_path, href):
    item = card_to_item(example(tmp_path), str(tmp_path))
    item["assets"]["model"]["href"] = href
    path = tmp_path / "card.json"
    path.write_text(json.dumps(item))
    with pytest.raises(ModelUnreadable, match="outside its own folder"):
        read_card(str(path))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"id": "x", "properties": {}}', '{"id": "x", "properties": 3}', "[" * 100000, "\x00"],
)
def test_files_that_are_no_cards(tmp_path, text):
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(ModelUnreadable):
        read_card(str(path))


@pytest.mark.parametrize("scale", [0, -2, 1000, "many"])
def test_impossible_scales_are_refused(tmp_path, scale):
    item = card_to_item(example(tmp_path), str(tmp_path))
    item["properties"]["sr:scale"] = scale
    path = tmp_path / "card.json"
    path.write_text(json.dumps(item))
    with pytest.raises(ModelUnreadable):
        read_card(str(path))


def test_builtin_models_by_name():
    card = builtin_card("Bicubic:4")
    assert card is not None and card.scale == 4 and card.any_bands and card.output_count(13) == 13
    assert builtin_card("s2-rgbn-x2") is None
    for wrong in ("bicubic", "nearest:", "nearest:x", "bicubic:0", "bicubic:99", "nearest:2.5"):
        with pytest.raises(ModelNotFound):
            builtin_card(wrong)


def test_installed_models_are_found_and_checked(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path))
    write_card(example(folder, name="mine"), str(folder / "mine.json"))
    (folder / "broken.json").write_text("{")
    assert [c.name for c in catalogue.installed_models()] == ["mine"]
    assert catalogue.find_model("mine").sha256 == sha256_of(str(folder / "m.safetensors"))
    (folder / "m.safetensors").write_bytes(b"other weights")
    with pytest.raises(ModelUnreadable, match="SHA-256"):
        catalogue.find_model("mine")
    os.remove(folder / "m.safetensors")
    with pytest.raises(ModelNotFound, match="missing"):
        catalogue.find_model("mine")


def test_a_card_beside_a_file_is_used(tmp_path):
    write_card(example(tmp_path), str(tmp_path / "m.json"))
    assert catalogue.find_model(str(tmp_path / "m.safetensors")).licence == "CC0-1.0"
    assert catalogue.find_model(str(tmp_path / "m.json")).name == "m"


@pytest.mark.parametrize("reference", ["", "  ", "no-such-model", "/no/such/file.pth", "."])
def test_models_that_are_not_there(reference):
    with pytest.raises(ModelNotFound) as caught:
        catalogue.find_model(reference)
    assert caught.value.hint
