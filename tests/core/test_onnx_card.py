"""Cards of ONNX files, from their headers alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.onnx_card import card_from_onnx
from sr_plugin.core.onnx_file import read_onnx_header

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
    assert [b.name for b in card.input_bands] == ["red", "green", "blue"]


def test_metadata_tell_the_scale_and_the_reach(tmp_path):
    known = {"sr:scale": "2", "sr:receptive_field": "7", "sr:range": '"s2-10k"'}
    card = card_from_onnx(save(tmp_path / "m.onnx", ["n", 4, "h", "w"], ["n", 4, "y", "x"], known))
    assert card.scale == 2 and card.reach == 7 and card.value_range.name == "s2-10k" and card.tiles.fixed is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((["n", 3, "h", "w"], ["n", 3, "y", "x"]), "scale factor"),
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
