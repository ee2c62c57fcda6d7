"""Cards completed by what was measured, and the memory of it."""

import pytest

from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.description import (
    complete_card,
    needs_description,
    recalled_description,
    remember_description,
    unmeasured,
    with_unmeasured,
)
from sr_plugin.core.errors import ModelUnreadable

MEASURED = {
    "scale": 4,
    "input_bands": 4,
    "output_bands": 4,
    "reach": 21,
    "multiple_of": 8,
    "minimum": 16,
    "fixed": None,
    "notes": ["Measured."],
    "range": "byte",
}
CARD = ModelCard("m", "m", "onnx", 1, reach=None, weights=(WeightFile("m.onnx", "onnx", "a" * 64),), notes="Own.")


def test_everything_that_lacks_is_filled_in():
    card = complete_card(with_unmeasured(CARD, ("scale", "bands", "reach", "tiles", "range")), MEASURED)
    assert (card.scale, card.reach, len(card.input_bands), card.output_bands) == (4, 21, 4, ())
    assert card.tiles == TileConstraints(8, 16) and card.value_range.name == "byte" and card.notes == "Own. Measured."
    assert not needs_description(card) and "unmeasured" not in card.hyperparameters


def test_what_the_card_says_itself_is_kept():
    names = tuple(BandSpec(name) for name in "abcd")
    card = complete_card(with_unmeasured(CARD.__class__(**{**vars(CARD), "input_bands": names}), ("scale",)), MEASURED)
    assert card.input_bands == names and card.reach is None and card.value_range.name == "unit" and card.scale == 4


def test_a_contradiction_is_told():
    card = with_unmeasured(CARD.__class__(**{**vars(CARD), "scale": 2}), ("reach",))
    with pytest.raises(ModelUnreadable, match="enlarges by 4"):
        complete_card(card, MEASURED)


@pytest.mark.parametrize("change", [{"scale": "x"}, {"scale": 0}, {"reach": []}, {"multiple_of": None}, {"range": "?"}])
def test_garbage_is_refused(change):
    card = with_unmeasured(CARD, ("scale", "bands", "reach", "tiles", "range"))
    with pytest.raises(ModelUnreadable):
        complete_card(card, {**MEASURED, **change})


def test_descriptions_are_remembered_by_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    remember_description("ab12", MEASURED)
    assert recalled_description("ab12")["reach"] == 21
    assert recalled_description("ab13") is None and recalled_description("../ab12") is None
    path = tmp_path / "descriptions" / "ab12.json"
    for text in ("", "[]", '{"version": 0, "sha256": "ab12"}', '{"version": 1, "sha256": "other"}', "[" * 100000):
        path.write_text(text)
        assert recalled_description("ab12") is None


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "file"))
    remember_description("ab12", MEASURED)
    assert recalled_description("ab12") is None


def test_the_list_of_what_lacks():
    assert unmeasured(with_unmeasured(CARD, ("scale",))) == ["scale"]
    assert not needs_description(with_unmeasured(with_unmeasured(CARD, ("scale",)), ()))
