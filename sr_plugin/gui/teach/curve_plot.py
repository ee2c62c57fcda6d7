"""A small plot of curves over the steps of a training, drawn with Qt alone."""

from __future__ import annotations

import math
from typing import Callable, List, Optional, Sequence, Tuple

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QWidget

from sr_plugin.gui.teach.curve_data import Curve, Level, nice_ticks
from sr_plugin.processing.translation import tr

#: Told apart by people who see red and green alike, and against light and dark grounds (after Okabe and Ito).
_COLOURS = (QColor(46, 134, 222), QColor(230, 126, 34), QColor(26, 160, 120))
_LEVEL_COLOURS = (QColor(140, 140, 140), QColor(180, 110, 190))
_MARGIN, _GAP, _MARK = 6, 5, 2.4
_ROOM = 0.06
_MOST_TICKS = 4


class CurvePlot(QLabel):
    """Curves, horizontal lines to compare them with, and a legend; the values under the mouse are a tooltip.

    It is a label, because that is what the dark themes of QGIS give a colour of text.

    Args:
        title: what is plotted, with its unit.
        digits: decimals of the values.
    """

    def __init__(self, title: str, digits: int = 2, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.title, self._digits = title, digits
        self._curves: List[Curve] = []
        self._levels: List[Level] = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._describe()

    def show_curves(self, curves: Sequence[Curve], levels: Sequence[Level] = (), steps: int = 0) -> None:
        """Show other figures.

        Args:
            curves: lines.
            levels: horizontal lines.
            steps: length of the axis; that of the curves where it is 0.
        """
        self._curves = [curve for curve in curves if curve.points]
        self._levels, self._steps = list(levels), steps
        self._describe()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt API
        """Nine lines of text high."""
        return QSize(260, 9 * self.fontMetrics().height())

    def _describe(self) -> None:
        """What a screen reader says: title and last values."""
        told = [f"{c.name} {self._text(c.points[-1][1])}" for c in self._curves]
        told += [f"{level.name} {self._text(level.value)}" for level in self._levels]
        self.setAccessibleName(self.title)
        self.setAccessibleDescription(", ".join(told))

    def _text(self, value: float) -> str:
        return f"{value:.{self._digits}f}" if abs(value) < 1e5 else f"{value:.2g}"

    @staticmethod
    def _tick_text(ticks: Sequence[float], tick: float) -> str:
        """A number of the axis with the decimals that the distance of the numbers asks for."""
        distance = ticks[1] - ticks[0] if len(ticks) > 1 else abs(tick) or 1.0
        return f"{tick:.{max(0, -math.floor(math.log10(distance) + 1e-9))}f}"

    def _range(self) -> Tuple[float, float]:
        values = [y for curve in self._curves for _, y in curve.points] + [level.value for level in self._levels]
        if not values:
            return 0.0, 1.0
        low, high = min(values), max(values)
        room = _ROOM * (high - low) or max(abs(high) * _ROOM, 10.0**-self._digits)
        return low - room, high + room

    def _last_step(self) -> float:
        return max([self._steps, 1, *(curve.points[-1][0] for curve in self._curves)])

    def _area(self, ticks: Sequence[float]) -> QRectF:
        metrics = self.fontMetrics()
        left = max([metrics.horizontalAdvance(self._tick_text(ticks, tick)) for tick in ticks] or [20]) + _MARGIN + _GAP
        top, bottom = metrics.height() + _MARGIN + _GAP, metrics.height() + _GAP
        return QRectF(left, top, self.width() - left - 2 * _MARGIN, self.height() - top - bottom)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt API
        """Draw everything."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self._range()
        ticks = nice_ticks(low, high, _MOST_TICKS)
        area = self._area(ticks)
        place = self._placing(area, low, high)
        self._draw_ground(painter, area, ticks, place)
        self._draw_legend(painter, area)
        painter.setClipRect(area.adjusted(-_MARK - 1, -_MARK - 1, _MARK + 1, _MARK + 1))
        for number, level in enumerate(self._levels):
            pen = QPen(_LEVEL_COLOURS[number % len(_LEVEL_COLOURS)], 1.4, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            y = place(0, level.value).y()
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        for number, curve in enumerate(self._curves):
            self._draw_curve(painter, curve, _COLOURS[number % len(_COLOURS)], place)
        painter.end()

    def _placing(self, area: QRectF, low: float, high: float) -> Callable[[float, float], QPointF]:
        last = self._last_step()

        def place(step: float, value: float) -> QPointF:
            return QPointF(
                area.left() + area.width() * step / last, area.bottom() - area.height() * (value - low) / (high - low)
            )

        return place

    def _faint(self, alpha: int) -> QColor:
        colour = QColor(self.palette().color(QPalette.ColorRole.WindowText))
        colour.setAlpha(alpha)
        return colour

    def _draw_ground(
        self, painter: QPainter, area: QRectF, ticks: Sequence[float], place: Callable[[float, float], QPointF]
    ) -> None:
        """Ground, grid and numbers."""
        painter.fillRect(area, self.palette().color(QPalette.ColorRole.Base))
        height = self.fontMetrics().height()
        for tick in ticks:
            y = place(0, tick).y()
            painter.setPen(QPen(self._faint(35), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._faint(190))
            box, text = QRectF(0, y - height / 2, area.left() - _GAP, height), self._tick_text(ticks, tick)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)
        steps = nice_ticks(0, self._last_step(), max(1, int(area.width() // (6 * height))))
        for step in steps:
            text = f"{step:,.0f}".replace(",", "\u202f") if float(step).is_integer() else ""
            width = self.fontMetrics().horizontalAdvance(text)
            x = min(place(step, 0).x() - width / 2, area.right() - width)
            box = QRectF(max(area.left(), x) if step else area.left(), area.bottom() + 2, width + 2, height)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft), text)
        painter.setPen(QPen(self._faint(70), 1))
        painter.drawRect(area)
        if not self._curves:
            painter.setPen(self._faint(150))
            painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), tr("No figures yet"))

    def _draw_legend(self, painter: QPainter, area: QRectF) -> None:
        """Title at the left, the names of the lines at the right."""
        metrics = self.fontMetrics()
        baseline = _MARGIN + metrics.ascent()
        painter.setPen(self._faint(255))
        painter.drawText(QPointF(_MARGIN, baseline), self.title)
        entries = [(level.name, _LEVEL_COLOURS[n % len(_LEVEL_COLOURS)], True) for n, level in enumerate(self._levels)]
        entries += [(curve.name, _COLOURS[n % len(_COLOURS)], False) for n, curve in enumerate(self._curves)]
        if len(entries) < 2:
            return
        x, line = area.right(), 14
        for name, colour, dashed in entries:
            x -= metrics.horizontalAdvance(name)
            painter.setPen(self._faint(220))
            painter.drawText(QPointF(x, baseline), name)
            x -= line + 4
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(colour, 2, style))
            y = baseline - metrics.ascent() / 3
            painter.drawLine(QPointF(x, y), QPointF(x + line, y))
            x -= 10

    def _draw_curve(
        self, painter: QPainter, curve: Curve, colour: QColor, place: Callable[[float, float], QPointF]
    ) -> None:
        points = [place(step, value) for step, value in curve.points]
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.6))
        painter.drawPath(path)
        if curve.marked or len(points) == 1:
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            for point in points:
                painter.drawEllipse(point, _MARK, _MARK)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt API
        """Tell the values at the step under the mouse."""
        low, high = self._range()
        area = self._area(nice_ticks(low, high, _MOST_TICKS))
        step = (event.pos().x() - area.left()) / max(1.0, area.width()) * self._last_step()
        lines = []
        for curve in self._curves:
            x, y = min(curve.points, key=lambda point: abs(point[0] - step))
            lines.append(tr("{} at step {:.0f}: {}").format(curve.name, x, self._text(y)))
        lines += [f"{level.name}: {self._text(level.value)}" for level in self._levels]
        self.setToolTip("\n".join(lines))
