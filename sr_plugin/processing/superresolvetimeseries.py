"""Algorithm ``superres:superresolvetimeseries``: several rasters of one place fused into one finer raster."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsRasterLayer

from sr_plugin.core.errors import BandError, ParameterError, SourceNotFound
from sr_plugin.core.series_dates import parse_date
from sr_plugin.processing import superresolvetimeseries_parameters as definitions
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.layer_source import not_a_file, stand_in_of
from sr_plugin.processing.result_style import look_of
from sr_plugin.processing.superresolve import SuperResolveAlgorithm
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.series_request import SeriesRequest, SeriesResult, SeriesView


class SuperResolveTimeSeriesAlgorithm(SuperResolveAlgorithm):
    """Makes one finer raster of several of one place."""

    def __init__(self) -> None:
        super().__init__()
        self._views: Tuple[SeriesView, ...] = ()

    def name(self) -> str:
        """Stable id."""
        return "superresolvetimeseries"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Super-resolve time series")

    def tags(self) -> List[str]:
        """Words that people search for."""
        words = tr("super-resolution,multi-image,multi-frame,series,dates,fusion,co-registration,clouds,stack")
        return words.split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Fuses several rasters of one place, shifted by fractions of a pixel, into one finer raster.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr(
                "Several rasters of one place see it through pixels that lie a fraction of a pixel apart. Together "
                "they hold finer detail than each of them. This algorithm finds these shifts, brings the rasters to "
                "the values of a reference, leaves out clouds and what changed, and fuses the rest on a grid K times "
                "as fine."
            ),
            tr(
                "The result is the reference, sharper: its date, its values, its grid. Where other dates show "
                "something else, they do not count; the changed pixels can be written as a raster of their own."
            ),
            tr(
                "<b>Detail that several views agree on was measured; what the network series-x2 adds is estimated; "
                "it does not measure it.</b> With shift-and-add:K nothing is added. With one raster there is "
                "nothing to fuse, and the result is an interpolation, sharpened."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        parameters = definitions.input_parameters() + definitions.run_parameters() + definitions.advanced_parameters()
        for parameter in parameters + definitions.output_parameters():
            self.addParameter(parameter)
        for output in definitions.number_and_text_outputs():
            self.addOutput(output)

    def with_input_layer(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Dict[str, Any]:
        """Several layers are resolved one by one."""
        return parameters

    def input_problem(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        """What is wrong with rasters, masks and names; empty where nothing is."""
        given = len(_listed(parameters.get("INPUTS")))
        if not given or len(self._layers(parameters, "INPUTS", context)) < given:
            return tr("One of the rasters is missing or cannot be opened.") if given else tr("No raster is chosen.")
        masks = len(_listed(parameters.get("MASKS")))
        if masks and masks != given:
            return tr("There are {} rasters, but {} masks.").format(given, masks)
        return self._output_problem(parameters.get("CHANGES"), context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note names, dates and masks of the rasters, and the look of the reference, while the layers hold still."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.pipeline.series import reference_of
        from sr_plugin.pipeline.series_request import SeriesView

        layers = self._layers(parameters, "INPUTS", context)
        masks = [_dataset_of(layer) for layer in self._layers(parameters, "MASKS", context)]
        if not layers:
            raise SourceNotFound(tr("No raster is chosen, or none can be opened."))
        if masks and len(masks) != len(layers):
            raise ParameterError(tr("There are {} rasters, but {} masks.").format(len(layers), len(masks)))
        dates = self._dates(parameters, len(layers), context)
        masks = masks or [""] * len(layers)
        names = [_dataset_of(layer) for layer in layers]
        self._views = tuple(SeriesView(*facts) for facts in zip(names, masks, dates))
        reference = layers[reference_of(self._views, self._reference_date(parameters, context))]
        self._dataset, self._layer_name, self._crs = reference.source(), reference.name(), reference.crs()
        project = context.project()
        if project is not None and project.mapLayer(reference.id()) is not None:
            self._look = look_of(reference)

    def _layers(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> List[QgsRasterLayer]:
        if not parameters.get(name):
            return []
        layers = self.parameterAsLayerList(parameters, name, context)
        return [layer for layer in layers if isinstance(layer, QgsRasterLayer) and layer.isValid()]

    def _dates(
        self, parameters: Dict[str, Any], count: int, context: QgsProcessingContext
    ) -> List[Optional[datetime.date]]:
        text = self.parameterAsString(parameters, "DATES", context)
        if not text.strip():
            return [None] * count
        dates = [parse_date(part) for part in text.split(",")]
        if len(dates) != count:
            raise ParameterError(
                tr("There are {} rasters, but {} dates.").format(count, len(dates)),
                tr("Write one date for each raster, with commas between them; an empty one is looked for."),
            )
        return dates

    def _reference_date(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Optional[datetime.date]:
        if parameters.get("REFERENCE_DATE") in (None, ""):
            return None
        date = self.parameterAsDateTime(parameters, "REFERENCE_DATE", context).date()
        if not date.isValid():
            raise ParameterError(tr("The reference date is none."), tr("Write it as 2020-06-04."))
        return datetime.date(date.year(), date.month(), date.day())

    @contextlib.contextmanager
    def readable(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Iterator[None]:
        """All rasters are files."""
        self._is_cancelled = feedback.isCanceled
        yield

    def band_numbers(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[int, ...]:
        """Bands that go into the model, in its order; empty where they are to be found by name."""
        text = self.parameterAsString(parameters, "BANDS", context).strip()
        try:
            return tuple(int(part) for part in text.split(",") if part.strip())
        except ValueError:
            raise BandError(tr("'{}' are no band numbers.").format(text), tr("Write for example 1,2,3.")) from None

    def series_request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> SeriesRequest:
        """What the parameters ask for; call :meth:`prepare` before."""
        from sr_plugin.pipeline.series_request import SeriesRequest

        run = dataclasses.replace(
            self.request(parameters, context), consistency=False, luminance=False, exact=False, other_bands="drop"
        )
        days = self._optional_number(parameters, "MAX_DAYS", context)
        changes = parameters.get("CHANGES")
        return SeriesRequest(
            run=run,
            views=self._views,
            reference_date=self._reference_date(parameters, context),
            span_days=None if days is None else int(days),
            match=self.parameterAsEnumString(parameters, "MATCH", context),
            threshold=self.parameterAsDouble(parameters, "THRESHOLD", context),
            register=self.parameterAsBoolean(parameters, "REGISTER", context),
            changes=self.parameterAsOutputLayer(parameters, "CHANGES", context) if changes else "",
        )

    def _run_pipeline(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        from sr_plugin.pipeline.series import superresolve_series

        request = self.series_request(parameters, context)
        result = superresolve_series(request, ProcessingFeedback(feedback))
        self.prepare_loading(request.run, result.run, context)
        outputs = {
            "OUTPUT": result.run.output,
            "SCALE": result.run.scale,
            "DEVICE": result.run.device,
            "PRECISION": result.run.precision,
            "SECONDS": round(result.run.seconds, 2),
            "VIEWS_USED": len(result.views),
            "VIEWS": _views_text(result),
        }
        return {**outputs, "CHANGES": result.changes} if result.changes else outputs


def _listed(value: Any) -> Sequence[Any]:
    """The members of a value of several layers; one layer counts as a list of one."""
    if not value:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _dataset_of(layer: QgsRasterLayer) -> str:
    """GDAL's name of a layer.

    Raises:
        UnsupportedRaster: when it is no raster file.
    """
    if stand_in_of(layer) is not None:
        raise not_a_file(layer.name())
    return layer.source()


def _views_text(result: SeriesResult) -> str:
    views = [{**dataclasses.asdict(view), "date": view.date.isoformat() if view.date else ""} for view in result.views]
    return json.dumps(views)
