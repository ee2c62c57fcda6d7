"""The algorithm ``superres:modelinfo`` through ``processing.run``."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.qgis


@pytest.fixture
def info(provider):
    """Runs the algorithm and returns its outputs."""
    import processing

    def call(model, feedback=None, **parameters):
        return processing.run("superres:modelinfo", {"MODEL": model, **parameters}, feedback=feedback)

    return call


def test_a_shipped_model(info, feedback, tmp_path, make_raster):
    import numpy as np

    raster = make_raster(np.full((4, 20, 20), 900, np.uint16), descriptions=("B04", "B03", "B02", "B08"))
    page = str(tmp_path / "report.html")
    outputs = info("s2-rgbn-x2", feedback, INPUT=raster, OUTPUT_HTML=page)
    record = json.loads(outputs["JSON"])
    assert outputs["SCALE"] == record["scale"] == 2 and outputs["REACH"] == record["reach"]
    assert record["match"] == [] and record["probe"]["error"] < 0.05
    with open(page, encoding="utf-8") as file:
        text = file.read()
    assert "B04 (red, 665 nm)" in text and "The raster fits the model." in text
    assert any("The raster fits the model." in line for line in feedback.infos)


def test_a_raster_that_does_not_fit(info, make_raster):
    import numpy as np

    raster = make_raster(np.full((2, 20, 20), 9, np.uint8))
    sentences = json.loads(info("s2-rgbn-x4", INPUT=raster)["JSON"])["match"]
    assert "needs 4 band(s)" in sentences[0]


def test_without_a_report_and_raster(info):
    outputs = info("nearest:3")
    assert outputs["SCALE"] == 3 and outputs["REACH"] == 0 and json.loads(outputs["JSON"])["match"] is None


@pytest.mark.parametrize("model, sentence", [("no-such-model", "There is no model"), (" ", "No model is chosen")])
def test_mistakes_are_told_in_words(info, model, sentence):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match=sentence):
        info(model)


def test_a_report_that_cannot_be_written(info, tmp_path):
    from qgis.core import QgsProcessingException

    with pytest.raises(QgsProcessingException, match="cannot be written"):
        info("nearest:2", OUTPUT_HTML=str(tmp_path / "no" / "folder" / "r.html"))


def test_the_page_of_a_damaged_file_says_why(info, tmp_path):
    from qgis.core import QgsProcessingException

    path, page = tmp_path / "m.pth", tmp_path / "r.html"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(QgsProcessingException, match="broken zip"):
        info(str(path), OUTPUT_HTML=str(page))
    assert "cannot be used" in page.read_text() and "broken zip" in page.read_text()
