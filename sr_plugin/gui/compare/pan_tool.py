"""Panning that takes the linked views along while the mouse moves, not only when it is released."""

from __future__ import annotations

from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapToolPan
from qgis.PyQt.QtCore import Qt

from sr_plugin.gui.compare.view_link import ViewLink


class LinkedPanTool(QgsMapToolPan):
    """The pan tool of QGIS for one of several linked views.

    Args:
        canvas: the view that it works on.
        link: what holds the views together.
    """

    def __init__(self, canvas: QgsMapCanvas, link: ViewLink) -> None:
        super().__init__(canvas)
        self._link = link

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:  # noqa: N802 - QGIS API
        """Pan, and shift the pictures of the other views as far."""
        super().canvasMoveEvent(event)
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._link.drag_along(self.canvas())
