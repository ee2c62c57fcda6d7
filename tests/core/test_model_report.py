"""The report on a model."""

import json

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.model_report import model_record, report_html, report_text, warnings_of

CARD = ModelCard(
    "m",
    "A <b>title</b>",
    "srvgg",
    4,
    input_bands=(BandSpec("B04", "red", 0.665), BandSpec("x")),
    gsd_m=(10.0, 10.0),
    reach=40,
    effective_reach=12,
    tiles=TileConstraints(8, 16),
    weights=(WeightFile("/f/m.pth", "checkpoint", "ab"),),
    generative=True,
    verified=False,
)


def test_everything_is_told():
    record = model_record(CARD, {"error": 0.012, "warning": "", "skipped": ""}, [])
    assert json.loads(json.dumps(record)) == record
    text = report_text(record)
    for words in ("x4", "B04 (red, 665 nm), x", "40 input pixels (12", "multiples of 8 pixels from 16", "10 m", "ab"):
        assert words in text
    assert "1.2 %" in text and "The raster fits" in text and len(warnings_of(record)) == 2


def test_warnings_come_last():
    record = model_record(CARD, {"error": 0.3, "warning": "Odd.", "skipped": ""}, ["Too coarse."])
    assert warnings_of(record)[-2:] == ["Odd.", "Too coarse."] and "fits" not in report_text(record)
    assert report_text(record).endswith("Warning: Too coarse.")


def test_the_page_trusts_no_card():
    page = report_html(model_record(CARD, None, ["<script>"]))
    assert "<script>" not in page and "A &lt;b&gt;title" in page and page.count("<h1>") == 1


def test_models_that_tell_little():
    text = report_text(model_record(builtin_card("bicubic:2")))
    assert "any number" in text and "x2" in text
    text = report_text(model_record(ModelCard("m", "m", "onnx", 1, reach=None, tiles=TileConstraints(fixed=(64, 96)))))
    assert "whole tile" in text and "only 64 x 96 pixels" in text
