"""The part of the report of an evaluation that judges the uncertainty of the first result."""

from __future__ import annotations

import html
import math
from typing import List, Sequence

from sr_plugin.core.report_page import table_html
from sr_plugin.core.uncertainty_figures import GROUPS, UncertaintyFigures

UNCERTAINTY_NOTE = (
    "A low uncertainty is no proof that a pixel is right: it only says that the model makes the same of the scene when "
    "it is turned, and a model can make the same mistake eight times. It is a spread, not an error bar: read off the "
    "table how large the errors are where it is low."
)
_BESIDE = "display:inline-block;vertical-align:top;margin-right:32px"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 300, 160, 56, 34


def _number(value: float, pattern: str) -> str:
    return "" if math.isnan(value) else pattern.format(value)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.0f} %"


def uncertainty_text(figures: UncertaintyFigures, title: str) -> str:
    """The outcome in words.

    Args:
        figures: what was measured.
        title: name of the result that the uncertainty belongs to.
    """
    if math.isnan(figures.rank):
        return f"The uncertainty or the error of {title} is the same everywhere, so nothing can be ranked."
    text = (
        f"Rank correlation of uncertainty and absolute error of {title}: {figures.rank:.3f} (Spearman; 1: the less "
        "certain a pixel, the larger its error; 0: the uncertainty tells nothing of the error)."
    )
    if math.isnan(figures.share):
        return text
    return (
        f"{text} The least certain 10 % of the pixels hold {_percent(figures.share)} of the squared error; by chance "
        f"they would hold 10 %, and the 10 % with the largest errors hold {_percent(figures.best_share)}."
    )


def uncertainty_rows(figures: UncertaintyFigures) -> List[List[str]]:
    """A row for each tenth of the pixels with its mean uncertainty and error."""
    rows = [["Pixels by uncertainty", "Mean uncertainty", "Mean absolute error"]]
    for place, (level, error) in enumerate(zip(figures.uncertainties, figures.errors)):
        name = f"{place * 100 // GROUPS} to {(place + 1) * 100 // GROUPS} %"
        name += {0: " (most certain)", GROUPS - 1: " (least certain)"}.get(place, "")
        rows.append([name, f"{level:.4g}", f"{error:.4g}"])
    return rows


def uncertainty_band_rows(bands: Sequence[str], figures: UncertaintyFigures) -> List[List[str]]:
    """A row for each band, and one for the whole."""
    rows = [["", "Rank correlation", "Squared error in the least certain 10 %"]]
    found = [*zip(bands, figures.band_ranks, figures.band_shares), ("All bands", figures.rank, figures.share)]
    return rows + [[name, _number(rank, "{:.3f}"), _percent(share)] for name, rank, share in found]


def calibration_svg(figures: UncertaintyFigures) -> str:
    """Mean absolute error over mean uncertainty, a dot for each tenth of the pixels; both axes begin at 0."""
    most_x, most_y = (max(values) or 1.0 for values in (figures.uncertainties, figures.errors))
    places = [
        (_LEFT + _WIDTH * level / most_x, _HEIGHT * (1 - error / most_y))
        for level, error in zip(figures.uncertainties, figures.errors)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#0072b2"/>' for x, y in places)
    text = 'font-size="11" font-family="sans-serif" fill="#444"'
    right, middle = _LEFT + _WIDTH, _LEFT + _WIDTH / 2
    axes = f'<path d="M{_LEFT},0V{_HEIGHT}H{right}" fill="none" stroke="#888"/>'
    labels = (
        f'<text x="{_LEFT - 4}" y="9" text-anchor="end" {text}>{most_y:.3g}</text>'
        f'<text x="{_LEFT - 4}" y="{_HEIGHT}" text-anchor="end" {text}>0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT + 14}" {text}>0</text>'
        f'<text x="{right}" y="{_HEIGHT + 14}" text-anchor="end" {text}>{most_x:.3g}</text>'
        f'<text x="{middle}" y="{_HEIGHT + 28}" text-anchor="middle" {text}>Mean uncertainty</text>'
        f'<text x="12" y="{_HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 12 {_HEIGHT / 2})" {text}>'
        "Mean absolute error</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{right + 8}" height="{_HEIGHT + _BOTTOM + 6}" '
        f'viewBox="0 -6 {right + 8} {_HEIGHT + _BOTTOM + 6}">{axes}'
        f'<polyline fill="none" stroke="#0072b2" stroke-width="1.5" points="{line}"/>{dots}{labels}</svg>'
    )


def uncertainty_html(bands: Sequence[str], figures: UncertaintyFigures, title: str) -> str:
    """The section: what was found, what it does not say, tables and curve."""
    sample = (
        f"On a sample of {figures.pixels} pixels. Each band has its own tenths; figures of all bands are means over "
        "the bands, squared errors are summed. Uncertainty and error are in units of the values."
    )
    level, error = sum(figures.uncertainties), sum(figures.errors)
    if level > 0:
        sample += (
            f" The mean absolute error is {error / level:.2g} times the mean uncertainty; were the uncertainty the "
            "standard deviation of a normally distributed error, it would be 0.8 times."
        )
    return (
        f"<p><b>{html.escape(uncertainty_text(figures, title))}</b></p>"
        f'<p class="note">{html.escape(UNCERTAINTY_NOTE)}</p><p>{html.escape(sample)}</p>'
        f"{table_html(uncertainty_band_rows(bands, figures))}"
        f'<div style="{_BESIDE}">{table_html(uncertainty_rows(figures))}</div>'
        f'<div style="{_BESIDE}">{calibration_svg(figures)}</div>'
    )
