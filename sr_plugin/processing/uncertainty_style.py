"""The look of an uncertainty, and of where bicubic took the place of a result, when QGIS has loaded them."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterBandStats,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from sr_plugin.processing.edge_style import LegendEntry
from sr_plugin.processing.translation import tr

#: Dark to bright, readable without colour vision; red, green, blue.
_COLOURS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
#: The ramp ends this many standard deviations above the mean: a few edges would otherwise darken all the rest.
_DEVIATIONS = 3.0
_SAMPLE_PIXELS = 250_000


def replaced_legend() -> List[LegendEntry]:
    """Entry of the map of where bicubic took the place of the result; what is the model's stays transparent."""
    return [(1, (230, 97, 1, 190), tr("taken from bicubic"))]


class UncertaintyLook(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded uncertainty its colours, by the first band."""

    #: Processing does not own post-processors; without a reference Python deletes them before they run.
    _kept: List[UncertaintyLook] = []

    def __init__(self) -> None:
        super().__init__()
        UncertaintyLook._kept.append(self)

    def postProcessLayer(  # noqa: N802 - QGIS API
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Called by Processing in the main thread."""
        if isinstance(layer, QgsRasterLayer):
            layer.setRenderer(uncertainty_renderer(layer))


def uncertainty_renderer(layer: QgsRasterLayer) -> QgsSingleBandPseudoColorRenderer:
    """A renderer of the first band from 0 to what hardly a pixel exceeds."""
    provider = layer.dataProvider()
    found = provider.bandStatistics(1, QgsRasterBandStats.All, layer.extent(), _SAMPLE_PIXELS)
    first, *middle, last = (QColor(*colour) for colour in _COLOURS)
    ramp = QgsGradientColorRamp(first, last)
    ramp.setStops([QgsGradientStop((place + 1) / (len(middle) + 1), colour) for place, colour in enumerate(middle)])
    renderer = QgsSingleBandPseudoColorRenderer(provider, 1)
    renderer.setClassificationMin(0.0)
    renderer.setClassificationMax(min(found.maximumValue, found.mean + _DEVIATIONS * found.stdDev) or 1.0)
    renderer.createShader(ramp)
    return renderer
