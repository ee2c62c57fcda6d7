"""The divider of the swipe view."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import QPointF, QRectF, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.processing.translation import tr

#: Width of the handle in pixels; the line in its middle is thinner.
WIDTH = 22
_STEP, _LEAP = 0.01, 0.1
_GRIP = 9.0


class SwipeHandle(QWidget):
    """A vertical line with a grip: dragged with the mouse, or moved with the arrow keys.

    Signals:
        moved: the wanted position, 0 (left) to 1 (right).
    """

    moved = pyqtSignal(float)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.position = 0.5
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setAccessibleName(tr("Divider"))
        self.setToolTip(tr("Drag, or use the arrow keys (with Shift: further; Home and End: to the rim)"))

    def set_position(self, position: float) -> None:
        """Remember where the divider is and tell it."""
        position = min(1.0, max(0.0, position))
        if position != self.position:
            self.position = position
            self.moved.emit(position)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt API
        """Follow the mouse."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            area = self.parentWidget()
            pair = getattr(area, "pair_area", area.rect)()
            x = self.mapToParent(event.pos()).x() - pair.left()
            self.set_position(x / max(1, pair.width()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt API
        """Move by a step, or to the rim."""
        step = _LEAP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else _STEP
        targets = {
            Qt.Key.Key_Left: self.position - step,
            Qt.Key.Key_Right: self.position + step,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }
        if event.key() in targets:
            self.set_position(targets[event.key()])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt API
        """A white line with a dark rim is seen on every picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.width() / 2
        painter.fillRect(QRectF(middle - 2, 0, 4, self.height()), QColor(0, 0, 0, 120))
        painter.fillRect(QRectF(middle - 1, 0, 2, self.height()), QColor("white"))
        centre = QPointF(middle, self.height() / 2)
        rim = self.palette().highlight().color() if self.hasFocus() else QColor(0, 0, 0, 160)
        painter.setPen(QPen(rim, 2))
        painter.setBrush(QColor("white"))
        painter.drawEllipse(centre, _GRIP, _GRIP)
        painter.setPen(QPen(QColor(70, 70, 70), 1.6))
        for side in (-1, 1):
            tip = QPointF(centre.x() + side * 6, centre.y())
            painter.drawLine(tip, QPointF(centre.x() + side * 3, centre.y() - 3))
            painter.drawLine(tip, QPointF(centre.x() + side * 3, centre.y() + 3))
