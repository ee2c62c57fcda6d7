"""The report of an evaluation as a web page, and the tables that it shares with the figure."""

from __future__ import annotations

import html
import math
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from sr_plugin.core.evaluation import Figures
from sr_plugin.core.evaluation_metrics import METRICS, Metric, metric_named
from sr_plugin.core.report_page import notes_html, page_html
from sr_plugin.core.spectral_indices import index_named

GENERATIVE_NOTE = (
    "PSNR and its like reward caution, sharpness rewards invention. Judge a generative model by improvement against "
    "hallucination, and by the edges that the truth has."
)
NO_TRUTH_NOTE = (
    "There was no truth: the figures tell how well each raster, brought back to the input's resolution, agrees with "
    "the input. Detail that is wrong but averages out is not seen by this."
)
#: Metrics of the table of all figures and of the short one of the figure, by what they need.
_SHORT = ("psnr", "ssim", "sam", "ergas", "edge_f1", "improvement", "hallucination", "reflectance")
_BAND_METRICS = ("psnr", "ssim", "ms_ssim", "uqi", "scc", "rmse", "mae", "bias", "reflectance")
#: Colours that colour-blind readers can tell apart (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_STYLE = (
    ".plots td{padding:4px 16px 8px 0}h3{font-size:medium;margin:0.8em 0 0.2em}.legend span{margin-right:14px}"
    ".figures{margin-bottom:0.8em}.figures th.number:first-child{text-align:left;padding-left:0;font-weight:bold}"
)
_PLOT_WIDTH, _PLOT_HEIGHT = 300, 110


