"""Draws a preview over the map, without a layer in the project."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QTransform

#: Over the map, under rubber bands and markers.
_Z = -5.0
#: Points along one side of the outline, which is bent where the CRS differ.
_STEPS = 16


class PreviewOverlay(QgsMapCanvasItem):
    """A raster layer drawn on top of the map as it would be in it: same CRS, scale, rotation and pixel density.

    The picture is rendered in the background whenever the map moves; until it is there, the last one is drawn at its
    place.

    Args:
        canvas: the map.
    """

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._layer: Optional[QgsRasterLayer] = None
        self._outline: List[QgsPointXY] = []
        self._image: Optional[QImage] = None
        self._drawn_with: Optional[QgsMapSettings] = None
        self._job: Optional[QgsMapRendererParallelJob] = None
        self.setZValue(_Z)

    @property
    def image(self) -> Optional[QImage]:
        """The picture drawn last, of the size of the canvas in device pixels; None while there is none."""
        return self._image

    def show_layer(self, layer: QgsRasterLayer) -> None:
        """Draw this layer from now on. It need not be in the project; the overlay keeps it alive."""
        self._stop()
        self._layer = layer
        self.render()

    def render(self) -> None:
        """Render anew for what the canvas shows now."""
        if self._layer is None:
            return
        self._stop()
        settings = QgsMapSettings(self._canvas.mapSettings())
        settings.setLayers([self._layer])
        settings.setBackgroundColor(QColor(Qt.GlobalColor.transparent))
        self._outline = _ring(self._layer, settings)
        job = QgsMapRendererParallelJob(settings)
        job.finished.connect(self._rendered)
        self._job = job
        job.start()
        self.update()

    def let_go(self) -> None:
        """Stop rendering and leave the canvas."""
        self._stop()
        self._layer, self._image, self._drawn_with, self._outline = None, None, None, []
        scene = self._canvas.scene()
        if scene is not None:
            scene.removeItem(self)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.finished.disconnect(self._rendered)
            self._job.cancelWithoutBlocking()
            _Ending.watch(self._job)
            self._job = None

    def _rendered(self) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        self._image = job.renderedImage()
        self._drawn_with = QgsMapSettings(job.mapSettings())
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt API
        """All of the canvas."""
        return QRectF(self._canvas.rect())

    def paint(self, painter: QPainter, option: object = None, widget: object = None) -> None:
        """Draw the last picture where it belongs on the canvas of this moment, and a line around it."""
        if self._layer is None:
            return
        place = self._placement()
        if place is not None and self._image is not None and self._drawn_with is not None:
            painter.save()
            painter.setTransform(place, True)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not place.isIdentity())
            size = self._drawn_with.outputSize()
            painter.drawImage(QRectF(0, 0, size.width(), size.height()), self._image)
            painter.restore()
        self._paint_outline(painter)

    def _placement(self) -> Optional[QTransform]:
        """From pixels of the picture to pixels of the canvas; None where they share no CRS."""
        if self._drawn_with is None:
            return None
        now = self._canvas.mapSettings()
        if now.destinationCrs() != self._drawn_with.destinationCrs():
            return None
        size = self._drawn_with.outputSize()
        origin, right, below = (
            now.mapToPixel().transform(self._drawn_with.mapToPixel().toMapCoordinates(x, y))
            for x, y in ((0, 0), (size.width(), 0), (0, size.height()))
        )
        across, down = max(1, size.width()), max(1, size.height())
        place = QTransform(
            (right.x() - origin.x()) / across,
            (right.y() - origin.y()) / across,
            (below.x() - origin.x()) / down,
            (below.y() - origin.y()) / down,
            origin.x(),
            origin.y(),
        )
        same = all(abs(a - b) < 1e-3 for a, b in zip(_numbers(place), _numbers(QTransform())))
        return QTransform() if same else place

    def _paint_outline(self, painter: QPainter) -> None:
        to_pixel = self._canvas.mapSettings().mapToPixel()
        points = [to_pixel.transform(point) for point in self._outline]
        polygon = QPolygonF([QPointF(point.x(), point.y()) for point in points])
        painter.save()
        # Dark and light dashes are seen on any map.
        for colour, style in ((QColor(0, 0, 0, 160), Qt.PenStyle.SolidLine), (QColor("white"), Qt.PenStyle.DashLine)):
            painter.setPen(QPen(colour, 1.5, style))
            painter.drawPolygon(polygon)
        painter.restore()


class _Ending:
    """Jobs that were cancelled and still have to end: QGIS does not survive their deletion before that."""

    jobs: List[QgsMapRendererParallelJob] = []

    @classmethod
    def watch(cls, job: QgsMapRendererParallelJob) -> None:
        """Keep a job until it has ended."""
        if not job.isActive():
            return
        cls.jobs.append(job)
        job.finished.connect(lambda: cls.jobs.remove(job) if job in cls.jobs else None)


def _numbers(transform: QTransform) -> List[float]:
    return [transform.m11(), transform.m12(), transform.m21(), transform.m22(), transform.dx(), transform.dy()]


def _ring(layer: QgsRasterLayer, settings: QgsMapSettings) -> List[QgsPointXY]:
    """The layer's extent as a ring of points in the CRS of the map."""
    ring = _sides(layer.extent())
    if not (layer.crs().isValid() and settings.destinationCrs().isValid()):
        return ring
    transform = QgsCoordinateTransform(layer.crs(), settings.destinationCrs(), QgsProject.instance().transformContext())
    transform.setBallparkTransformsAreAppropriate(True)
    try:
        return [transform.transform(point) for point in ring]
    except QgsCsException:
        # The picture itself still shows where the preview is.
        return []


def _sides(box: QgsRectangle) -> List[QgsPointXY]:
    corners = [
        (box.xMinimum(), box.yMinimum()),
        (box.xMaximum(), box.yMinimum()),
        (box.xMaximum(), box.yMaximum()),
        (box.xMinimum(), box.yMaximum()),
    ]
    ring = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        ring += [QgsPointXY(x0 + (x1 - x0) * i / _STEPS, y0 + (y1 - y0) * i / _STEPS) for i in range(_STEPS)]
    return ring
