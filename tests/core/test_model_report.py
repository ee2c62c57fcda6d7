"""The report on a model."""

import json

from sr_plugin.core.builtin import builtin_card
from sr_plugin.core.card import BandSpec, ModelCard, TileConstraints, WeightFile
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.model_page import refusal_html, report_html
from sr_plugin.core.model_report import model_record, report_text, warnings_of
from sr_plugin.core.value_range import VALUE_RANGES

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
    for words in (
        "x4",
        "B04 (red, 665 nm), x",
        "40 input pixels to each side, but hardly beyond 12",
        "multiples of 8 pixels from 16 pixels on",
        "10 m",
        "ab",
    ):
        assert words in text
    assert "Not told         licence, source, citation, training data" in text and "srvgg" in text
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


def test_values_as_they_are_fed():
    def told(name):
        text = report_text(model_record(ModelCard("m", "m", "srvgg", 2, value_range=VALUE_RANGES[name])))
        return next(line for line in text.splitlines() if line.startswith("Values"))

    assert told("unit").endswith("brightness from 0 to 1 (unit)")
    assert told("byte").endswith("fed as 0 to 255 (byte)")
    assert "reflectance, where 1 is 100 %, from 0 to 0.3, fed as -1 to 1" in told("s2-3000")
    assert "standardised for each band" in told("imagenet-signed")
    assert told("dn").endswith("numbers as in the file (dn)")


QUALITY = {
    "protocols": {
        "mtf-0.35": {"psnr_bicubic": 33.84, "psnr_model": 35.78, "gain": 1.94, "ssim_model": 0.896},
        "dsen2": {"psnr_bicubic": 30, "psnr_model": "<b>", "gain": -0.5},
        "other": "no figures",
    }
}


def test_the_page_shows_the_measured_quality():
    page = report_html(model_record(ModelCard("m", "m", "srvgg", 2, quality=QUALITY)))
    assert "sensor blur, MTF 0.35" in page and all(f">{text}<" in page for text in ("35.78", "+1.94", "-0.50", "0.896"))
    assert "<b>" not in page and "no figures" not in page
    for nothing in ({}, {"protocols": 3}, {"protocols": {"a": {}}}, {"mean": 2}):
        assert "How good" not in report_html(model_record(ModelCard("m", "m", "srvgg", 2, quality=nothing)))


def test_what_was_not_tried_is_no_praise():
    record = model_record(CARD, {"error": None, "warning": "", "skipped": "It shows <else>."})
    page = report_html(record)
    assert "<p>It was not tried on a test image. It shows &lt;else&gt;.</p>" in page
    assert "#e3f1e5" not in page and "not tried" in report_text(record)


def test_the_page_of_a_model_that_cannot_be_used():
    page = refusal_html("/models/<m>.pth", ModelUnreadable("It is <b>broken</b>.", "Download it again."))
    assert "It is &lt;b&gt;broken" in page and "Download it again." in page and "/models/&lt;m&gt;.pth" in page
