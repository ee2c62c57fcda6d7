"""The report of a comparison of edges as a web page that needs no other file."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import List, Mapping, Sequence, Tuple

from sr_plugin.core.edges import EDGE_CLASSES, EdgeFigures, EdgeSettings, figure_rows

NEW_EDGES_NOTE = (
    "New edges are not in the input. A generative model may invent them; only a truth of finer resolution tells."
)
#: Colour of pixels without data in all pictures.
GAP_COLOUR = (200, 200, 200)
#: The look of the report on a model, and panels.
_STYLE = (
    "body{font-family:sans-serif;margin:1em}h1{font-size:x-large;margin:0 0 0.5em}"
    "h2{font-size:large;margin:1em 0 0.3em}table{border-collapse:collapse}p{margin:0.3em 0}"
    "td,th{vertical-align:top;text-align:left;padding:2px 12px 2px 0}th{font-weight:normal}"
    ".note{background-color:#fff3cd;color:#4d3800;padding:8px}.facts th{width:9em;white-space:nowrap}"
    ".panels td{padding:4px 12px 8px 0}.panels img{width:340px;image-rendering:pixelated;border:1px solid #888}"
    ".panels td.legend{vertical-align:bottom;width:340px}"
    ".figures td,.figures th.number{text-align:right;padding-left:24px}"
)


@dataclass(frozen=True)
class Panel:
    """One picture of a report.

    Attributes:
        name: of its array.
        title: above the picture.
    """

    name: str
    title: str


def table_head(with_truth: bool) -> Tuple[str, ...]:
    """Head of the table of figures."""
    return ("", "Input", "Result", "Truth") if with_truth else ("", "Input", "Result")


def table_rows(figures: EdgeFigures, with_truth: bool) -> List[Tuple[str, ...]]:
    """Head and rows of the table of figures."""
    head = table_head(with_truth)
    return [head] + [tuple(row[: len(head)]) for row in figure_rows(figures)]


def settings_rows(settings: EdgeSettings, facts: Sequence[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """What was compared and how, as pairs of a label and a text."""
    return list(facts) + [
        ("Method", {"canny": "Canny", "sobel": "Sobel gradient with hysteresis"}[settings.method]),
        ("Smoothing", f"sigma {settings.sigma:g} pixels"),
        ("Thresholds", f"{settings.low:.4g} and {settings.high:.4g} data units per pixel, the same for all rasters"),
        ("Tolerance", f"{settings.tolerance} pixel(s)"),
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table of figures, the first one as head."""
    head = "".join(f'<th class="number">{html.escape(text)}</th>' for text in rows[0])
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>" + "".join(f"<td>{html.escape(text)}</td>" for text in row[1:]) + "</tr>"
        for row in rows[1:]
    )
    return f'<table class="figures"><tr>{head}</tr>{body}</table>'


def legend_entries(gaps: bool) -> List[Tuple[Tuple[int, int, int], str]]:
    """Colours and titles of a legend, with that of pixels without data where there are any."""
    entries = [(item.colour[:3], item.title) for item in EDGE_CLASSES]
    return [*entries, (GAP_COLOUR, "no data")] if gaps else entries


def _legend(entries: Sequence[Tuple[Tuple[int, int, int], str]]) -> str:
    return "".join(
        '<p><span style="background-color:rgb({},{},{})">&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;</span> {}</p>'.format(
            *colour, html.escape(title)
        )
        for colour, title in entries
    )


def _picture(panel: Panel, pictures: Mapping[str, bytes], legend: str) -> str:
    if not panel.name:
        return f'<td class="legend">{legend}</td>'
    data = base64.b64encode(pictures[panel.name]).decode("ascii")
    title = html.escape(panel.title)
    return f'<td><p>{title}</p><img alt="{title}" src="data:image/png;base64,{data}"></td>'


def edge_report_html(
    title: str,
    panels: Sequence[Sequence[Panel]],
    pictures: Mapping[str, bytes],
    table: Sequence[Sequence[str]],
    facts: Sequence[Tuple[str, str]],
    notes: Sequence[str],
    gaps: bool = False,
) -> str:
    """The report as a page of its own; every text in it is escaped, since layer names come from strangers.

    Args:
        title: heading of the page.
        panels: rows of pictures.
        pictures: PNG files by the name of the panel.
        table: head and rows of figures.
        facts: what was compared and how.
        notes: sentences that are to be read first.
        gaps: whether the pictures show pixels without data.
    """
    legend = _legend(legend_entries(gaps))
    rows = "".join("<tr>" + "".join(_picture(panel, pictures, legend) for panel in row) + "</tr>" for row in panels)
    told = "".join(f"<tr><th>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>" for label, text in facts)
    remarks = "".join(f'<p class="note"><b>Note:</b> {html.escape(sentence)}</p>' for sentence in notes)
    heading = html.escape(title)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{heading}</title><style>{_STYLE}</style></head>'
        f'<body><h1>{heading}</h1>{remarks}<table class="panels">{rows}</table>'
        f'<h2>Figures</h2>{_table(table)}<h2>How it was compared</h2><table class="facts">{told}</table>'
        "</body></html>\n"
    )
