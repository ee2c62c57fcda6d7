"""Pieces of a report as a web page that needs no other file; texts are escaped, since names come from strangers."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple

#: The look of the report on a model, and panels.
STYLE = (
    "body{font-family:sans-serif;margin:1em}h1{font-size:x-large;margin:0 0 0.5em}"
    "h2{font-size:large;margin:1em 0 0.3em}table{border-collapse:collapse}p{margin:0.3em 0}"
    "td,th{vertical-align:top;text-align:left;padding:2px 12px 2px 0}th{font-weight:normal}"
    ".note{background-color:#fff3cd;color:#4d3800;padding:8px}.facts th{width:9em;white-space:nowrap}"
    ".panels td{padding:4px 12px 8px 0}.panels img{width:340px;image-rendering:pixelated;border:1px solid #888}"
    ".panels td.legend{vertical-align:bottom;width:340px}"
    ".figures td,.figures th.number{text-align:right;padding-left:24px}.figures tr{border-bottom:1px solid #ddd}"
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


def table_html(rows: Sequence[Sequence[str]], bold: Sequence[Tuple[int, int]] = ()) -> str:
    """Rows of a table of figures, the first one as head.

    Args:
        rows: texts.
        bold: row and column of the entries to stress.
    """
    head = "".join(f'<th class="number">{html.escape(text)}</th>' for text in rows[0])

    def entry(row: int, column: int) -> str:
        text = html.escape(rows[row][column])
        return f"<td><b>{text}</b></td>" if (row, column) in bold else f"<td>{text}</td>"

    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>" + "".join(entry(number, n) for n in range(1, len(row))) + "</tr>"
        for number, row in enumerate(rows[1:], start=1)
    )
    return f'<table class="figures"><tr>{head}</tr>{body}</table>'


def picture_html(panel: Panel, pictures: Mapping[str, bytes]) -> str:
    """A PNG file under its title, inside the page."""
    data = base64.b64encode(pictures[panel.name]).decode("ascii")
    title = html.escape(panel.title)
    return f'<p>{title}</p><img alt="{title}" src="data:image/png;base64,{data}">'


def panels_html(panels: Sequence[Sequence[Panel]], pictures: Mapping[str, bytes], legend: str = "") -> str:
    """Rows of pictures; a panel without a name holds the legend."""
    rows = ""
    for row in panels:
        cells = [
            f"<td>{picture_html(panel, pictures)}</td>" if panel.name else f'<td class="legend">{legend}</td>'
            for panel in row
        ]
        rows += f"<tr>{''.join(cells)}</tr>"
    return f'<table class="panels">{rows}</table>'


def legend_html(entries: Sequence[Tuple[Tuple[int, int, int], str]]) -> str:
    """Colours (red, green, blue) with their meaning."""
    return "".join(
        '<p><span style="background-color:rgb({},{},{})">&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;</span> {}</p>'.format(
            *colour, html.escape(title)
        )
        for colour, title in entries
    )


def facts_html(facts: Sequence[Tuple[str, str]]) -> str:
    """Pairs of a label and a text."""
    told = "".join(f"<tr><th>{html.escape(label)}</th><td>{html.escape(text)}</td></tr>" for label, text in facts)
    return f'<table class="facts">{told}</table>'


def notes_html(notes: Sequence[str]) -> str:
    """Sentences that are to be read first."""
    return "".join(f'<p class="note"><b>Note:</b> {html.escape(sentence)}</p>' for sentence in notes)


def page_html(title: str, body: str, style: str = "") -> str:
    """The whole page.

    Args:
        title: its heading.
        body: markup.
        style: more rules.
    """
    heading = html.escape(title)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{heading}</title><style>{STYLE}{style}</style></head>'
        f"<body><h1>{heading}</h1>{body}</body></html>\n"
    )
