"""A framed column of rows that scrolls where it is not high enough."""

from __future__ import annotations

from typing import List, Optional

from qgis.PyQt.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


class RowArea(QScrollArea):
    """Holds rows from the top down; who fills it says how high it is.

    Attributes:
        inner: the parent for rows.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.inner = QWidget()
        self._column = QVBoxLayout(self.inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setWidgetResizable(True)
        self.setWidget(self.inner)

    def put(self, place: int, row: QWidget) -> None:
        """Place a row, new or from another place, as the given one from the top."""
        if self._column.indexOf(row) != place:
            self._column.removeWidget(row)
            self._column.insertWidget(place, row)

    def rows(self) -> List[QWidget]:
        """The rows from the top."""
        widgets = (self._column.itemAt(place).widget() for place in range(self._column.count()))
        return [widget for widget in widgets if widget is not None]

    def drop(self, row: QWidget) -> None:
        """Take a row out and delete it."""
        self._column.removeWidget(row)
        row.deleteLater()

    def fit(self, height: int) -> None:
        """Show rows of this height in all, without scrolling."""
        self.setFixedHeight(height + 2 * self.frameWidth() + 2)


def lay_out_under(title: QWidget, area: RowArea, owner: QWidget) -> None:
    """The usual place of a list in the panel: a title and the rows below."""
    layout = QVBoxLayout(owner)
    layout.setContentsMargins(6, 0, 6, 6)
    layout.setSpacing(3)
    layout.addWidget(title)
    layout.addWidget(area)
