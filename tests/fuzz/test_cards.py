"""Model cards from strangers: a usable card or a plain error, whatever they say."""

from __future__ import annotations

import json
import math
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import KINDS, ModelCard, card_from_wire, card_to_wire
from sr_plugin.core.card_file import card_from_item, card_to_item, read_card
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.description import complete_card, unmeasured
from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.grid import Window
from sr_plugin.core.model_page import report_html
from sr_plugin.core.model_report import model_record, report_text
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.strict_json import parse_json
from sr_plugin.core.tiling import TilePlan
from tests.fuzz.effort import effort
from tests.fuzz.guard import guarded
from tests.fuzz.inputs import changed_documents, changed_json
from tests.small_checkpoints import checkpoint

PROJECT = pathlib.Path(__file__).resolve().parents[2]
OWN = json.loads((PROJECT / "models" / "s2-rgbn-x2.json").read_text(encoding="utf-8"))
ARRAYS = checkpoint("edsr_bicubic")
FOREIGN: dict[str, Any] = {
    "type": "Feature",
    "id": "foreign",
    "properties": {
        "gsd": 10,
        "mlm:name": "foreign",
        "mlm:hyperparameters": {"scale": 2, "blocks": 2},
        "mlm:input": [
            {
                "bands": ["B04", "B03", "B02", {"name": "B08"}],
                "input": {"shape": [-1, 4, 64, 64], "dim_order": ["batch", "bands", "height", "width"]},
                "value_scaling": [{"type": "z-score", "mean": 0.5, "stddev": 2.0}, {"type": "scale", "value": 3}],
            }
        ],
        "mlm:output": [{"bands": ["B04", "B03", "B02", "B08"], "result": {"shape": [-1, 4, 128, 128]}}],
        "eo:bands": [{"name": "B04", "common_name": "red", "center_wavelength": 0.665}],
    },
    "assets": {"model": {"href": "model.safetensors", "roles": ["mlm:model"]}},
}
DESCRIPTION: dict[str, Any] = {
    **{"scale": 2, "input_bands": 4, "output_bands": 4, "reach": 5, "multiple_of": 2, "minimum": 8, "fixed": [64, 64]},
    **{"training_tile": 64, "range": "unit", "title": "t", "citation": "c", "notes": ["n"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """A folder with the files that the cards name."""
    made = tmp_path_factory.mktemp("cards")
    write_safetensors(str(made / "model.safetensors"), ARRAYS)
    for asset in OWN["assets"].values():
        (made / asset["href"]).write_bytes(b"x")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def use(card: ModelCard) -> None:
    """What the program does with every card."""
    record = model_record(card)
    assert report_text(record)
    page = report_html(record)
    assert "<script" not in page and "onerror" not in page.replace("onerror=", "&")
    assert card_from_wire(json.loads(json.dumps(card_to_wire(card), allow_nan=False))) == card
    assert sha256_of_json(card_to_wire(card))
    assert card.kind in KINDS and 1 <= card.scale <= 64
    assert all(math.isfinite(v) and v for v in (*card.value_range.in_gain, card.value_range.out_gain))
    if card.input_bands:
        card.value_range.for_bands(len(card.input_bands))
    margin = min(card.reach or 0, 128)
    # A fixed size that the margins eat up is told when a run is prepared.
    if card.reach is not None and not (card.tiles.fixed and 2 * margin >= min(card.tiles.fixed)):
        raster = Window(0, 0, 300, 200)
        tile = TilePlan(raster, raster, 128, margin, card.tiles)[0]
        assert 0 < max(tile.padded_size) <= 1 << 15
    reduce_image(np.zeros((1, 4 * card.scale, 4 * card.scale), np.float32), card.scale, card.psf)


def check(path: pathlib.Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    root = path.resolve().parent
    with guarded():
        try:
            card = read_card(str(path))
        except SuperResolutionError as error:
            assert error.message and len(str(error)) < 1 << 20
            return
        use(card)
    for weight in card.weights:
        assert root in pathlib.Path(weight.path).parents, "a path left the card's folder"


def own_with(**changes: Any) -> str:
    return json.dumps({**OWN, "properties": {**OWN["properties"], **{f"sr:{k}": v for k, v in changes.items()}}})


@given(text=changed_json(OWN))
@example(text=own_with(reach=math.inf))
@example(text=own_with(reach=10**400))
@example(text=own_with(input_bands=[{"name": "B04", "wavelength_um": "red"}]))
@example(text=own_with(tiles={"multiple_of": 0}))
@example(text=own_with(training_tile=-1))
@example(text=own_with(psf={"kind": "cone"}))
@example(text=own_with(quality={"protocols": {"a": {"gain": 10**400}}}))
@effort()
def test_own_cards(folder: pathlib.Path, text: str) -> None:
    check(folder / "own.json", text)


@given(text=changed_json(FOREIGN))
@effort()
def test_cards_of_other_tools(folder: pathlib.Path, text: str) -> None:
    check(folder / "foreign.json", text)


@given(text=changed_json(OWN))
@effort(0.3)
def test_found_by_name(folder: pathlib.Path, text: str) -> None:
    path = folder / "found.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with guarded():
        try:
            use(find_model(str(path)))
        except SuperResolutionError:
            return


@given(item=changed_documents(OWN))
@effort(0.5)
def test_what_is_read_is_written_and_read_again(folder: pathlib.Path, item: Any) -> None:
    with guarded():
        try:
            read = parse_json(json.dumps(item))
            card = card_from_item(read if isinstance(read, dict) else {}, str(folder))
        except (SuperResolutionError, ValueError):
            return
        text = json.dumps(card_to_item(card, str(folder)))
        assert card_from_item(json.loads(text), str(folder)) == card


@given(description=changed_documents(DESCRIPTION))
@example(description={**DESCRIPTION, "input_bands": 2**31})
@example(description={**DESCRIPTION, "fixed": [64]})
@example(description={**DESCRIPTION, "reach": math.inf})
@effort()
def test_descriptions(folder: pathlib.Path, description: Any) -> None:
    card = card_from_item({**FOREIGN, "properties": {**FOREIGN["properties"], "mlm:hyperparameters": {}}}, str(folder))
    card = type(card)(
        **{**vars(card), "hyperparameters": {"unmeasured": ["scale", "bands", "reach", "tiles", "range"]}}
    )
    assert unmeasured(card)
    with guarded():
        try:
            use(complete_card(card, description if isinstance(description, dict) else {}))
        except SuperResolutionError:
            return


@pytest.mark.parametrize("case", ["edsr_bicubic", "rdn", "wdsr a", "carn", "espcn", "sen2sr", "vdsr_edsr"])
@given(data=st.data())
@effort(0.3)
def test_hyperparameters_of_a_card(case: str, data: st.DataObject) -> None:
    arrays = checkpoint(case)
    known = recognise(arrays).hyperparameters
    changed = data.draw(changed_documents(json.loads(json.dumps(known))))
    with guarded():
        try:
            recognise(arrays, changed if isinstance(changed, dict) else {})
        except SuperResolutionError:
            return
