"""The look of edge rasters and of the classes of edges when QGIS has loaded them."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from qgis.core import (
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)
from qgis.PyQt.QtGui import QColor

from sr_plugin.core.edges import EDGE_CLASSES
from sr_plugin.processing.translation import tr

#: Value, red, green, blue and alpha, and label of one entry of a legend.
LegendEntry = Tuple[int, Tuple[int, int, int, int], str]


def class_legend() -> List[LegendEntry]:
    """Entries of the map of kept, new and lost edges; what is no edge stays transparent."""
    titles = {
        "kept": tr("kept: in the input and in the result"),
        "new": tr("new: not in the input; a generative model may invent detail"),
        "lost": tr("lost: in the input only"),
    }
    return [(item.code, item.colour, titles[item.name]) for item in EDGE_CLASSES]


def edge_legend() -> List[LegendEntry]:
    """Entry of a raster of edges."""
    return [(1, (0, 0, 0, 255), tr("edge"))]


def paletted_renderer(layer: QgsRasterLayer, legend: Sequence[LegendEntry]) -> QgsPalettedRasterRenderer:
    """A renderer of the entries of a legend; other values are transparent."""
    classes = [QgsPalettedRasterRenderer.Class(value, QColor(*colour), label) for value, colour, label in legend]
    return QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes)


class PalettedLook(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded raster its legend.

    Args:
        legend: entries to show.
    """

    #: Processing does not own post-processors; without a reference Python deletes them before they run.
    _kept: List[PalettedLook] = []

    def __init__(self, legend: Sequence[LegendEntry]) -> None:
        super().__init__()
        self._legend = list(legend)
        PalettedLook._kept.append(self)

    def postProcessLayer(  # noqa: N802 - QGIS API
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Called by Processing in the main thread."""
        if isinstance(layer, QgsRasterLayer):
            layer.setRenderer(paletted_renderer(layer, self._legend))
