"""The report of an evaluation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sr_plugin.core.evaluation import Figures
from sr_plugin.core.evaluation_metrics import METRICS
from sr_plugin.core.evaluation_report import (
    band_rows,
    definition_rows,
    evaluation_report_html,
    histogram_svg,
    histograms_html,
    index_rows,
    metric_rows,
    number_text,
    verdict_text,
)

TITLES = {"bicubic": "Bicubic", "result": "Mine", "truth": "Truth"}


def figures(**overall):
    nothing = {metric.key: math.nan for metric in METRICS}
    indices = {"ndvi": {"mae": 0.0123, "bias": -0.001, "rmse": 0.02}}
    return Figures({**nothing, **overall}, {"psnr": (30.0, 31.0), "rmse": (3.0, 2.0)}, indices, 9)


FOUND = {"bicubic": figures(psnr=30.0, sam=2.0, bias=1.0), "result": figures(psnr=31.5, sam=2.5, bias=0.5)}
RANKING = [("result", 1.5), ("bicubic", 1.5)]


def test_the_best_values_are_bold_and_others_left_out():
    rows, bold = metric_rows(RANKING, FOUND, TITLES)
    assert [row[0] for row in rows] == ["", "PSNR ↑", "SAM ↓", "Bias", "Mean place"]
    assert rows[0] == ["", "Mine", "Bicubic"] and rows[1][1:] == ["31.50 dB", "30.00 dB"]
    assert bold == [(1, 1), (2, 2)]


def test_verdict():
    told = verdict_text(RANKING, FOUND, TITLES, True)
    assert told == "Best: Mine. Mine beats bicubic in 1 of 2 metrics; PSNR +1.50 dB. Judged by the truth."
    told = verdict_text(RANKING[::-1], FOUND, TITLES, False)
    assert told.startswith("No result is nearer to the input than bicubic") and told.endswith("Judged by the input.")


def test_tables_by_band_and_of_indices():
    assert band_rows(["B04", "B08"], FOUND["result"]) == [
        ["", "PSNR", "RMSE"],
        ["B04", "30.00 dB", "3"],
        ["B08", "31.00 dB", "2"],
    ]
    rows = index_rows(["result"], FOUND, TITLES)
    assert rows[1] == ["NDVI = (nir - red) / (nir + red)", "0.0123 (-0.0010)"]


def test_what_is_shown_is_defined():
    assert [label for label, _ in definition_rows(FOUND)] == ["PSNR", "SAM", "Bias", "NDVI"]


@pytest.mark.parametrize("value, text", [(math.inf, "∞"), (math.nan, ""), (33.333, "33.33 dB")])
def test_numbers(value, text):
    assert number_text(METRICS[0], value) == text


def test_histograms_have_the_height_of_their_counts():
    svg = histogram_svg({"truth": np.array([0, 5, 10, 5])}, (0.0, 4.0), {"truth": "#000000"})
    points = [tuple(map(float, pair.split(","))) for pair in svg.split('points="')[1].split('"')[0].split()]
    assert [y for _, y in points] == [110.0, 55.0, 0.0, 55.0]
    assert [x for x, _ in points] == [37.5, 112.5, 187.5, 262.5]


def test_strangers_cannot_write_into_the_page():
    counts = {"truth": np.zeros((1, 4), int)}
    markup = histograms_html(["<i>"], counts, [(0.0, 1.0)], {"truth": "<script>x</script>"})
    page = evaluation_report_html("<u>", "<s>", ["<q>"], [("<em>", markup)])
    for tag in ("<i>", "<script>", "<u>", "<s>", "<q>", "<em>"):
        assert tag not in page
