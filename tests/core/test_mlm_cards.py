"""Cards as STAC items: what the schemas of STAC 1.1 and of its MLM extension ask for, and items of other tools.

The schema itself is not copied; its requirements that concern a model with one image in and one out are written here.
Source: https://stac-extensions.github.io/mlm (JSON schema of the extension, Apache-2.0).
"""

import json
import re

import numpy as np
import pytest

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.card_file import card_to_item, read_card, write_card
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.description import unmeasured
from sr_plugin.core.errors import ModelUnreadable

_ITEM_FIELDS = {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output", "mlm:hyperparameters"}
_ASSET_ONLY = {"mlm:artifact_type", "mlm:compile_method", "mlm:entrypoint"}
_TASKS = {"super-resolution"}
_DATA_TYPES = {"uint8", "uint16", "int16", "float16", "float32", "float64"}
_COMMON = set(
    "coastal blue green red rededge yellow pan nir nir08 nir09 cirrus swir16 swir22 lwir lwir11 lwir12".split()
)


def offences_of_stac(item):
    """What STAC 1.1 finds wrong with an item."""
    p = item["properties"]
    found = []
    found += [] if item["type"] == "Feature" and item["stac_version"] == "1.1.0" else ["type or version"]
    found += [] if isinstance(item["id"], str) and item["id"] else ["id"]
    found += [] if item["geometry"]["type"] == "Polygon" and len(item["bbox"]) == 4 else ["geometry"]
    found += [] if isinstance(item["links"], list) and item["assets"] else ["links or assets"]
    times = [p.get("start_datetime"), p.get("end_datetime")]
    stamp = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    found += [] if p["datetime"] is None and all(stamp.match(str(t)) for t in times) else ["datetime"]
    found += [] if re.match(r"^[\w\-.+]+$", p["license"]) else ["license"]
    for asset in item["assets"].values():
        found += [] if asset["href"] and isinstance(asset["roles"], list) else ["asset"]
        checksum = asset.get("file:checksum", "00")
        found += [] if re.match(r"^[a-f0-9]+$", checksum) else ["checksum"]
    return found


def offences_of_mlm(item):
    """What the MLM extension finds wrong with an item."""
    p = item["properties"]
    mlm = {key for key in p if key.startswith("mlm:")}
    found = [f"field {key}" for key in mlm - _ITEM_FIELDS] + [f"asset field {key}" for key in mlm & _ASSET_ONLY]
    found += [f"no {key}" for key in _ITEM_FIELDS - {"mlm:hyperparameters"} - mlm]
    found += [] if re.match(r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$", p["mlm:name"]) else ["name"]
    found += [] if set(p["mlm:tasks"]) <= _TASKS else ["tasks"]
    given = p.get("mlm:hyperparameters", {"x": 1})
    found += [] if given and all(re.match(r"^[0-9a-zA-Z_.-]+$", key) for key in given) else ["hyperparameters"]
    for entry in p["mlm:input"]:
        found += _offences_of_array(entry, entry["input"])
    for entry in p["mlm:output"]:
        found += _offences_of_array(entry, entry["result"])
        found += [] if set(entry["tasks"]) <= _TASKS else ["output tasks"]
    if any(entry.get("bands") for entry in p["mlm:input"] + p["mlm:output"]):
        eo = any(re.match(r".*/eo/v1(\.[0-9]+){2}/schema\.json", name) for name in item["stac_extensions"])
        found += [] if eo and p.get("eo:bands") else ["bands are named but not described"]
    found += [f"common name {b}" for b in p.get("eo:bands", []) if b.get("common_name", "red") not in _COMMON]
    models = [a for a in item["assets"].values() if "mlm:model" in a["roles"]]
    found += [] if models and all(a.get("mlm:artifact_type") for a in models) else ["model asset"]
    return found


def _offences_of_array(entry, array):
    named = "bands" in array["dim_order"]
    found = [] if bool(entry.get("bands")) == named else ["bands without their dimension, or the other way round"]
    found += [] if all(re.match(r"^[a-z-_]+$", d) for d in array["dim_order"]) else ["dim_order"]
    found += [] if len(set(array["dim_order"])) == len(array["shape"]) == 4 else ["shape"]
    found += [] if all(isinstance(n, int) and n >= -1 for n in array["shape"]) else ["shape"]
    return found + ([] if array["data_type"] in _DATA_TYPES and entry["name"] else ["data_type or name"])


def card(folder, **changes):
    (folder / "m.safetensors").write_bytes(b"weights")
    values = dict(
        name="m",
        title="A model",
        family="edsr_bicubic",
        scale=2,
        input_bands=(BandSpec("B04", "red", 0.665), BandSpec("B05", "rededge071", 0.705), BandSpec("own")),
        weights=(WeightFile(str(folder / "m.safetensors"), "safetensors", "ab" * 32),),
        licence="CC BY 4.0",
    )
    return ModelCard(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "4x-Über model!", "input_bands": (), "licence": ""},
        {"hyperparameters": {"width": 48}, "output_bands": (BandSpec("B11", "swir16", 1.61),)},
        {"weights": None, "tiles": TileConstraints(4, 8, (64, 64))},
    ],
)
def test_our_cards_are_valid(tmp_path, changes):
    if "weights" in changes:
        changes = {**changes, "weights": (WeightFile(str(tmp_path / "m.onnx"), "onnx"),)}
    made = card(tmp_path, **changes)
    item = json.loads(json.dumps(card_to_item(made, str(tmp_path))))
    assert offences_of_stac(item) == [] and offences_of_mlm(item) == []
    write_card(made, str(tmp_path / "m.json"))
    assert read_card(str(tmp_path / "m.json")) == made


