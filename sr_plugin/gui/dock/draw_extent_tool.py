"""Drawing a rectangle on the map: the tool while it is drawn, and the outline that stays."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry, QgsRectangle, QgsWkbTypes
from qgis.gui import QgsMapCanvas, QgsMapTool, QgsMapToolExtent, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtGui import QColor

from sr_plugin.gui.connections import Connections

_STROKE, _FILL, _WIDTH = QColor(255, 90, 0), QColor(255, 90, 0, 30), 2


class DrawnRectangle(QObject):
    """Lets the user draw one rectangle and shows it; the map tool that was in use comes back afterwards.

    Args:
        canvas: the map to draw on.
        parent: Qt parent.

    Attributes:
        rectangle: what was drawn, in ``crs``, or None.
        crs: CRS of the map when it was drawn.
        drawn: emitted when a rectangle was drawn or taken away.
        active_changed: emitted when the tool is taken up or laid down.
    """

    drawn = pyqtSignal()
    active_changed = pyqtSignal(bool)

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.rectangle: Optional[QgsRectangle] = None
        self.crs = QgsCoordinateReferenceSystem()
        self._canvas = canvas
        self._before: Optional[QgsMapTool] = None
        self._visible = False
        self._tool = QgsMapToolExtent(canvas)
        self._outline = QgsRubberBand(canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._outline.setStrokeColor(_STROKE)
        self._outline.setFillColor(_FILL)
        self._outline.setWidth(_WIDTH)
        self._connections = Connections()
        self._connections.add(self._tool.extentChanged, self._on_drawn)
        self._connections.add(canvas.mapToolSet, self._on_tool_set)
        self._connections.add(canvas.destinationCrsChanged, self._draw)

    def start(self) -> None:
        """Take up the tool."""
        if self._canvas.mapTool() is not self._tool:
            self._before = self._canvas.mapTool()
            self._canvas.setMapTool(self._tool)

    def stop(self) -> None:
        """Lay down the tool and take up the one before, if nobody did so already."""
        if self._canvas.mapTool() is self._tool:
            before, self._before = self._before, None
            if before is not None:
                self._canvas.setMapTool(before)
            else:
                self._canvas.unsetMapTool(self._tool)

    def set_rectangle(self, rectangle: Optional[QgsRectangle], crs: QgsCoordinateReferenceSystem) -> None:
        """Take a rectangle as if it had been drawn, or take it away."""
        self.rectangle = None if rectangle is None or rectangle.isEmpty() else QgsRectangle(rectangle)
        self.crs = QgsCoordinateReferenceSystem(crs)
        self._draw()
        self.drawn.emit()

    def set_visible(self, visible: bool) -> None:
        """Show or hide the outline."""
        self._visible = visible
        self._draw()

    def shut_down(self) -> None:
        """Take tool and outline off the map."""
        self.stop()
        self._connections.clear()
        self._tool.clearRubberBand()
        # The map owns what lies on it, so Python would never delete the outline.
        sip.delete(self._outline)
        self._tool.deleteLater()

    def _on_drawn(self, rectangle: QgsRectangle) -> None:
        if rectangle.isEmpty():
            # A click without a drag.
            return
        self._tool.clearRubberBand()
        self.stop()
        self.set_rectangle(rectangle, self._canvas.mapSettings().destinationCrs())

    def _on_tool_set(self, new: Optional[QgsMapTool], _old: Optional[QgsMapTool]) -> None:
        self.active_changed.emit(new is self._tool)

    def _draw(self) -> None:
        self._outline.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        if self._visible and self.rectangle is not None:
            self._outline.setToGeometry(QgsGeometry.fromRect(self.rectangle), self.crs)
