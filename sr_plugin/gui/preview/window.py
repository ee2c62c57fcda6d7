"""Which part of a layer a preview covers: what the canvas shows of it, up to a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsMapSettings, QgsRasterLayer, QgsRectangle

from sr_plugin.core.errors import EmptyExtent, ParameterError
from sr_plugin.processing.layer_source import is_file
from sr_plugin.processing.translation import tr


@dataclass(frozen=True)
class PreviewWindow:
    """A part of a raster layer.

    Attributes:
        extent: in the layer's CRS.
        width, height: its size in pixels of the layer, rounded up.
        bounded: the canvas shows more of the layer.
    """

    extent: QgsRectangle
    width: int
    height: int
    bounded: bool

    def covers(self, other: PreviewWindow) -> bool:
        """True where the other window would show nothing new."""
        return bool(self.extent.contains(other.extent)) and not other.bounded


def preview_window(
    settings: QgsMapSettings, layer: QgsRasterLayer, most: int, resolution: Optional[float] = None
) -> PreviewWindow:
    """The part of a layer that a canvas shows, cut to at most ``most`` x ``most`` pixels around its centre.

    Args:
        settings: what the canvas shows.
        layer: the layer.
        most: longest side in pixels.
        resolution: size of a pixel in map units where the layer is read at another one than its own.

    Raises:
        EmptyExtent: when the canvas shows nothing of the layer.
        ParameterError: when the layer has no resolution and none is given.
    """
    seen = _seen(settings, layer)
    pixel_x, pixel_y = _pixel_size(layer, resolution)
    width, height = min(seen.width(), most * pixel_x), min(seen.height(), most * pixel_y)
    # A hair is no reason to tell that the preview was cut.
    bounded = seen.width() > width + pixel_x or seen.height() > height + pixel_y
    extent = QgsRectangle.fromCenterAndSize(seen.center(), width, height)
    return PreviewWindow(extent, max(1, round(width / pixel_x)), max(1, round(height / pixel_y)), bounded)


def _pixel_size(layer: QgsRasterLayer, resolution: Optional[float]) -> Tuple[float, float]:
    """Width and height of a pixel in map units of the layer."""
    # A file is always read at its own resolution.
    if resolution and not is_file(layer):
        return resolution, resolution
    if layer.width() > 0 and layer.height() > 0:
        return layer.rasterUnitsPerPixelX(), layer.rasterUnitsPerPixelY()
    native = [size for size in layer.dataProvider().nativeResolutions() if size > 0]
    if not native:
        raise ParameterError(
            tr("The layer '{}' has no resolution of its own.").format(layer.name()),
            tr("Set the resolution for layers without files (map units per pixel)."),
        )
    return min(native), min(native)


def _seen(settings: QgsMapSettings, layer: QgsRasterLayer) -> QgsRectangle:
    seen = settings.visibleExtent()
    if layer.crs().isValid() and settings.destinationCrs().isValid():
        transform = QgsCoordinateTransform(settings.destinationCrs(), layer.crs(), settings.transformContext())
        transform.setBallparkTransformsAreAppropriate(True)
        try:
            seen = transform.transformBoundingBox(seen)
        except QgsCsException as error:
            raise EmptyExtent(
                tr("What the map shows cannot be brought into the CRS of the layer."), tr("Zoom to the layer.")
            ) from error
    seen = seen.intersect(layer.extent())
    if seen.isEmpty():
        raise EmptyExtent(tr("The map shows nothing of the layer '{}'.").format(layer.name()), tr("Zoom to the layer."))
    return seen
