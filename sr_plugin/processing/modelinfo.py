"""Algorithm ``superres:modelinfo``: a readable report on a model, and on how a raster fits it."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional, Tuple

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from sr_plugin.core.errors import OutputError, SuperResolutionError
from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.layer_source import gdal_dataset_name
from sr_plugin.processing.superresolve_parameters import DEFAULT_MODEL
from sr_plugin.processing.translation import tr

_MODEL_WIDGET = "sr_plugin.gui.model_chooser.ModelChooserWrapper"
#: REACH of models in which every pixel sees the whole tile.
WHOLE_TILE = -1


def model_parameter() -> QgsProcessingParameterString:
    """A model by name or file, with a chooser in dialogs."""
    parameter = QgsProcessingParameterString("MODEL", tr("Model"), settings.MODEL.value())
    parameter.setMetadata({"widget_wrapper": {"class": _MODEL_WIDGET}})
    parameter.setHelp(tr("A shipped or installed model by its name, or the path of a model file or card."))
    return parameter


class ModelInfoAlgorithm(Algorithm):
    """Tells what a model takes, gives and needs."""

    def __init__(self) -> None:
        super().__init__()
        self._dataset = ""

    def name(self) -> str:
        """Stable id."""
        return "modelinfo"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Show model information")

    def tags(self) -> list:
        """Words that people search for."""
        return tr("super-resolution,model,checkpoint,weights,card,onnx,safetensors,information").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Tells what a model takes, gives and needs, and whether a raster fits it.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        return tr(
            "Recognises a model file and reports its architecture, scale, bands, value range, reach, licence and "
            "checksum. The model is shown a test image, which reveals a wrong value range or band order. With a "
            "raster, the report says whether its bands, resolution and values fit. REACH is -1 where every pixel of "
            "the result depends on the whole tile."
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        self.addParameter(model_parameter())
        raster = QgsProcessingParameterRasterLayer("INPUT", tr("Raster to check the model with"), None, True)
        raster.setHelp(tr("Optional: a raster that is to be super-resolved with this model."))
        self.addParameter(raster)
        report = QgsProcessingParameterFileDestination(
            "OUTPUT_HTML", tr("Report"), tr("HTML files (*.html)"), None, True
        )
        report.setHelp(tr("The report as a web page."))
        self.addParameter(report)
        self.addOutput(QgsProcessingOutputString("JSON", tr("All facts as JSON")))
        self.addOutput(QgsProcessingOutputNumber("SCALE", tr("Scale factor")))
        self.addOutput(QgsProcessingOutputNumber("REACH", tr("Reach in input pixels (-1: the whole tile)")))

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse an empty model before the run starts."""
        if not str(parameters.get("MODEL", DEFAULT_MODEL) or "").strip():
            return False, tr("No model is chosen.")
        return super().checkParameterValues(parameters, context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note the dataset name of the raster while the main thread holds its layer still."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        self._dataset = gdal_dataset_name(layer) if layer is not None else ""

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Make the report."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.core.model_page import refusal_html, report_html
        from sr_plugin.core.model_report import report_text
        from sr_plugin.pipeline.model_info import model_info
        from sr_plugin.pipeline.superresolve import worker_factory

        reference = self.parameterAsString(parameters, "MODEL", context).strip()
        path = self.parameterAsFileOutput(parameters, "OUTPUT_HTML", context)
        try:
            record = model_info(reference, worker_factory(settings.worker_python()), self._dataset, feedback.pushInfo)
        except SuperResolutionError as error:
            # A page that was asked for says why; the run fails all the same.
            if path:
                _write(path, refusal_html(reference, error))
            raise
        for line in report_text(record).splitlines():
            feedback.pushInfo(line)
        results: Dict[str, Any] = {
            "JSON": json.dumps(record),
            "SCALE": record["scale"],
            "REACH": WHOLE_TILE if record["reach"] is None else record["reach"],
        }
        if path:
            _write(path, report_html(record))
            results["OUTPUT_HTML"] = path
        return results


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(tr("The report '{}' cannot be written ({}).").format(path, error)) from error
