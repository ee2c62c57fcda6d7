"""The algorithm ``superres:exportmodel`` through ``processing.run``."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.qgis


@pytest.fixture
def export(provider, tmp_path):
    """Runs the algorithm and returns its outputs."""
    import processing

    def call(**parameters):
        values = {"MODEL": "s2-rgbn-x2", "FORMAT": "onnx", "OUTPUT": str(tmp_path / "o.onnx"), **parameters}
        return processing.run("superres:exportmodel", values)

    return call


def test_onnx_with_metadata(export, tmp_path):
    pytest.importorskip("torch")
    from sr_plugin.core.catalogue import find_model

    outputs = export()
    assert outputs["OUTPUT"] == outputs["FILES"] == str(tmp_path / "o.onnx")
    card, shipped = find_model(outputs["OUTPUT"]), find_model("s2-rgbn-x2")
    for name in ("scale", "reach", "input_bands", "value_range", "gsd_m", "licence"):
        assert getattr(card, name) == getattr(shipped, name)


def test_safetensors_with_a_card(export, tmp_path):
    from sr_plugin.core.catalogue import find_model

    outputs = export(FORMAT="safetensors", OUTPUT=str(tmp_path / "o.safetensors"))
    assert [os.path.basename(path) for path in outputs["FILES"].splitlines()] == ["o.safetensors", "o.json"]
    assert find_model(outputs["OUTPUT"]).title == find_model("s2-rgbn-x2").title


def test_models_of_several_inputs_are_no_onnx(export, tmp_path):
    from qgis.core import QgsProcessingException

    from sr_plugin.core.checkpoint.safetensors import write_safetensors
    from tests.small_checkpoints import checkpoint

    path = str(tmp_path / "fusion.safetensors")
    write_safetensors(path, checkpoint("dsen2"))
    with pytest.raises(QgsProcessingException, match="bands of several pixel sizes.*Export it to safetensors"):
        export(MODEL=path)
    outputs = export(MODEL=path, FORMAT="safetensors", OUTPUT=str(tmp_path / "o.safetensors"))
    assert os.path.isfile(outputs["OUTPUT"])


@pytest.mark.parametrize(
    "parameters, sentence",
    [
        ({"MODEL": "no-such-model"}, "There is no model"),
        ({"MODEL": ""}, "No model is chosen|MODEL|Model"),
        ({"MODEL": "bicubic:2"}, "no network to export"),
        ({"FORMAT": "safetensors"}, "must end in .safetensors"),
    ],
)
def test_mistakes_are_told_in_words(export, parameters, sentence):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match=sentence):
        export(**parameters)
