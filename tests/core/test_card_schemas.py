"""Cards against the schema of STAC's items and the MLM extension's own models, from packages; and the rules beyond."""

import copy
import glob
import json
import logging
import pathlib

import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card_file import MLM_SCHEMA, STAC_VERSION, card_to_item, read_card, write_card
from sr_plugin.core.catalogue import shipped_models
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import SuperResolutionError
from tests.core.test_mlm_cards import offences_of_mlm, offences_of_stac
from tests.small_checkpoints import CASES, checkpoint

pystac = pytest.importorskip("pystac", reason="pystac is not installed")
schema = pytest.importorskip("stac_model.schema", reason="stac-model is not installed")
stac_validator = pytest.importorskip("pystac.validation.stac_validator", reason="jsonschema is not installed")
pydantic = pytest.importorskip("pydantic")


def offences(item):
    """What the packages and the rules that they do not know find wrong with an item."""
    item = json.loads(json.dumps(item))
    found = []
    try:
        schema.MLModelProperties.model_validate(item["properties"])
    except pydantic.ValidationError as error:
        found += [f"MLM: {one['loc']} {one['msg']}" for one in error.errors()]
    # Its schema of items comes with the package; nothing is downloaded.
    logging.disable(logging.CRITICAL)
    try:
        stac_validator.JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, item["stac_version"])
    except pystac.STACValidationError as error:
        found.append(f"STAC: {error}")
    finally:
        logging.disable(logging.NOTSET)
    # The rules written out beside the other tests of cards expect that all fields are there.
    return found or offences_of_stac(item) + offences_of_mlm(item)


def items_of_files(project_dir):
    return {path: json.loads(pathlib.Path(path).read_text()) for path in glob.glob(f"{project_dir}/models/*.json")}


def test_the_declared_version_is_that_of_the_package():
    assert schema.SCHEMA_URI == MLM_SCHEMA
    assert STAC_VERSION == "1.1.0"


def test_shipped_cards_are_valid(project_dir):
    items = items_of_files(project_dir)
    assert len(items) >= 2
    for path, item in items.items():
        assert offences(item) == [], path
        assert item["stac_version"] == STAC_VERSION and MLM_SCHEMA in item["stac_extensions"]
    for card in shipped_models():
        assert offences(card_to_item(card, str(project_dir / "models"))) == []


@pytest.mark.parametrize("case", CASES)
def test_cards_of_every_family_are_valid_and_read_again(case, tmp_path):
    path = str(tmp_path / "m.safetensors")
    write_safetensors(path, checkpoint(case))
    card = card_from_checkpoint(path)
    write_card(card, str(tmp_path / "m.json"))
    assert offences(json.loads((tmp_path / "m.json").read_text())) == []
    again = read_card(str(tmp_path / "m.json"))
    for name in ("input_bands", "output_bands", "value_range", "tiles", "reach", "kind", "weights", "notes"):
        assert getattr(again, name) == getattr(card, name)
    assert dict(again.hyperparameters) == json.loads(json.dumps(dict(card.hyperparameters)))


def test_cards_of_published_weights_are_valid(shared_dir):
    folder = shared_dir / "weights"
    valid, refused = [], []
    for path in sorted(folder.rglob("*.p*")):
        try:
            card = card_from_checkpoint(str(path))
        except SuperResolutionError:
            refused.append(path)
            continue
        assert offences(card_to_item(card, str(path.parent))) == [], path
        valid.append(path)
    assert len(valid) >= 10
    assert {path.suffix for path in refused} <= {".pb"}
    for path in sorted(folder.rglob("*.json")):
        item = json.loads(path.read_text())
        if isinstance(item, dict) and "mlm:name" in item.get("properties", {}):
            assert offences(card_to_item(read_card(str(path)), str(path.parent))) == [], path


BREAKS = {
    "no architecture": lambda item: item["properties"].pop("mlm:architecture"),
    "unknown task": lambda item: item["properties"].update({"mlm:tasks": ["sharpening"]}),
    "output without a task": lambda item: item["properties"]["mlm:output"][0].pop("tasks"),
    "shape too short": lambda item: item["properties"]["mlm:input"][0]["input"]["shape"].pop(),
    "unknown type": lambda item: item["properties"]["mlm:input"][0]["input"].update(data_type="float33"),
    "name of a hyperparameter": lambda item: item["properties"]["mlm:hyperparameters"].update({"a b": 1}),
    "field that is not known": lambda item: item["properties"].update({"mlm:colour": 1}),
    "no model": lambda item: [asset.update(roles=["data"]) for asset in item["assets"].values()],
    "no type of the file": lambda item: item["assets"]["model"].pop("mlm:artifact_type"),
    "bands not described": lambda item: item["properties"].pop("eo:bands"),
    "no time": lambda item: item["properties"].pop("start_datetime"),
    "no box": lambda item: item.pop("bbox"),
    "link without a place": lambda item: item["links"].append({"rel": "self"}),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_is_wrong_is_found(case, project_dir):
    item = copy.deepcopy(next(iter(items_of_files(project_dir).values())))
    assert offences(item) == []
    BREAKS[case](item)
    assert offences(item)