def test_older_cards_are_still_read(tmp_path):
    made = card(tmp_path)
    item = card_to_item(made, str(tmp_path))
    older = {**item, "stac_version": "1.0.0"}
    older["stac_extensions"] = [name.replace("mlm/v1.5.1", "mlm/v1.4.0") for name in item["stac_extensions"]]
    assert older["stac_extensions"] != item["stac_extensions"]
    assert read_item(tmp_path, older) == made


def foreign(href, **changes):
    image = {"shape": [-1, 4, 64, 64], "dim_order": ["batch", "bands", "height", "width"], "data_type": "float32"}
    larger = {**image, "shape": [-1, 4, 256, 256]}
    properties = {
        "datetime": None,
        "title": "Somebody's model",
        "license": "MIT",
        "gsd": 10,
        "mlm:name": "Somebody's model",
        "mlm:architecture": "EDSR",
        "mlm:tasks": ["super-resolution"],
        "mlm:input": [{"name": "i", "bands": ["red", {"name": "green"}, "B02", "nir"], "input": image}],
        "mlm:output": [{"name": "o", "tasks": ["super-resolution"], "result": larger}],
        "eo:bands": [{"name": "red", "common_name": "red", "center_wavelength": 0.66}],
        **changes,
    }
    asset = {"href": href, "roles": ["mlm:model"], "mlm:artifact_type": "torch.save"}
    return {"type": "Feature", "id": "foreign", "properties": properties, "assets": {"weights": asset}}


@pytest.fixture
def onnx_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    shapes = [helper.make_tensor_value_info("i", 1, ["n", 4, "h", "w"])]
    shapes += [helper.make_tensor_value_info("o", 1, ["n", 4, "y", "x"])]
    graph = helper.make_graph([helper.make_node("Identity", ["i"], ["o"])], "g", shapes[:1], shapes[1:])
    onnx.save(helper.make_model(graph), str(tmp_path / "w.onnx"))
    return tmp_path


def read_item(folder, item):
    (folder / "card.json").write_text(json.dumps(item))
    return read_card(str(folder / "card.json"))


def test_an_onnx_model_of_another_tool(onnx_file):
    scaling = [{"type": "offset", "value": 1000}, {"type": "scale", "value": 10000}]
    item = foreign("https://example.org/models/w.onnx")
    item["properties"]["mlm:input"][0]["value_scaling"] = scaling
    found = read_item(onnx_file, item)
    assert found.name == "foreign" and found.licence == "MIT" and found.gsd_m == (10, 10) and found.scale == 4
    assert [b.name for b in found.input_bands] == ["red", "green", "B02", "nir"]
    assert found.input_bands[0].wavelength_um == 0.66 and found.input_bands[2].common_name == "blue"
    assert found.value_range.quantity == "dn"
    gain, offset = found.value_range.in_gain[0], found.value_range.in_offset[0]
    assert 3000 * gain + offset == pytest.approx(0.2)
    assert 0.2 * found.value_range.out_gain + found.value_range.out_offset == pytest.approx(3000)
    assert set(unmeasured(found)) == {"reach", "tiles"}


@pytest.mark.parametrize(
    "scaling, low, high",
    [
        ([{"type": "min-max", "minimum": 100, "maximum": 300}], 0, 1),
        ([{"type": "z-score", "mean": 200, "stddev": 100}], -1, 1),
        ([{"type": "z-score", "mean": 200, "stddev": 100}] * 4, -1, 1),
        ([{"type": "clip", "minimum": 0, "maximum": 1}, {"type": "scale", "value": 100}], 1, 3),
    ],
)
def test_scalings(onnx_file, scaling, low, high):
    item = foreign("w.onnx")
    item["properties"]["mlm:input"][0]["value_scaling"] = scaling
    found = read_item(onnx_file, item).value_range.for_bands(4)
    assert np.asarray(found.in_gain) * 100 + found.in_offset == pytest.approx([low] * 4)
    assert np.asarray(found.in_gain) * 300 + found.in_offset == pytest.approx([high] * 4)


def test_a_checkpoint_of_another_tool_is_recognised_by_its_tensors(tmp_path):
    from sr_plugin.core.architectures.edsr_bicubic import EdsrBicubic

    shapes = EdsrBicubic().expected_shapes(dict(in_bands=4, out_bands=4, width=8, blocks=1, scale=4))
    write_safetensors(str(tmp_path / "w.safetensors"), {k: np.zeros(v, np.float32) for k, v in shapes.items()})
    found = read_item(tmp_path, foreign("w.safetensors"))
    assert (found.family, found.scale, found.input_bands[0].name) == ("edsr_bicubic", 4, "red")
    assert found.reach and not unmeasured(found)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"href": "../w.onnx"}, "outside"),
        ({"href": "https://example.org/no.onnx"}, "Download"),
        ({"href": "w.h5"}, "no model file"),
        ({"mlm:input": []}, "more than one image"),
        ({"mlm:input": 3}, "wrong form"),
        ({"mlm:output": [{}]}, "wrong form"),
    ],
)
def test_items_that_cannot_come_in(onnx_file, change, words):
    change = dict(change)
    item = foreign(change.pop("href", "w.onnx"), **change)
    with pytest.raises(ModelUnreadable, match=words):
        read_item(onnx_file, item)
