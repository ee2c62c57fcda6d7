"""A picture of panels in the manner of a paper, drawn by matplotlib without a display."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.core.protocol import NamedArray

_DPI = 300
#: Inches: side of a panel, height of its title, gap, width of the rim.
_PANEL, _TITLE, _GAP, _RIM = 2.2, 0.24, 0.1, 0.12
#: Inches per line of the legend, the table and the note; width of a colour swatch with its gap.
_LEGEND_LINE, _TABLE_LINE, _NOTE_LINE, _SWATCH = 0.16, 0.2, 0.16, 0.3
#: Letters of small print that fit into an inch.
_LEGEND_LETTERS, _NOTE_LETTERS = 19, 21
_FONT, _SMALL = 8.0, 7.0
_GREY = "#444444"


def draw_figure(arrays: Sequence[NamedArray], description: Mapping[str, Any]) -> bytes:
    """Draw a figure; see :meth:`sr_plugin.core.session.ModelSession.figure`.

    Raises:
        RuntimeMissing: when matplotlib is not installed.
        ParameterError: when there is no panel.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RuntimeMissing(
            f"The figure needs the package matplotlib, which the worker's Python does not have ({error}).",
            "Create it with: python -m sr_plugin environment --create light",
        ) from error
    images = {item.name: item.data for item in arrays}
    rows: Sequence[Sequence[Mapping[str, str]]] = description["panels"]
    if not rows or not images:
        raise ParameterError("A figure needs at least one panel.")
    columns = max(len(row) for row in rows)
    size = _panel_size(next(iter(images.values())))
    table, note = description["table"], _wrapped(description["note"], _NOTE_LETTERS * columns * size[0])
    below = _TABLE_LINE * len(table) + _NOTE_LINE * len(note) + 2 * _GAP
    total = (
        2 * _RIM + columns * size[0] + (columns - 1) * _GAP,
        2 * _RIM + (0.3 if description["title"] else 0.0) + len(rows) * (size[1] + _TITLE) + below,
    )
    sheet = _Sheet(Figure(figsize=total, dpi=_DPI, facecolor="white"), total)
    if description["title"]:
        sheet.text(_RIM, 0.2, description["title"], size=_FONT + 1, weight="bold")
        sheet.down(0.3)
    for row in rows:
        for number, panel in enumerate(row):
            left = _RIM + number * (size[0] + _GAP)
            if panel["array"]:
                sheet.panel(left, size, panel["title"], images[panel["array"]])
            else:
                sheet.legend(left, size, description["legend"])
        sheet.down(size[1] + _TITLE)
    sheet.down(_GAP)
    sheet.table(table)
    sheet.down(_GAP / 2)
    for line in note:
        sheet.text(_RIM, 0.13, line, size=_SMALL, color=_GREY)
        sheet.down(_NOTE_LINE)
    stream = io.BytesIO()
    FigureCanvasAgg(sheet.figure).print_png(stream)
    return stream.getvalue()


def _panel_size(image: np.ndarray) -> tuple[float, float]:
    """Width and height of a panel in inches: the proportions of the image, the longer side at full length."""
    height, width = image.shape[:2]
    return _PANEL * min(1.0, width / height), _PANEL * min(1.0, height / width)


def _wrapped(text: str, letters: float) -> list[str]:
    return textwrap.wrap(text, max(8, int(letters)))


class _Sheet:
    """A figure that is filled from top to bottom in inches."""

    def __init__(self, figure: Any, total: tuple[float, float]) -> None:
        self.figure = figure
        self._width, self._height = total
        self._top = _RIM

    def down(self, inches: float) -> None:
        """Go on further down."""
        self._top += inches

    def text(self, left: float, base: float, text: str, **look: Any) -> None:
        """A line of text whose base lies ``base`` below the current position."""
        look.setdefault("size", _FONT)
        # Text of users is no formula.
        self.figure.text(
            left / self._width,
            1 - (self._top + base) / self._height,
            text,
            family="DejaVu Sans",
            parse_math=False,
            **look,
        )

    def _box(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        bottom = self._height - self._top - top - height
        return left / self._width, bottom / self._height, width / self._width, height / self._height

    def panel(self, left: float, size: tuple[float, float], title: str, image: np.ndarray) -> None:
        """One picture under its title."""
        self.text(left, _TITLE - 0.07, title)
        axes = self.figure.add_axes(self._box(left, _TITLE, *size))
        axes.imshow(image, interpolation="nearest", aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_linewidth(0.5)
            side.set_color(_GREY)

    def legend(self, left: float, size: tuple[float, float], entries: Sequence[Mapping[str, Any]]) -> None:
        """Swatches with texts in the room of a panel, at its lower end."""
        from matplotlib.patches import Rectangle

        wrapped = [(entry, _wrapped(entry["title"], _LEGEND_LETTERS * (size[0] - _SWATCH))) for entry in entries]
        lines = sum(len(texts) for _, texts in wrapped)
        top = _TITLE + size[1] - lines * _LEGEND_LINE - len(entries) * _GAP / 2
        for entry, texts in wrapped:
            place = self._box(left, top + 0.025, _SWATCH - 0.08, 0.12)
            colour = tuple(channel / 255 for channel in entry["colour"][:3])
            self.figure.add_artist(Rectangle(place[:2], *place[2:], facecolor=colour, linewidth=0))
            for text in texts:
                self.text(left + _SWATCH, top + 0.13, text, size=_SMALL)
                top += _LEGEND_LINE
            top += _GAP / 2

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Texts in columns, the first row as head, with rules above and below it and at the end."""
        from matplotlib.lines import Line2D

        def rule() -> None:
            height = 1 - self._top / self._height
            ends = (_RIM / self._width, 1 - _RIM / self._width)
            self.figure.add_artist(Line2D(ends, (height, height), color=_GREY, linewidth=0.6))

        if not rows:
            return
        inner = self._width - 2 * _RIM
        first = 0.45 * inner
        step = (inner - first) / max(1, len(rows[0]) - 1)
        rule()
        for number, row in enumerate(rows):
            self.text(_RIM, 0.145, row[0], weight="bold" if number == 0 else "normal")
            for column, text in enumerate(row[1:], start=1):
                look = {"ha": "right", "weight": "bold" if number == 0 else "normal"}
                self.text(_RIM + first + column * step, 0.145, text, **look)
            self.down(_TABLE_LINE)
            if number == 0 or number == len(rows) - 1:
                rule()
