"""Algorithm ``superres:superresolve``: from the parameters of Processing to one run of the pipeline."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, Iterator, Optional, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsRasterLayer,
)

from sr_plugin.core.errors import Cancelled, ParameterError, SourceNotFound
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest, SuperResolveResult, named_models
from sr_plugin.processing import settings
from sr_plugin.processing import superresolve_parameters as definitions
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.layer_source import (
    CopiedProvider,
    StandIn,
    layer_of_dataset,
    not_a_file,
    stand_in_of,
    why_not_readable,
)
from sr_plugin.processing.mask_source import mask_polygons
from sr_plugin.processing.result_style import look_of
from sr_plugin.processing.runtime_check import can_run_models
from sr_plugin.processing.translation import tr
from sr_plugin.processing.uncertainty_parameters import DESTINATIONS, uncertainty_parameters

if TYPE_CHECKING:
    from sr_plugin.pipeline.run_listing import RunListing

_EXTENSIONS = (".tif", ".tiff")


class SuperResolveAlgorithm(Algorithm):
    """Makes a raster K times as fine with a super-resolution model."""

    def __init__(self) -> None:
        super().__init__()
        self._dataset = ""
        self._stand_in: Optional[StandIn] = None
        self._layer_name = ""
        self._look = ""
        self._crs = QgsCoordinateReferenceSystem()
        self._is_cancelled: Callable[[], bool] = lambda: False

    def name(self) -> str:
        """Stable id."""
        return "superresolve"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Super-resolve raster")

    def tags(self) -> list:
        """Words that people search for."""
        return tr("super-resolution,upscale,sharpen,enhance,sentinel-2,landsat,deep learning,sr,resolution").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Makes a raster finer with a model that estimates the missing detail.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr("Makes a raster finer by a whole factor (x2, x4) with a super-resolution model."),
            tr(
                "Values stay in the units of the input. Position, CRS, nodata and band names are kept, and each "
                "pixel of the input becomes exactly K x K pixels of the result."
            ),
            tr(
                "<b>A model estimates detail; it does not measure it.</b> Do not read from the result what the sensor "
                "could not see. The interpolations bicubic:K and nearest:K add nothing and serve as a yardstick."
            ),
            tr(
                "The shipped models s2-rgbn-x2 and s2-rgbn-x4 expect the Sentinel-2 bands B04, B03, B02, B08 "
                "(red, green, blue, near infrared) as reflectance. x2 is the more trustworthy one. "
                "s2-rgb-x4-gan gives red, green and blue firmer edges, but invents some of them: for the eye only. "
                "any-x2, any-x3 and any-x4 take every band of any sensor on its own, also 8-bit images."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        parameters = definitions.input_parameters() + definitions.run_parameters() + definitions.advanced_parameters()
        for parameter in [*parameters, definitions.output_parameter(), *uncertainty_parameters()]:
            self.addParameter(parameter)
        for output in definitions.number_and_text_outputs():
            self.addOutput(output)

    def canExecute(self) -> Tuple[bool, str]:  # noqa: N802 - QGIS API
        """Whether a Python to run models is there, and what to do when not."""
        return can_run_models()

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse what can be seen to be wrong before the run starts."""
        parameters = self.with_input_layer(parameters, context)
        problem = (
            self.input_problem(parameters, context)
            or self._outputs_problem(parameters, context)
            or self._option_problem(parameters, context)
        )
        return (False, problem) if problem else super().checkParameterValues(parameters, context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note dataset name, CRS and look of the input while the main thread holds its layer still."""
        layer = self._input_layer(parameters, context)
        if layer is None:
            raise SourceNotFound(tr("The input raster is missing or cannot be opened."))
        self._stand_in = stand_in_of(layer)
        self._dataset = "" if self._stand_in is not None else layer.source()
        self._layer_name = layer.name()
        self._crs = layer.crs()
        pictures = isinstance(self._stand_in, CopiedProvider) and self._stand_in.rendered
        if _is_in_project(layer, context) and not pictures:
            self._look = look_of(layer)

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the pipeline, on a temporary dataset where the layer is no file."""
        with self.readable(parameters, context, feedback):
            return self._run_pipeline(parameters, context, feedback)

    @contextlib.contextmanager
    def readable(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Iterator[None]:
        """While it lasts, GDAL can open the input: a layer that is no file has a temporary dataset in its place.

        Raises:
            SuperResolutionError: when that dataset cannot be made.
        """
        self._is_cancelled = feedback.isCanceled
        resolution = self._optional_number(parameters, "RESOLUTION", context)
        if self._stand_in is None:
            if resolution is not None:
                feedback.pushWarning(tr("The raster is a file and is read as it is; the resolution is not used."))
            yield
            return
        # Imported here: few layers need it.
        from sr_plugin.processing.provider_copy import temporary_folder

        with temporary_folder() as folder:
            extent = self.sides_of_extent(parameters, context, self._crs)
            self._dataset = self._stand_in.write(folder, extent, resolution, feedback)
            try:
                yield
            finally:
                self._dataset = ""

    @property
    def look(self) -> str:
        """Style XML of the input, empty where it has none that fits a result; known after :meth:`prepare`."""
        return self._look

    def _run_pipeline(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the pipeline and hand its figures to Processing."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.superresolve import superresolve

        request = self.request(parameters, context)
        told = ProcessingFeedback(feedback)
        with self.listing(parameters, context, told) as listing:
            result = self.finished(superresolve(request, told, listing=listing), parameters, context, feedback)
        self.prepare_loading(request, result, context)
        beside = {"UNCERTAINTY": result.uncertainty, "UNCERTAINTY_MASK": result.uncertainty_mask}
        return {
            **{name: path for name, path in beside.items() if path},
            "OUTPUT": result.output,
            "SCALE": result.scale,
            "DEVICE": result.device,
            "PRECISION": result.precision,
            "SECONDS": round(result.seconds, 2),
            "CONSISTENCY_RMSE": result.consistency_rmse,
        }

    def listing(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: RunFeedback
    ) -> ContextManager[Optional[RunListing]]:
        """Under what the run is found when it is interrupted; None where it is by its request alone."""
        return contextlib.nullcontext()

    def finished(
        self,
        result: SuperResolveResult,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> SuperResolveResult:
        """The result as it is handed over; subclasses may still change its files."""
        return result

    def request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> SuperResolveRequest:
        """What the parameters ask for; call :meth:`prepare` before.

        Raises:
            SuperResolutionError: when extent or mask cannot be used, or the layer is no raster file.
        """
        if not self._dataset:
            raise not_a_file(self._layer_name)
        margin = self._optional_number(parameters, "MARGIN", context)
        output_type = self.parameterAsEnumString(parameters, "OUTPUT_TYPE", context)
        return SuperResolveRequest(
            input=self._dataset,
            output=self.parameterAsOutputLayer(parameters, "OUTPUT", context),
            model=self.parameterAsString(parameters, "MODEL", context).strip(),
            bands=self.band_numbers(parameters, context),
            extent=self._extent(parameters, context),
            mask=self._mask(parameters, context),
            device=self.parameterAsString(parameters, "DEVICE", context).strip() or "auto",
            precision=self.parameterAsEnumString(parameters, "PRECISION", context),
            output_type="" if output_type == definitions.SAME_TYPE else output_type,
            consistency=self.parameterAsBoolean(parameters, "CONSISTENCY", context),
            tile=self.parameterAsInt(parameters, "TILE_SIZE", context),
            margin=None if margin is None else int(margin),
            normalisation=self.parameterAsString(parameters, "NORMALISATION", context).strip() or "auto",
            nodata=self._optional_number(parameters, "NODATA", context),
            other_bands=self.parameterAsEnumString(parameters, "OTHER_BANDS", context),
            luminance=self.parameterAsBoolean(parameters, "LUMINANCE", context),
            exact=self.parameterAsBoolean(parameters, "EXACT", context),
            cog=self.parameterAsBoolean(parameters, "COG", context),
            uncertainty=self._optional_output(parameters, "UNCERTAINTY", context),
            uncertainty_limit=self._optional_number(parameters, "UNCERTAINTY_LIMIT", context),
            uncertainty_mask=self._optional_output(parameters, "UNCERTAINTY_MASK", context),
            uncertainty_models=named_models(self.parameterAsString(parameters, "UNCERTAINTY_MODELS", context)),
            keep_partial=self.parameterAsBoolean(parameters, "KEEP_PARTIAL", context),
            create_options=self.create_options(parameters, context),
            worker_python=settings.worker_python(),
        )

    def band_numbers(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[int, ...]:
        """Bands that go into the model, in its order; empty where they are to be found by name."""
        return tuple(self.parameterAsInts(parameters, "BANDS", context))

    def _optional_number(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> Optional[float]:
        # Read as text first: as a number, an empty value could not be told from 0.
        if not self.parameterAsString(parameters, name, context).strip():
            return None
        return self.parameterAsDouble(parameters, name, context)

    def _optional_output(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        """Path of a file that need not be written; empty where it is not wanted."""
        return self.parameterAsOutputLayer(parameters, name, context) if parameters.get(name) else ""

    def create_options(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[str, ...]:
        """The user's creation options."""
        text = self.parameterAsString(parameters, "CREATE_OPTIONS", context)
        return tuple(option.strip() for option in text.split("|") if option.strip())

    def _extent(
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Optional[Tuple[float, float, float, float]]:
        """The extent in GDAL's coordinates of the raster; None where none was given."""
        sides = self.sides_of_extent(parameters, context, self._crs)
        return None if sides is None else self._in_raster_coordinates(sides)

    def _in_raster_coordinates(self, sides: Tuple[float, float, float, float]) -> Tuple[float, float, float, float]:
        """QGIS counts rows of a raster without georeferencing downwards from 0 to -height, GDAL from 0 to height."""
        georeferenced, control_points = self._placement()
        if georeferenced:
            return sides
        if control_points:
            raise ParameterError(
                tr("The raster is placed by control points only, so no extent can be cut from it."),
                tr("Leave the extent out, or warp the raster first."),
            )
        return sides[0], -sides[3], sides[2], -sides[1]

    def _mask(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Optional[Tuple[bytes, ...]]:
        if parameters.get("MASK") in (None, ""):
            return None
        source = self.parameterAsSource(parameters, "MASK", context)
        if source is None:
            raise ParameterError(tr("The mask layer cannot be opened."), tr("Choose a polygon layer."))
        if not self._placement()[0]:
            raise ParameterError(
                tr("The raster is not georeferenced, so no polygons can lie in it."), tr("Leave the mask out.")
            )
        return mask_polygons(source, self._crs, context)

    def _placement(self) -> Tuple[bool, bool]:
        """Whether the raster is georeferenced, and whether it has control points; a file that blocks can be left."""
        from sr_plugin.pipeline.threads import run_patiently
        from sr_plugin.raster.source import RasterSource

        def look() -> Tuple[bool, bool]:
            source = RasterSource(self._dataset)
            return source.georeferenced, bool(source.control_points[0])

        return run_patiently("sr-open", look, self._stop_when_cancelled)

    def _stop_when_cancelled(self) -> None:
        if self._is_cancelled():
            raise Cancelled(tr("The run was cancelled."))

    def _input_layer(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Optional[QgsRasterLayer]:
        """The input as a layer: one of the project, a file, or any other GDAL dataset name. None where it fails."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        if layer is not None and layer.isValid():
            return layer
        text = self.parameterAsString(parameters, "INPUT", context).strip()
        return layer_of_dataset(text) if text else None

    def with_input_layer(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Dict[str, Any]:
        """The input as a layer, so that Processing does not refuse dataset names that are no file names."""
        layer = self._input_layer(parameters, context)
        return parameters if layer is None else {**parameters, "INPUT": layer}

    def input_problem(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        """What is wrong with an input given as text; Processing itself would only say that it was not found."""
        text = parameters.get("INPUT")
        return why_not_readable(text) if isinstance(text, str) else ""

    def _option_problem(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        if not self.parameterAsString(parameters, "MODEL", context).strip():
            return tr("No model is chosen.")
        for option in self.create_options(parameters, context):
            if "=" not in option[1:]:
                return tr("'{}' is no GeoTIFF creation option. Write KEY=VALUE, with | between options.").format(option)
        return ""

    def _outputs_problem(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        problems = (self._output_problem(parameters.get(name), context) for name in ("OUTPUT", *DESTINATIONS))
        return next((problem for problem in problems if problem), "")

    def _output_problem(self, value: Any, context: QgsProcessingContext) -> str:
        """What is wrong with the name of the output; empty where nothing is."""
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value = value.sink.valueAsString(context.expressionContext())[0]
        extension = os.path.splitext(value)[1].lower() if isinstance(value, str) else ""
        if not extension or extension in _EXTENSIONS:
            return ""
        return tr("The result is always a GeoTIFF: its name must end in .tif, not in {}.").format(extension)

    def prepare_loading(
        self, request: SuperResolveRequest, result: SuperResolveResult, context: QgsProcessingContext
    ) -> None:
        """Names, looks and notes of the files where they will be loaded into a project."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.processing.result_loading import ResultLoading

        ResultLoading(self, context, self._layer_name, self._look).prepare(request, result)

    def result_name(self, result: SuperResolveResult) -> str:
        """What the layer of a result is called."""
        return f"{self._layer_name} x{result.scale}"


def _is_in_project(layer: QgsRasterLayer, context: QgsProcessingContext) -> bool:
    """True for a layer that someone looks at; one opened from a file has no look worth keeping."""
    project = context.project()
    return project is not None and project.mapLayer(layer.id()) is not None
