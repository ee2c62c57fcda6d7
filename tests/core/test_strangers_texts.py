"""Texts of strangers in reports: shown as they are, never taken for markup."""

from __future__ import annotations

from dataclasses import replace

from sr_plugin.core.card import BandSpec, ModelCard, WeightFile
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.model_page import refusal_html, report_html
from sr_plugin.core.model_report import model_record
from sr_plugin.core.value_range import ValueRange

WICKED = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"&"


def wicked_card() -> ModelCard:
    """A card with markup wherever a card has a text."""
    texts = dict.fromkeys(("name", "title", "licence", "source", "citation", "training_data", "notes"), WICKED)
    figures = {"psnr_bicubic": WICKED, "psnr_model": 30.0, WICKED: WICKED}
    return ModelCard(
        **texts,
        family=WICKED,
        scale=2,
        hyperparameters={WICKED: WICKED},
        input_bands=(BandSpec(WICKED, WICKED, 0.6),),
        output_bands=(BandSpec(WICKED + "2", WICKED),),
        value_range=ValueRange(WICKED, "dn"),
        weights=(WeightFile(f"/x/{WICKED.replace('/', '')}.onnx", "onnx", WICKED),),
        quality={"protocols": {WICKED: figures, f"mtf-{WICKED}": figures}},
    )


def no_markup(page: str) -> bool:
    return "<script" not in page and "<img" not in page and "alert(1)" in page


def test_the_page_about_a_model():
    record = model_record(wicked_card(), {"warning": WICKED, "skipped": WICKED}, [WICKED])
    page = report_html(record)
    assert no_markup(page) and page.count("&lt;script&gt;") > 10
    assert no_markup(report_html(model_record(replace(wicked_card(), kind=WICKED))))


def test_the_page_about_a_refused_model():
    assert no_markup(refusal_html(WICKED, ModelUnreadable(WICKED, WICKED)))
