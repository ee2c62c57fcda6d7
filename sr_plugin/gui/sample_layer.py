"""The shipped sample raster as a layer of the project."""

from __future__ import annotations

import os
from typing import Any, Optional

from qgis.core import QgsProject, QgsRasterLayer

from sr_plugin.gui.sample_check import sample_path
from sr_plugin.processing.translation import tr


def sample_layer(iface: Any) -> Optional[QgsRasterLayer]:
    """The sample's layer, added and zoomed to unless the project has it; None where it cannot be opened.

    Args:
        iface: the interface of the running QGIS.
    """
    path = os.path.realpath(sample_path())
    for layer in QgsProject.instance().mapLayers().values():
        if isinstance(layer, QgsRasterLayer) and os.path.realpath(layer.source()) == path:
            return layer
    layer = iface.addRasterLayer(path, tr("Sentinel-2 sample"))
    if layer is None or not layer.isValid():
        return None
    iface.setActiveLayer(layer)
    iface.zoomToActiveLayer()
    return layer
