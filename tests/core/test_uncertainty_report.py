"""The part of the report that judges an uncertainty."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

from sr_plugin.core.uncertainty_figures import UncertaintyFigures
from sr_plugin.core.uncertainty_report import (
    calibration_svg,
    uncertainty_band_rows,
    uncertainty_html,
    uncertainty_rows,
    uncertainty_text,
)

TENTHS = tuple(float(n) for n in range(1, 11))
FIGURES = UncertaintyFigures(0.4321, (0.5, math.nan), TENTHS, tuple(3 * t for t in TENTHS), 0.27, (0.3, 0.2), 0.7, 999)


def test_the_outcome_in_words():
    text = uncertainty_text(FIGURES, "Out")
    assert "0.432" in text and "27 %" in text and "70 %" in text
    assert "nothing can be ranked" in uncertainty_text(replace(FIGURES, rank=math.nan), "Out")


def test_rows():
    rows = uncertainty_rows(FIGURES)
    assert rows[1] == ["0 to 10 % (most certain)", "1", "3"]
    assert rows[10] == ["90 to 100 % (least certain)", "10", "30"]
    assert uncertainty_band_rows(("Red", "Green"), FIGURES)[1:] == [
        ["Red", "0.500", "30 %"],
        ["Green", "", "20 %"],
        ["All bands", "0.432", "27 %"],
    ]


def test_the_curve_has_a_dot_for_each_tenth():
    drawn = ElementTree.fromstring(calibration_svg(FIGURES))
    dots = drawn.findall("{http://www.w3.org/2000/svg}circle")
    heights = [float(dot.get("cy")) for dot in dots]
    assert len(dots) == 10 and heights == sorted(heights, reverse=True) and heights[-1] == 0
    flat = replace(FIGURES, uncertainties=(0.0,) * 10, errors=(0.0,) * 10)
    assert "nan" not in calibration_svg(flat)


def test_the_section_is_honest_and_escaped():
    page = uncertainty_html(("<i>", "Green"), FIGURES, "<b>Out</b>")
    assert "<b>Out" not in page and "<i>" not in page and "&lt;i&gt;" in page
    assert "no proof" in page and "999 pixels" in page and "is 3 times the mean uncertainty" in page
