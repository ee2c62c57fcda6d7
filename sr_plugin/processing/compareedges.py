"""Algorithm ``superres:compareedges``: which edges a super-resolved raster keeps, adds and loses."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingContext,
    QgsProcessingFeedback,
)

from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.errors import SourceNotFound, SuperResolutionError
from sr_plugin.processing import compareedges_parameters as definitions
from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.edge_style import PalettedLook, class_legend, edge_legend
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.layer_source import gdal_dataset_name, why_not_readable
from sr_plugin.processing.runtime_check import can_run_models
from sr_plugin.processing.translation import tr

_RASTERS = ("INPUT", "RESULT", "TRUTH")


class CompareEdgesAlgorithm(Algorithm):
    """Compares edges and sharpness of a raster and its super-resolved version."""

    def __init__(self) -> None:
        super().__init__()
        self._datasets: Dict[str, str] = {}
        self._titles: Dict[str, str] = {}
        self._crs = QgsCoordinateReferenceSystem()

    def name(self) -> str:
        """Stable id."""
        return "compareedges"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Compare edges")

    def tags(self) -> List[str]:
        """Words that people search for."""
        return tr("super-resolution,edges,canny,sobel,sharpness,quality,compare,evaluate,hallucination").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Shows which edges a super-resolved raster keeps, adds and loses.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr(
                "Finds edges in a raster enlarged by bicubic and in its super-resolved version, with the same "
                "thresholds, and classes them: kept (in both), new (in the result only), lost (in the input only)."
            ),
            tr(
                "<b>New edges are not in the input.</b> A generative model may invent them; only a truth of finer "
                "resolution tells which of them are right."
            ),
            tr(
                "Edge density is the share of edge pixels. Sharpness is the root mean square of the Sobel gradient; "
                "noise raises it, too. With a truth, precision is the share of the result's edges that the truth has, "
                "recall the share of the truth's edges that the result has, F1 their harmonic mean."
            ),
            tr(
                "The rasters are brought together by their position, never by pixel numbers. They must have the same "
                "CRS. Compared is what all of them cover."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        parameters = definitions.input_parameters() + definitions.method_parameters()
        for parameter in parameters + definitions.output_parameters():
            self.addParameter(parameter)
        for output in definitions.number_outputs():
            self.addOutput(output)

    def canExecute(self) -> Tuple[bool, str]:  # noqa: N802 - QGIS API
        """Whether a Python to work in is there, and what to do when not."""
        return can_run_models()

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse what can be seen to be wrong before the run starts."""
        layers = {name: self.raster_layer(parameters.get(name), context) for name in _RASTERS}
        for name, layer in layers.items():
            text = parameters.get(name)
            problem = why_not_readable(text) if layer is None and isinstance(text, str) and text else ""
            if problem:
                return False, problem
        # As layers, so that Processing does not refuse dataset names that are no file names.
        found = {name: layer for name, layer in layers.items() if layer is not None}
        try:
            self._settings(parameters, context)
        except SuperResolutionError as error:
            return False, str(error)
        return super().checkParameterValues({**parameters, **found}, context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note dataset names and the CRS while the main thread holds the layers still."""
        for name in _RASTERS:
            layer = self.raster_layer(parameters.get(name), context)
            if layer is not None:
                self._datasets[name] = gdal_dataset_name(layer)
                self._titles[name] = layer.name()
            elif name != "TRUTH" or parameters.get(name) not in (None, ""):
                raise SourceNotFound(tr("The raster {} is missing or cannot be opened.").format(name))
            if name == "RESULT":
                self._crs = layer.crs()

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Compare, and hand files and figures to Processing."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.compare_edges import CompareEdgesRequest, compare_edges

        rasters = {
            name: self.parameterAsOutputLayer(parameters, name, context)
            for name in ("EDGES_INPUT", "EDGES_RESULT", "CLASSES")
            if parameters.get(name) not in (None, "")
        }
        files = {name: self.parameterAsFileOutput(parameters, name, context) for name in ("OUTPUT_HTML", "FIGURE")}
        request = CompareEdgesRequest(
            input=self._datasets["INPUT"],
            result=self._datasets["RESULT"],
            truth=self._datasets.get("TRUTH", ""),
            band=self.parameterAsInt(parameters, "BAND", context),
            settings=self._settings(parameters, context),
            extent=self.sides_of_extent(parameters, context, self._crs),
            edges_input=rasters.get("EDGES_INPUT", ""),
            edges_result=rasters.get("EDGES_RESULT", ""),
            classes=rasters.get("CLASSES", ""),
            report=files["OUTPUT_HTML"],
            figure=files["FIGURE"],
            titles=tuple(self._titles[name] for name in _RASTERS if name in self._titles),
            worker_python=settings.worker_python(),
        )
        result = compare_edges(request, ProcessingFeedback(feedback))
        _set_looks(rasters, context)
        numbers = {name.upper(): value for name, value in vars(result.figures).items()}
        numbers.update(GRADIENT_LOW=result.settings.low, GRADIENT_HIGH=result.settings.high)
        declared = {output.name() for output in self.outputDefinitions()}
        told = {name: value for name, value in numbers.items() if name in declared}
        return {**rasters, **{name: path for name, path in files.items() if path}, **told}

    def _settings(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> EdgeSettings:
        return EdgeSettings(
            method=self.parameterAsEnumString(parameters, "METHOD", context),
            sigma=self.parameterAsDouble(parameters, "SIGMA", context),
            low=self.parameterAsDouble(parameters, "LOW", context),
            high=self.parameterAsDouble(parameters, "HIGH", context),
            quantiles=self.parameterAsEnumString(parameters, "THRESHOLDS", context) == definitions.SHARE,
            tolerance=self.parameterAsInt(parameters, "TOLERANCE", context),
        ).checked()


def _set_looks(rasters: Dict[str, str], context: QgsProcessingContext) -> None:
    """Legends of the rasters that will be loaded into a project."""
    for name, path in rasters.items():
        if context.willLoadLayerOnCompletion(path):
            legend = class_legend() if name == "CLASSES" else edge_legend()
            context.layerToLoadOnCompletionDetails(path).setPostProcessor(PalettedLook(legend))
