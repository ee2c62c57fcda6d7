"""The report of a comparison of edges as a web page that needs no other file."""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

from sr_plugin.core.edges import EDGE_CLASSES, EdgeFigures, EdgeSettings, figure_rows
from sr_plugin.core.report_page import Panel, facts_html, legend_html, notes_html, page_html, panels_html, table_html

NEW_EDGES_NOTE = (
    "New edges are not in the input. A generative model may invent them; only a truth of finer resolution tells."
)
#: Colour of pixels without data in all pictures.
GAP_COLOUR = (200, 200, 200)


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


def legend_entries(gaps: bool) -> List[Tuple[Tuple[int, int, int], str]]:
    """Colours and titles of a legend, with that of pixels without data where there are any."""
    entries = [(item.colour[:3], item.title) for item in EDGE_CLASSES]
    return [*entries, (GAP_COLOUR, "no data")] if gaps else entries


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
    body = (
        f"{notes_html(notes)}{panels_html(panels, pictures, legend_html(legend_entries(gaps)))}"
        f"<h2>Figures</h2>{table_html(table)}<h2>How it was compared</h2>{facts_html(facts)}"
    )
    return page_html(title, body)
