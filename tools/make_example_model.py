"""Write the example of a graphical model: a Sentinel-2 raster in, a super-resolved raster out."""

from __future__ import annotations

import argparse
import os
import sys

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_TARGET = os.path.join(PROJECT, "resources", "examples", "superresolve_sentinel2.model3")
CHILD = "superresolve"


def example_model():
    """The model; QGIS must be running and the plugin's provider registered."""
    from qgis.core import (
        QgsApplication,
        QgsProcessingModelAlgorithm,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
        QgsProcessingModelParameter,
        QgsProcessingParameterRasterLayer,
    )
    from qgis.PyQt.QtCore import QPointF

    model = QgsProcessingModelAlgorithm("Super-resolve Sentinel-2", "Super-resolution")
    source = QgsProcessingModelParameter("INPUT")
    source.setPosition(QPointF(150, 60))
    source.setDescription("Sentinel-2 raster")
    model.setHelpContent(
        {
            "ALG_DESC": "Makes a Sentinel-2 raster in reflectance, with bands B04, B03, B02 and B08, twice as fine.",
            "INPUT": "The bands are found by their names; without names they are taken in the order above.",
        }
    )
    model.addModelParameter(QgsProcessingParameterRasterLayer("INPUT", "Sentinel-2 raster"), source)

    step = QgsProcessingModelChildAlgorithm("superres:superresolve")
    step.setChildId(CHILD)
    step.setDescription("Super-resolve raster")
    step.setPosition(QPointF(150, 180))
    step.addParameterSources("INPUT", [QgsProcessingModelChildParameterSource.fromModelParameter("INPUT")])
    # All values that have a default are written down: without them the modeler calls the step incomplete.
    for parameter in QgsApplication.processingRegistry().algorithmById("superres:superresolve").parameterDefinitions():
        if parameter.defaultValue() not in (None, ""):
            value = QgsProcessingModelChildParameterSource.fromStaticValue(parameter.defaultValue())
            step.addParameterSources(parameter.name(), [value])
    result = QgsProcessingModelOutput("OUTPUT", "Super-resolved")
    result.setChildId(CHILD)
    result.setChildOutputName("OUTPUT")
    result.setPosition(QPointF(150, 300))
    step.setModelOutputs({"OUTPUT": result})
    model.addChildAlgorithm(step)
    model.updateDestinationParameters()
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", default=DEFAULT_TARGET, help="default: resources/examples")
    target = os.path.abspath(parser.parse_args().target)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path.insert(0, PROJECT)
    from qgis.core import QgsApplication

    from sr_plugin import classFactory

    application = QgsApplication([], False)
    application.initQgis()
    plugin = classFactory(None)
    plugin.initProcessing()
    os.makedirs(os.path.dirname(target), exist_ok=True)
    written = example_model().toFile(target)
    plugin.unload()
    application.exitQgis()
    if not written:
        sys.exit(f"{target} cannot be written.")
    print(target)


if __name__ == "__main__":
    main()
