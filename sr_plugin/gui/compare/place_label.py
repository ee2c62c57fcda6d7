"""Coordinate and scale, as in the status bar of QGIS."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsPointXY
from qgis.PyQt.QtWidgets import QLabel, QWidget

from sr_plugin.gui.compare.view_link import ViewLink
from sr_plugin.processing.translation import tr


class PlaceLabel(QLabel):
    """Shows where the mouse is and the scale of the views.

    Args:
        link: what holds the views together.
        parent: Qt parent.
    """

    def __init__(self, link: ViewLink, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._link = link
        self.setContentsMargins(0, 0, 8, 0)
        self._point: Optional[QgsPointXY] = None
        link.moved.connect(self._show)

    def point_at(self, point: Optional[QgsPointXY]) -> None:
        """The mouse is at this place; None for outside of all views."""
        self._point = point
        self._show()

    def _show(self) -> None:
        canvases = self._link.canvases()
        texts = []
        if self._point is not None:
            # Degrees need more digits than metres.
            digits = 5 if self._link.crs.isGeographic() else 1
            texts.append(f"{self._point.x():,.{digits}f}  {self._point.y():,.{digits}f}")
        if canvases:
            texts.append(tr("Scale 1:{:,.0f}").format(canvases[0].scale()))
        if self._link.crs.isValid():
            texts.append(self._link.crs.authid())
        self.setText("     ".join(texts))
