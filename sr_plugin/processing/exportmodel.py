"""Algorithm ``superres:exportmodel``: a model in another form."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
)

from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.modelinfo import model_parameter
from sr_plugin.processing.translation import tr

FORMATS = ("onnx", "safetensors")


class ExportModelAlgorithm(Algorithm):
    """Writes a model as ONNX, or as safetensors with a card."""

    def name(self) -> str:
        """Stable id."""
        return "exportmodel"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Export model")

    def tags(self) -> list:
        """Words that people search for."""
        return tr("super-resolution,model,checkpoint,weights,export,convert,onnx,safetensors").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Writes a model as ONNX, or as safetensors with a model card.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        return tr(
            "Writes a model in a form that is safe to pass on: ONNX (runs without PyTorch, takes tiles of any size "
            "where the network allows, and carries scale, bands, value range and reach as metadata), or safetensors "
            "with a model card of the same name beside it. An ONNX file is compared with the original first. Models "
            "of several images, or of bands of several pixel sizes, are written as safetensors only."
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        self.addParameter(model_parameter())
        kind = QgsProcessingParameterEnum("FORMAT", tr("Format"), list(FORMATS), False, FORMATS[0], False, True)
        kind.setHelp(tr("onnx runs anywhere; safetensors keeps the tensors for training and for GPUs."))
        self.addParameter(kind)
        output = QgsProcessingParameterFileDestination(
            "OUTPUT", tr("Exported model"), tr("ONNX (*.onnx);;Safetensors (*.safetensors)")
        )
        output.setHelp(tr("The file to write. Its ending must be that of the format."))
        self.addParameter(output)
        self.addOutput(QgsProcessingOutputString("FILES", tr("Files that were written, one a line")))

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse an empty model before the run starts."""
        if not str(parameters.get("MODEL", "x") or "").strip():
            return False, tr("No model is chosen.")
        return super().checkParameterValues(parameters, context)

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Write the file."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.model_export import export_model
        from sr_plugin.pipeline.superresolve import worker_factory

        kind = self.parameterAsEnumString(parameters, "FORMAT", context)
        output = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        reference = self.parameterAsString(parameters, "MODEL", context).strip()
        exported = export_model(reference, kind, output, worker_factory(settings.worker_python()), feedback.pushInfo)
        for note in exported.notes:
            feedback.pushWarning(note)
        return {"OUTPUT": exported.files[0], "FILES": "\n".join(exported.files)}
