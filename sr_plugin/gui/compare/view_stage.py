"""Lays out the views: side by side, or two of them on top of each other."""

from __future__ import annotations

from typing import List, Optional, Tuple

from qgis.PyQt.QtCore import QRect, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QRegion, QResizeEvent
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.gui.compare.map_view import MapView
from sr_plugin.gui.compare.swipe_handle import WIDTH, SwipeHandle

SIDE, SWIPE, BLINK = "side", "swipe", "blink"
MODES = (SIDE, SWIPE, BLINK)
_GAP = 3
_LEAST_SIDE = 60
#: A row shows the same place at the same height in all views, so it may cost some size.
_ROW_SHARE = 0.75


class ViewStage(QWidget):
    """Shows views in one of three modes. The views themselves stay the same, so a change of mode draws nothing anew.

    Signals:
        blinked: the other view of the pair is in front now; true for the first one.
    """

    blinked = pyqtSignal(bool)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(320, 200)
        self.mode = SIDE
        self.first_in_front = True
        self._views: List[MapView] = []
        self._extra: Optional[MapView] = None
        self._pair = (0, 1)
        self.handle = SwipeHandle(self)
        self.handle.moved.connect(self._clip)
        self.handle.hide()

    def set_views(self, views: List[MapView], extra: Optional[MapView] = None) -> None:
        """Show these views, and one that stands by itself in every mode.

        Args:
            views: in order; the first is that of the reference.
            extra: a further view, or None.
        """
        for view in self.shown():
            if view not in views and view is not extra:
                view.set_active(False)
        self._views, self._extra = list(views), extra
        self.arrange()

    def set_mode(self, mode: str) -> None:
        """``side``, ``swipe`` or ``blink``."""
        self.mode = mode
        self.first_in_front = True
        self.arrange()

    def set_pair(self, first: int, second: int) -> None:
        """Choose the two views, by position, that swipe and blink show."""
        self._pair = (first, second)
        self.arrange()

    def pair(self) -> Tuple[MapView, MapView]:
        """The two views that swipe and blink show."""
        last = len(self._views) - 1
        return self._views[min(self._pair[0], last)], self._views[min(self._pair[1], last)]

    def shown(self) -> List[MapView]:
        """The views in use."""
        if not self._views:
            return []
        views = list(self._views)
        if self.mode != SIDE:
            # The same view twice would leave nothing to compare, but is no reason to fail.
            views = list(dict.fromkeys(self.pair()))
        return views + ([self._extra] if self._extra is not None else [])

    def pair_area(self) -> QRect:
        """Where swipe and blink show their two views."""
        return self._cells(2 if self._extra is not None else 1)[0]

    def toggle(self) -> None:
        """Bring the other view of the pair to the front (blink)."""
        self.first_in_front = not self.first_in_front
        self._stack()
        self.blinked.emit(self.first_in_front)

    def arrange(self) -> None:
        """Put every view in its place."""
        shown = self.shown()
        for view in self._views:
            if view not in shown:
                view.set_active(False)
        if shown:
            cells = self._cells(len(shown)) if self.mode == SIDE else self._pair_cells(shown)
            for view, cell in zip(shown, cells):
                view.setGeometry(cell)
                if not view.isVisibleTo(self):
                    view.set_active(True)
        self.handle.setVisible(bool(shown) and self.mode == SWIPE)
        self._stack()
        self._clip()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Fill the new size."""
        super().resizeEvent(event)
        self.arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt API
        """Space blinks."""
        if event.key() == Qt.Key.Key_Space and self.mode == BLINK:
            self.toggle()
        else:
            super().keyPressEvent(event)

    def _pair_cells(self, shown: List[MapView]) -> List[QRect]:
        area = self.pair_area()
        cells = [area for view in shown if view is not self._extra]
        return cells + ([self._cells(2)[1]] if self._extra is not None else [])

    def _cells(self, count: int) -> List[QRect]:
        """Cells in one row, or in a grid where that gives much larger squares."""
        width, height = max(self.width(), _LEAST_SIDE), max(self.height(), _LEAST_SIDE)

        def square(columns: int) -> float:
            rows = -(-count // columns)
            return min((width - (columns - 1) * _GAP) / columns, (height - (rows - 1) * _GAP) / rows)

        columns = max(range(1, count + 1), key=square)
        if square(count) >= _ROW_SHARE * square(columns):
            columns = count
        rows = -(-count // columns)
        cell_width = (width - (columns - 1) * _GAP) // columns
        cell_height = (height - (rows - 1) * _GAP) // rows
        return [
            QRect(
                (number % columns) * (cell_width + _GAP),
                (number // columns) * (cell_height + _GAP),
                cell_width,
                cell_height,
            )
            for number in range(count)
        ]

    def _stack(self) -> None:
        """Put the right view of the pair in front, and the divider before both."""
        if not self._views:
            return
        first, second = self.pair()
        if self.mode == BLINK and not self.first_in_front:
            second.raise_()
        elif self.mode != SIDE:
            first.raise_()
        self.handle.raise_()

    def _clip(self, *_: object) -> None:
        """Cut the first view of the pair off at the divider."""
        for view in self._views:
            view.clearMask()
            view.set_caption_at_right(False)
        if self.mode != SWIPE or not self._views:
            return
        first, second = self.pair()
        area = self.pair_area()
        split = round(self.handle.position * area.width())
        if first is not second:
            second.set_caption_at_right(True)
            # An empty mask would mean no mask.
            first.setMask(QRegion(0, 0, split, area.height()) if split else QRegion(-2, -2, 1, 1))
        self.handle.setGeometry(area.left() + split - WIDTH // 2, area.top(), WIDTH, area.height())
