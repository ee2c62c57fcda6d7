"""Loads what a run made into the project, right above the layer that it was made from."""

from __future__ import annotations

from typing import List

from qgis.core import (
    QgsLayerTreeLayer,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
)

from sr_plugin.core.errors import OutputError
from sr_plugin.processing.result_layer import ResultFinish
from sr_plugin.processing.translation import tr

#: In which order the files of a run are added that tell of its result.
_ORDER = {"CHANGES": 1, "UNCERTAINTY": 1, "UNCERTAINTY_MASK": 2}


def load_results(context: QgsProcessingContext, source_id: str, feedback: QgsProcessingFeedback) -> List[QgsMapLayer]:
    """Add the results of a finished run to the project, the result itself right above its source.

    What tells of it, such as its uncertainty, lies above it, and is switched off so as not to hide it.

    Args:
        context: of the run.
        source_id: id of the layer above which the results go; without one they go to the top.
        feedback: where post-processors report to.

    Returns:
        The layers, the result first.

    Raises:
        OutputError: when a result cannot be opened.
    """
    layers: List[QgsMapLayer] = []
    # Each goes right above the one before.
    below = source_id
    wanted = context.layersToLoadOnCompletion().items()
    for name, details in sorted(wanted, key=lambda item: _ORDER.get(item[1].outputName, 0)):
        processor = details.postProcessor()
        styled = isinstance(processor, ResultFinish) and processor.brings_look
        layer = QgsRasterLayer(name, details.name, "gdal", QgsRasterLayer.LayerOptions(not styled))
        if not layer.isValid():
            raise OutputError(tr("The result '{}' was written but cannot be opened.").format(name))
        details.setOutputLayerName(layer)
        if processor is not None:
            processor.postProcessLayer(layer, context, feedback)
        node = place_above(details.project, layer, below)
        tells_of_it = details.outputName in _ORDER
        node.setItemVisibilityChecked(not tells_of_it)
        # The legend of the result says that its detail was modelled.
        node.setExpanded(not tells_of_it)
        below = layer.id()
        layers.append(layer)
    return layers


def place_above(project: QgsProject, layer: QgsMapLayer, source_id: str) -> QgsLayerTreeLayer:
    """Add a layer to a project, directly above another one; gives its node in the layer tree."""
    root = project.layerTreeRoot()
    source = root.findLayer(source_id) if source_id else None
    project.addMapLayer(layer, False)
    group = root if source is None else source.parent()
    node = group.insertLayer(0 if source is None else group.children().index(source), layer)
    if source is not None and root.hasCustomLayerOrder():
        order = [other for other in root.customLayerOrder() if other.id() != layer.id()]
        place = next((i for i, other in enumerate(order) if other.id() == source_id), 0)
        root.setCustomLayerOrder(order[:place] + [layer] + order[place:])
    return node
