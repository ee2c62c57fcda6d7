"""The figures of the view as a table."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Optional, Tuple

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QKeyEvent, QKeySequence
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem, QWidget

from sr_plugin.core.edges import EdgeFigures
from sr_plugin.processing.translation import tr


class _Row(NamedTuple):
    """One figure: its name, what it means, and its texts for reference, result and truth."""

    name: str
    meaning: str
    texts: Tuple[str, str, str]


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.1f} %"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _rows(f: EdgeFigures) -> List[_Row]:
    """Short names, because the panel is narrow; the meaning is in the tooltip."""
    density = (_percent(f.density_input), _percent(f.density_result), _percent(f.density_truth))
    sharpness = (_number(f.sharpness_input), _number(f.sharpness_result), _number(f.sharpness_truth))
    rows = [
        _Row(tr("Density"), tr("Edge pixels per valid pixel"), density),
        _Row(tr("Sharpness"), tr("Root mean square of the gradient, in data units per pixel"), sharpness),
        _Row(
            tr("Kept"), tr("Share of the edges that are in the reference and in the result"), ("", _percent(f.kept), "")
        ),
        _Row(tr("New"), tr("Share of the edges that are in the result only"), ("", _percent(f.new), "")),
        _Row(tr("Lost"), tr("Share of the edges that are in the reference only"), ("", _percent(f.lost), "")),
        _Row(tr("New and true"), tr("Share of the new edges that the truth has too"), ("", _percent(f.new_right), "")),
        _Row(tr("Precision"), tr("Share of the edges that the truth has too"), _pair(f.precision_input, f.precision)),
        _Row(tr("Recall"), tr("Share of the truth's edges that were found"), _pair(f.recall_input, f.recall)),
        _Row(tr("F1"), tr("Harmonic mean of precision and recall"), _pair(f.f1_input, f.f1)),
    ]
    return [row for row in rows if any(row.texts)]


def _pair(reference: float, result: float) -> Tuple[str, str, str]:
    return _percent(reference), _percent(result), ""


class FiguresTable(QTableWidget):
    """Edge density, sharpness, shares of the classes, agreement with the truth; Ctrl+C copies all of it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(0, 3, parent)
        self.setAccessibleName(tr("Figures of the view"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setHorizontalHeaderLabels([tr("Figure"), tr("Reference"), tr("Result")])
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(True)
        self.show_figures(None)

    def show_figures(self, figures: Optional[EdgeFigures]) -> None:
        """Show the figures of one view; None for none."""
        rows = _rows(figures) if figures is not None else []
        with_truth = any(row.texts[2] for row in rows)
        self.setColumnCount(4 if with_truth else 3)
        if with_truth:
            self.setHorizontalHeaderItem(3, QTableWidgetItem(tr("Truth")))
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate((row.name, *row.texts)[: self.columnCount()]):
                item = QTableWidgetItem(text)
                item.setToolTip(row.meaning)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(number, column, item)
        self.setVisible(bool(rows))
        self.resizeRowsToContents()
        self._fit_height()

    def text(self) -> str:
        """All cells, separated by tabs, for a spreadsheet."""
        heads = [self.horizontalHeaderItem(column).text() for column in range(self.columnCount())]
        rows = [
            [self.item(row, column).text() for column in range(self.columnCount())] for row in range(self.rowCount())
        ]
        return "\n".join("\t".join(row) for row in [heads, *rows])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt API
        """Copy the table."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QgsApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt API
        """Long names wrap, so their rows grow when the table gets narrower."""
        super().resizeEvent(event)
        self.resizeRowsToContents()
        self._fit_height()

    def _fit_height(self) -> None:
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth())