def number_text(metric: Metric, value: float) -> str:
    """A figure as text; empty where it does not apply."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞"
    digits = {"psnr": "{:.2f}", "sam": "{:.3f}", "spectral": "{:.3f}", "shift": "{:.3f}", "ergas": "{:.3f}"}
    share = metric.key in ("ssim", "ms_ssim", "uqi", "scc", "edge_f1", "improvement", "omission", "hallucination")
    text = digits.get(metric.key, "{:.4f}" if share else "{:.4g}").format(value)
    return f"{text} {metric.unit}".strip()


def _applies(key: str, figures: Mapping[str, Figures]) -> bool:
    return any(not math.isnan(item.overall[key]) for item in figures.values())


def _head(metric: Metric) -> str:
    arrow = {"high": " ↑", "low": " ↓"}.get(metric.best, "")
    return metric.title + arrow


def metric_rows(
    ranking: Sequence[Tuple[str, float]], figures: Mapping[str, Figures], titles: Mapping[str, str], short: bool = False
) -> Tuple[List[List[str]], List[Tuple[int, int]]]:
    """A row for each metric that applies, a column for each candidate, the best of the ranking first.

    Returns:
        Rows with a head, and row and column of the best values.
    """
    names = [name for name, _ in ranking]
    rows = [["", *(titles[name] for name in names)]]
    bold = []
    for metric in METRICS:
        if not _applies(metric.key, figures) or (short and metric.key not in _SHORT):
            continue
        values = [figures[name].overall[metric.key] for name in names]
        rows.append([_head(metric), *(number_text(metric, value) for value in values)])
        known = [value for value in values if not math.isnan(value)]
        if metric.best and len(set(known)) > 1:
            best = max(known) if metric.best == "high" else min(known)
            bold += [(len(rows) - 1, column) for column, value in enumerate(values, start=1) if value == best]
    if not short:
        rows.append(["Mean place", *("" if math.isnan(place) else f"{place:.2f}" for _, place in ranking)])
    return rows, bold


def band_rows(bands: Sequence[str], figures: Figures) -> List[List[str]]:
    """A row for each band, a column for each metric that is told by band."""
    keys = [key for key in _BAND_METRICS if key in figures.per_band]
    rows = [["", *(metric_named(key).title for key in keys)]]
    for place, band in enumerate(bands):
        rows.append([band, *(number_text(metric_named(key), figures.per_band[key][place]) for key in keys)])
    return rows


def index_rows(names: Sequence[str], figures: Mapping[str, Figures], titles: Mapping[str, str]) -> List[List[str]]:
    """Mean absolute error and bias of each index, by candidate; only a head where there are none."""
    rows = [["Mean absolute error (bias)", *(titles[name] for name in names)]]
    for key in next(iter(figures.values())).indices:
        texts = []
        for name in names:
            found = figures[name].indices[key]
            known = not math.isnan(found["mae"])
            texts.append(f"{found['mae']:.4f} ({found['bias']:+.4f})" if known else "")
        rows.append([f"{index_named(key).title} = {index_named(key).formula}", *texts])
    return rows


def histogram_svg(counts: Mapping[str, np.ndarray], limits: Tuple[float, float], colours: Mapping[str, str]) -> str:
    """Histograms of one band as lines.

    Args:
        counts: ``(bins,)`` by raster.
        limits: value at the left end and at the right end.
        colours: by raster.
    """
    most = max((float(values.max()) for values in counts.values()), default=0.0) or 1.0
    lines = ""
    for name, values in counts.items():
        step = _PLOT_WIDTH / len(values)
        points = " ".join(
            f"{(place + 0.5) * step:.1f},{_PLOT_HEIGHT * (1 - value / most):.1f}" for place, value in enumerate(values)
        )
        dash = ' stroke-dasharray="5,3"' if name == "truth" else ""
        lines += f'<polyline fill="none" stroke="{colours[name]}" stroke-width="1.5"{dash} points="{points}"/>'
    axis = f'<line x1="0" x2="{_PLOT_WIDTH}" y1="{_PLOT_HEIGHT}" y2="{_PLOT_HEIGHT}" stroke="#888"/>'
    text = 'font-size="11" font-family="sans-serif" fill="#444"'
    ends = (
        f'<text x="0" y="{_PLOT_HEIGHT + 14}" {text}>{limits[0]:.4g}</text>'
        f'<text x="{_PLOT_WIDTH}" y="{_PLOT_HEIGHT + 14}" text-anchor="end" {text}>{limits[1]:.4g}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT + 18}" '
        f'viewBox="0 -2 {_PLOT_WIDTH} {_PLOT_HEIGHT + 20}">{axis}{lines}{ends}</svg>'
    )


def histograms_html(
    bands: Sequence[str],
    histograms: Mapping[str, np.ndarray],
    limits: Sequence[Tuple[float, float]],
    titles: Mapping[str, str],
) -> str:
    """A plot for each band with a legend above."""
    colours: Dict[str, str] = {}
    for name in histograms:
        colours[name] = "#000000" if name == "truth" else _COLOURS[len(colours) % len(_COLOURS)]
    legend = "".join(
        f'<span><b style="color:{colour}">▬</b> {html.escape(titles[name])}</span>' for name, colour in colours.items()
    )
    plots = ""
    for place, band in enumerate(bands):
        counts = {name: values[place] for name, values in histograms.items()}
        plots += f"<td><p>{html.escape(band)}</p>{histogram_svg(counts, limits[place], colours)}</td>"
        plots += "</tr><tr>" if place % 3 == 2 else ""
    return f'<p class="legend">{legend}</p><table class="plots"><tr>{plots}</tr></table>'


def definition_rows(figures: Mapping[str, Figures]) -> List[Tuple[str, str]]:
    """Definitions of the metrics that apply, and of the indices."""
    rows = [(metric.title, metric.definition) for metric in METRICS if _applies(metric.key, figures)]
    for key in next(iter(figures.values())).indices:
        rows.append((index_named(key).title, f"{index_named(key).formula} ({index_named(key).source})."))
    return rows


def evaluation_report_html(
    title: str,
    verdict: str,
    notes: Sequence[str],
    sections: Sequence[Tuple[str, str]],
) -> str:
    """The page.

    Args:
        title: heading.
        verdict: the outcome in a sentence or two.
        notes: sentences that are to be read first.
        sections: headings with their markup, already escaped.
    """
    body = f"<p><b>{html.escape(verdict)}</b></p>{notes_html(notes)}"
    body += "".join(f"<h2>{html.escape(heading)}</h2>{markup}" for heading, markup in sections)
    return page_html(title, body, _STYLE)


def verdict_text(
    ranking: Sequence[Tuple[str, float]], figures: Mapping[str, Figures], titles: Mapping[str, str], with_truth: bool
) -> str:
    """Who is best, and by how much it is better than bicubic."""
    best = ranking[0][0]
    counted = [
        metric
        for metric in METRICS
        if metric.ranked and all(not math.isnan(item.overall[metric.key]) for item in figures.values())
    ]
    if best == "bicubic":
        text = f"No result is {'better' if with_truth else 'nearer to the input'} than bicubic over all metrics."
        best = next((name for name, _ in ranking if name != "bicubic"), best)
    else:
        text = f"{'Best' if with_truth else 'Nearest to the input'}: {titles[best]}."
    better = 0
    for metric in counted:
        sign = 1 if metric.best == "high" else -1
        better += sign * figures[best].overall[metric.key] > sign * figures["bicubic"].overall[metric.key]
    gain = figures[best].overall["psnr"] - figures["bicubic"].overall["psnr"]
    told = f" {titles[best]} beats bicubic in {better} of {len(counted)} metrics"
    if math.isfinite(gain):
        told += f"; PSNR {gain:+.2f} dB"
    judge = "truth" if with_truth else "input"
    return f"{text}{told}. Judged by the {judge}."
