"""Cards of ONNX files, from their headers alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.card import BandSpec, ModelCard, PointSpread, TileConstraints
from sr_plugin.core.description import needs_description, unmeasured
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.onnx_card import card_from_onnx
from sr_plugin.core.onnx_file import read_onnx_header
from sr_plugin.core.onnx_layout import onnx_image
from sr_plugin.core.onnx_metadata import copy_with_metadata, metadata_of_card
from sr_plugin.core.value_range import ValueRange

onnx = pytest.importorskip("onnx")


def save(path, in_shape, out_shape, metadata=(), inputs=1, element=1):
    helper = onnx.helper
    image = [helper.make_tensor_value_info(f"in{i}", element, in_shape) for i in range(inputs)]
    result = helper.make_tensor_value_info("out", element, out_shape)
    weight = helper.make_tensor("w", 1, [1], [1.0])
    graph = helper.make_graph([helper.make_node("Identity", ["in0"], ["out"])], "g", image, [result], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="test")
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, str(path))
    return str(path)


def test_header(tmp_path):
    header = read_onnx_header(save(tmp_path / "m.onnx", ["n", 4, "h", "w"], ["n", 4, "y", "x"], {"a": "b"}))
    assert header.inputs[0].name == "in0" and header.inputs[0].shape == (None, 4, None, None)
    assert header.opset == 17 and header.producer == "test" and header.metadata == {"a": "b"}


def test_fixed_sizes_tell_the_scale(tmp_path):
    card = card_from_onnx(save(tmp_path / "fixed.onnx", [1, 3, 64, 96], [1, 3, 256, 384]))
    assert card.scale == 4 and card.tiles.fixed == (64, 96) and card.name == "fixed"
    assert "scale" not in unmeasured(card) and "reach" in unmeasured(card)
    assert [b.name for b in card.input_bands] == ["red", "green", "blue"]


def test_metadata_tell_the_scale_and_the_reach(tmp_path):
    known = {"sr:scale": "2", "sr:receptive_field": "7", "sr:range": '"s2-10k"'}
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 4, "h", "w"], ["n", 4, "y", "x"], known))
    assert card.scale == 2 and card.reach == 7 and card.value_range.name == "s2-10k" and card.tiles.fixed is None
    assert not needs_description(card)


def test_what_the_file_does_not_tell_is_to_be_measured(tmp_path):
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 3, "h", "w"], ["n", 3, "y", "x"]))
    assert set(unmeasured(card)) == {"scale", "reach", "tiles", "range"} and card.reach is None
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", "c", "h", "w"], ["n", "c", "y", "x"]))
    assert "bands" in unmeasured(card)


def test_bands_last(tmp_path):
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 64, 64, 4], ["n", 128, 128, 4]))
    assert len(card.input_bands) == 4 and card.scale == 2 and card.tiles.fixed == (64, 64)
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", "h", "w", 3], ["n", "y", "x", 3]))
    assert len(card.input_bands) == 3 and card.tiles.fixed is None
    assert onnx_image([1, 3, 16, 16]).bands_last is False


def test_deepness_metadata(tmp_path):
    known = {
        "model_type": '"Superresolution"',
        "resolution": "60",
        "tile_size": "128",
        "standardization_mean": "[0.5, 0.4, 0.3]",
        "standardization_std": "[0.5, 0.25, 0.25]",
    }
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 3, "h", "w"], ["n", 3, "y", "x"], known))
    assert card.gsd_m == (0.6, 0.6) and card.training_tile == 128 and "range" not in unmeasured(card)
    assert card.value_range.quantity == "unit" and card.value_range.in_gain == (2.0, 4.0, 4.0)
    assert card.value_range.in_offset == pytest.approx((-1.0, -1.6, -1.2)) and card.value_range.out_gain == 1
    known = {"model_type": '"Segmentor"', "tiles_size": "256", "standardization_mean": "[0.0]"}
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 3, "h", "w"], ["n", 3, "y", "x"], known))
    assert "Segmentor" in card.notes and card.training_tile == 256 and card.value_range.name == "unit"


@pytest.mark.parametrize(
    "known",
    [
        {"standardization_mean": '"x"'},
        {"standardization_mean": "[1]", "standardization_std": "[0]"},
        {"sr:range": '"no such range"'},
        {"resolution": '"fine"'},
        {"sr:resolution_m": "[1, 2, 3]"},
    ],
)
def test_metadata_of_the_wrong_form(tmp_path, known):
    with pytest.raises(ModelUnreadable, match="metadata"):
        card_from_onnx(save(tmp_path / "m.onnx", ["n", 3, "h", "w"], ["n", 3, "y", "x"], known))


def test_an_evoland_recipe_beside_the_file(tmp_path):
    path = save(tmp_path / "carn.onnx", ["n", 4, "h", "w"], ["n", 4, "y", "x"])
    text = "# a comment\nmodel: carn.onnx\nbands:\n  - B2\n  - B3\n  - 'B4'\n  - B8\nfactor: 2.0\nmargin: 65\n"
    (tmp_path / "carn.yaml").write_text(text)
    card = card_from_onnx(path)
    assert [b.name for b in card.input_bands] == ["B02", "B03", "B04", "B08"] and card.input_bands[
        3
    ].common_name == "nir"
    assert card.scale == 2 and card.reach == 33 and card.value_range.name == "dn" and not needs_description(card)
    (tmp_path / "carn.yaml").write_text("bands: [B2, B3]\nfactor: 2\nmargin: 66\n")
    with pytest.raises(ModelUnreadable, match="2 are named"):
        card_from_onnx(path)
    (tmp_path / "carn.yaml").write_text("bands: [B2, B3, B4, B8]\nfactor: many\nmargin: 66\n")
    with pytest.raises(ModelUnreadable, match="factor or margin"):
        card_from_onnx(path)
    (tmp_path / "carn.yaml").write_text("something: else\n")
    assert needs_description(card_from_onnx(path))


def test_own_metadata_say_what_the_card_says(tmp_path):
    card = ModelCard(
        "m",
        "A title",
        "edsr_bicubic",
        2,
        input_bands=(BandSpec("B04", "red", 0.665), BandSpec("x")),
        gsd_m=(9.0, 11.0),
        value_range=ValueRange("own", "reflectance", (2.0, 3.0), (0.0, 1.0), 0.5, 0.1, (0.0, 1.0)),
        reach=None,
        training_tile=96,
        tiles=TileConstraints(4, 8, border=6),
        psf=PointSpread("gaussian", 0.2),
        licence="CC BY 4.0",
        generative=True,
        notes="Ümläute",
    )
    path = save(tmp_path / "m.onnx", ["n", 2, "h", "w"], ["n", 2, "y", "x"])
    copy_with_metadata(path, path, metadata_of_card(card), {})
    assert onnx.load(path).metadata_props
    found = card_from_onnx(path)
    for name in ("title", "input_bands", "gsd_m", "value_range", "reach", "training_tile", "tiles", "psf", "licence"):
        assert getattr(found, name) == getattr(card, name), name
    assert found.generative and found.notes == card.notes and not needs_description(found)


@pytest.mark.parametrize(
    "location, words", [("../w.data", "outside"), ("/etc/passwd", "outside"), ("w.data", "missing")]
)
@pytest.mark.parametrize("nested", [False, True])
def test_external_data(tmp_path, location, words, nested):
    helper = onnx.helper
    weight = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location=1)
    weight.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Identity", ["in0"], ["out"])]
    if nested:
        nodes.append(helper.make_node("Constant", [], ["c"], value=weight))
    shapes = [helper.make_tensor_value_info(name, 1, [1, 3, 8, 8]) for name in ("in0", "out")]
    graph = helper.make_graph(nodes, "g", shapes[:1], shapes[1:], [] if nested else [weight])
    path = tmp_path / "sub" / "m.onnx"
    path.parent.mkdir()
    path.write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelUnreadable, match=words):
        card_from_onnx(str(path))
    (tmp_path / "w.data").write_bytes(bytes(4))
    (tmp_path / "sub" / "w.data").write_bytes(bytes(4))
    if words == "missing":
        assert card_from_onnx(str(path)).scale == 1
        (tmp_path / "sub" / "w.data").unlink()
        (tmp_path / "sub" / "w.data").symlink_to(tmp_path / "w.data")
    with pytest.raises(ModelUnreadable, match="outside"):
        card_from_onnx(str(path))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([1, 4, 3, 32, 32], [1, 3, 64, 64]), "something else than one image"),
        (([1, 3], [1, 3]), "something else than one image"),
        (([1, 3, 8, 8], [1, 3, 16, 16], (), 2), "2 inputs"),
        (([1, 3, 8, 8], [1, 3, 16, 16], (), 1, 7), "something else than one image"),
    ],
)
def test_models_that_cannot_be_run(tmp_path, arguments, words):
    with pytest.raises(ModelUnreadable, match=words):
        card_from_onnx(save(tmp_path / "m.onnx", *arguments))


@given(st.binary(min_size=1, max_size=400))
@settings(max_examples=200)
def test_garbage_is_refused_in_words(tmp_path_factory, garbage):
    path = tmp_path_factory.mktemp("garbage") / "m.onnx"
    path.write_bytes(garbage)
    try:
        card_from_onnx(str(path))
    except ModelUnreadable:
        return
    pytest.fail("random bytes were taken for a model")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(ModelUnreadable):
        card_from_onnx(str(tmp_path / "m.onnx"))
