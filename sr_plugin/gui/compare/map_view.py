"""One view of the comparison: a map canvas with its caption, its edges and the other views' mouse."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import QgsMapLayer, QgsPointXY, QgsProject
from qgis.gui import QgsMapCanvas, QgsVertexMarker
from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QResizeEvent
from qgis.PyQt.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from sr_plugin.gui.compare.edge_overlay import EdgeOverlay
from sr_plugin.gui.compare.pan_tool import LinkedPanTool
from sr_plugin.gui.compare.view_link import ViewLink

_CAPTION_STYLE = "background: rgba(20, 20, 20, 190); color: white; border-radius: 3px; padding: 2px 6px;"
_CAPTION_GAP = 6


class MapView(QFrame):
    """A linked map canvas.

    Args:
        link: what holds the views together.
        parent: Qt parent.

    Signals:
        pointed: this view, and the place of the map, in the views' CRS, where the mouse is; None where it left.
    """

    pointed = pyqtSignal(object, object)

    def __init__(self, link: ViewLink, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._link = link
        self._text, self._note = "", ""
        self._at_right = False
        self.canvas = QgsMapCanvas(self)
        self.canvas.setFrameShape(QFrame.Shape.NoFrame)
        self.canvas.setCanvasColor(QgsProject.instance().backgroundColor())
        self.canvas.setAcceptDrops(False)
        self.canvas.setParallelRenderingEnabled(True)
        # A cache would be used by cancelled drawings that end after their canvas, and crash QGIS 3.22.
        self.canvas.setCachingEnabled(False)
        self.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tool = LinkedPanTool(self.canvas, link)
        self.canvas.setMapTool(self._tool)
        self.overlay = EdgeOverlay(self.canvas)
        self._cross = self._make_cross()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        self.caption = QLabel(self)
        self.caption.setStyleSheet(_CAPTION_STYLE)
        self.caption.setTextFormat(Qt.TextFormat.PlainText)
        self.caption.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.canvas.xyCoordinates.connect(self._tell_pointed)
        self.canvas.viewport().installEventFilter(self)
        link.add(self.canvas)

    def _make_cross(self) -> QgsVertexMarker:
        cross = QgsVertexMarker(self.canvas)
        cross.setIconType(QgsVertexMarker.IconType.ICON_CROSS)
        cross.setColor(QColor(255, 255, 255))
        cross.setIconSize(14)
        cross.setPenWidth(2)
        cross.setZValue(100)
        cross.hide()
        return cross

    def set_layers(self, layers: List[QgsMapLayer]) -> None:
        """Show these layers, top first; the caller keeps them alive."""
        self.canvas.setLayers(layers)

    def set_caption(self, text: str, note: str = "") -> None:
        """Name the view; a note follows in brackets."""
        self._text, self._note = text, note
        self.canvas.setAccessibleName(text)
        self._place_caption()

    def set_caption_at_right(self, at_right: bool) -> None:
        """Put the caption into the upper right corner instead of the left one."""
        self._at_right = at_right
        self._place_caption()

    def mark(self, point: Optional[QgsPointXY]) -> None:
        """Show where the mouse is in another view; None for nowhere."""
        if point is None:
            self._cross.hide()
        else:
            self._cross.setCenter(point)
            self._cross.show()

    def set_active(self, active: bool) -> None:
        """Draw the map only while the view is in use."""
        self.setVisible(active)
        self.canvas.freeze(not active)
        if active:
            self.canvas.refresh()

    def release(self) -> None:
        """Stop drawing and let go of all layers; the view cannot be used afterwards."""
        self._link.remove(self.canvas)
        self.canvas.viewport().removeEventFilter(self)
        self.canvas.stopRendering()
        self.canvas.freeze(True)
        self.canvas.unsetMapTool(self._tool)
        self.overlay.clear()
        self.canvas.setLayers([])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Keep the caption within the view."""
        super().resizeEvent(event)
        self._place_caption()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt API
        """Tell when the mouse leaves."""
        if event.type() == QEvent.Type.Leave:
            self._tell_pointed(None)
        return False

    def _tell_pointed(self, point: Optional[QgsPointXY]) -> None:
        self.pointed.emit(self, point)

    def _place_caption(self) -> None:
        text = f"{self._text} ({self._note})" if self._note else self._text
        room = self.width() - 2 * _CAPTION_GAP - 16
        metrics = self.caption.fontMetrics()
        self.caption.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, max(20, room)))
        self.caption.adjustSize()
        x = self.width() - self.caption.width() - _CAPTION_GAP if self._at_right else _CAPTION_GAP
        self.caption.move(x, _CAPTION_GAP)
        self.caption.setVisible(bool(text))
        self.caption.raise_()
