"""An image over a map view, placed by its corners on the map."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsProject
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QRectF
from qgis.PyQt.QtGui import QImage, QPainter, QTransform

from sr_plugin.core.grid import Grid

#: Above the map and below the cross of the other views' mouse.
_HEIGHT = 50.0


class EdgeOverlay(QgsMapCanvasItem):
    """Draws one image; it follows pan, zoom and rotation until the next image comes.

    Args:
        canvas: the view; it owns the item.
    """

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._image: Optional[QImage] = None
        self._grid: Optional[Grid] = None
        self._crs = QgsCoordinateReferenceSystem()
        self.setZValue(_HEIGHT)

    @property
    def image(self) -> Optional[QImage]:
        """What is shown, None for nothing."""
        return self._image

    def show_image(self, image: QImage, grid: Grid, crs: QgsCoordinateReferenceSystem) -> None:
        """Show an image.

        Args:
            image: of the grid's size.
            grid: where it lies.
            crs: of the grid.
        """
        self._image, self._grid, self._crs = image, grid, crs
        self.prepareGeometryChange()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._image = None
        self.update()

    def updatePosition(self) -> None:  # noqa: N802 - QGIS API
        """Called when the view moved."""
        self.prepareGeometryChange()
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt API
        """Everything that may be in view, also while the view is being dragged."""
        size = self._canvas.size()
        return QRectF(-size.width(), -size.height(), 3 * size.width(), 3 * size.height())

    def paint(self, painter: QPainter, option: Any = None, widget: Any = None) -> None:
        """Called by Qt."""
        if self._image is None or self._grid is None:
            return
        try:
            placement = self._placement()
        except QgsCsException:
            # The view shows a place that the CRS of the edges does not know, so none of them is in view.
            return
        painter.save()
        painter.setTransform(placement, True)
        painter.drawImage(0, 0, self._image)
        painter.restore()

    def _placement(self) -> QTransform:
        """From pixels of the image to pixels of the view, by three corners."""
        grid = self._grid
        corners = ((0, 0), (grid.width, 0), (0, grid.height))
        target = self._canvas.mapSettings().destinationCrs()
        convert = QgsCoordinateTransform(self._crs, target, QgsProject.instance())
        points = []
        for column, row in corners:
            place = QgsPointXY(*grid.to_map(column, row))
            points.append(self.toCanvasCoordinates(convert.transform(place)))
        origin, right, down = points
        return QTransform(
            (right.x() - origin.x()) / grid.width,
            (right.y() - origin.y()) / grid.width,
            (down.x() - origin.x()) / grid.height,
            (down.y() - origin.y()) / grid.height,
            origin.x(),
            origin.y(),
        )
