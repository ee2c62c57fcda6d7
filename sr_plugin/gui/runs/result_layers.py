"""Loads what a run made into the project, right above the layer that it was made from."""

from __future__ import annotations

from typing import List

from qgis.core import QgsMapLayer, QgsProcessingContext, QgsProcessingFeedback, QgsProject, QgsRasterLayer

from sr_plugin.core.errors import OutputError
from sr_plugin.processing.result_layer import ResultFinish
from sr_plugin.processing.translation import tr


def load_results(context: QgsProcessingContext, source_id: str, feedback: QgsProcessingFeedback) -> List[QgsMapLayer]:
    """Add the results of a finished run to the project.

    Args:
        context: of the run.
        source_id: id of the layer above which the results go; without one they go to the top.
        feedback: where post-processors report to.

    Raises:
        OutputError: when a result cannot be opened.
    """
    layers = []
    for name, details in context.layersToLoadOnCompletion().items():
        processor = details.postProcessor()
        styled = isinstance(processor, ResultFinish) and processor.brings_look
        layer = QgsRasterLayer(name, details.name, "gdal", QgsRasterLayer.LayerOptions(not styled))
        if not layer.isValid():
            raise OutputError(tr("The result '{}' was written but cannot be opened.").format(name))
        details.setOutputLayerName(layer)
        if processor is not None:
            processor.postProcessLayer(layer, context, feedback)
        place_above(details.project, layer, source_id)
        layers.append(layer)
    return layers


def place_above(project: QgsProject, layer: QgsMapLayer, source_id: str) -> None:
    """Add a layer to a project, directly above another one."""
    root = project.layerTreeRoot()
    source = root.findLayer(source_id) if source_id else None
    project.addMapLayer(layer, False)
    group = root if source is None else source.parent()
    node = group.insertLayer(0 if source is None else group.children().index(source), layer)
    # Its legend says that its detail was modelled.
    node.setExpanded(True)
    if source is not None and root.hasCustomLayerOrder():
        order = [other for other in root.customLayerOrder() if other.id() != layer.id()]
        place = next((i for i, other in enumerate(order) if other.id() == source_id), 0)
        root.setCustomLayerOrder(order[:place] + [layer] + order[place:])
