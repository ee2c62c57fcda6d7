"""Which layers a comparison opens with, and which place it shows."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)

from sr_plugin.gui.runs.run import Run


def pair_of_run(run: Run) -> List[QgsRasterLayer]:
    """Input and result of a run; empty where one of them is gone."""
    project = QgsProject.instance()
    layers = [project.mapLayer(name) for name in (run.source_id, run.layer_id) if name]
    rasters = [layer for layer in layers if isinstance(layer, QgsRasterLayer)]
    return rasters if len(rasters) == 2 else []


def topmost_pair() -> List[QgsRasterLayer]:
    """The two topmost raster layers of the project, the lower one first; fewer where there are not so many."""
    nodes = QgsProject.instance().layerTreeRoot().findLayers()
    rasters = [node.layer() for node in nodes if isinstance(node.layer(), QgsRasterLayer)]
    return list(reversed(rasters[:2]))


def extent_in(settings: QgsMapSettings, layer: QgsRasterLayer) -> Optional[QgsRectangle]:
    """What the map shows, in the CRS of a layer; None where the map shows nothing of it."""
    seen = settings.visibleExtent()
    if layer.crs().isValid() and settings.destinationCrs().isValid():
        transform = QgsCoordinateTransform(settings.destinationCrs(), layer.crs(), settings.transformContext())
        transform.setBallparkTransformsAreAppropriate(True)
        try:
            seen = transform.transformBoundingBox(seen)
        except QgsCsException:
            # The comparison then shows the whole layer.
            return None
    return seen if seen.intersects(layer.extent()) else None
