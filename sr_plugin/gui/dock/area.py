"""Rectangles of the map as the algorithm takes them, and the pixels of a raster that they hold."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsProject,
    QgsRectangle,
    QgsReferencedRectangle,
)

from sr_plugin.core.grid import Extent, Window
from sr_plugin.gui.dock.layer_facts import LayerFacts


def extent_value(rectangle: QgsRectangle, crs: QgsCoordinateReferenceSystem) -> Union[str, QgsReferencedRectangle]:
    """The value of an EXTENT parameter: text where the CRS has a name, so that history and scripts can read it."""
    if crs.isValid() and not crs.authid():
        return QgsReferencedRectangle(rectangle, crs)
    sides = (rectangle.xMinimum(), rectangle.xMaximum(), rectangle.yMinimum(), rectangle.yMaximum())
    text = ",".join(repr(side) for side in sides)
    return f"{text} [{crs.authid()}]" if crs.isValid() else text


def extent_in_raster(
    rectangle: QgsRectangle,
    crs: QgsCoordinateReferenceSystem,
    raster_crs: QgsCoordinateReferenceSystem,
    georeferenced: bool,
) -> Optional[Extent]:
    """A rectangle as ``(xmin, ymin, xmax, ymax)`` in the raster's own coordinates; None where it cannot be transformed.

    Args:
        rectangle: in ``crs``.
        georeferenced: False for a raster without a place, whose rows QGIS counts downwards from 0 and GDAL upwards.
    """
    box = rectangle
    if crs.isValid() and raster_crs.isValid() and crs != raster_crs:
        transform = QgsCoordinateTransform(crs, raster_crs, QgsProject.instance().transformContext())
        try:
            box = transform.transformBoundingBox(rectangle)
        except QgsCsException:
            return None
    if not box.isFinite() or box.isEmpty():
        return None
    sides = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
    return sides if georeferenced else (sides[0], -sides[3], sides[2], -sides[1])


def window_of(facts: LayerFacts, extent: Optional[Extent]) -> Window:
    """Pixels of the raster that the extent holds; it may be empty."""
    if extent is None:
        return facts.grid.window
    try:
        return facts.grid.window_of_extent(extent)
    except (ZeroDivisionError, OverflowError, ValueError):
        # A singular geotransform, or an extent without end.
        return Window(0, 0, 0, 0)


def megabytes(size: float) -> str:
    """A size on disk for people, in powers of ten as file managers show it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 100 * factor else f"{size / factor:.0f} {unit}"
    return f"{max(1.0, size / 1e3):.0f} kB"


def duration(seconds: float) -> Tuple[int, int, int]:
    """Whole hours, minutes and seconds, at least one second in all."""
    whole = max(1, round(seconds))
    return whole // 3600, whole // 60 % 60, whole % 60
