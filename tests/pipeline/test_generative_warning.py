"""A run with a generative model says what such a model may do."""

import pytest

pytestmark = pytest.mark.gdal


@pytest.mark.parametrize("model, told", [("s2-rgb-x4-gan", True), ("s2-rgbn-x4", False), ("bicubic:4", False)])
def test_only_a_generative_model_is_warned_of(run, make_raster, scene, recorder, model, told):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    names = ("B04", "B03", "B02", "B08")
    bands = 3 if told else 4
    path = make_raster(scene[:bands, :24, :24], descriptions=names[:bands])
    run(path, model, feedback=recorder)
    assert any("may invent detail" in text for text in recorder.warnings) == told
