"""Algorithm ``superres:evaluate``: how good super-resolved rasters are, measured by a truth or by their input."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeatureSink,
    QgsProcessingContext,
    QgsProcessingFeedback,
)

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import OutputError, SourceNotFound
from sr_plugin.core.evaluation import BICUBIC
from sr_plugin.processing import evaluate_parameters as definitions
from sr_plugin.processing import settings
from sr_plugin.processing.algorithm import Algorithm
from sr_plugin.processing.evaluation_tiles import TileLook, tile_features, tile_fields
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.layer_source import gdal_dataset_name, why_not_readable
from sr_plugin.processing.mask_source import labelled_polygons, mask_polygons
from sr_plugin.processing.qgis_enums import POLYGON_GEOMETRY
from sr_plugin.processing.runtime_check import can_run_models
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.evaluation_request import EvaluateRequest, EvaluateResult

_FILES = {"OUTPUT_HTML": "report", "OUTPUT_CSV": "table", "OUTPUT_JSON": "summary", "FIGURE": "figure"}


class EvaluateAlgorithm(Algorithm):
    """Judges and ranks super-resolved rasters."""

    def __init__(self) -> None:
        super().__init__()
        self._datasets: Dict[str, List[str]] = {}
        self._titles: List[str] = []
        self._crs = QgsCoordinateReferenceSystem()
        self._mask: Tuple[bytes, ...] = ()
        self._polygons: List[Tuple[bytes, str]] = []

    def name(self) -> str:
        """Stable id."""
        return "evaluate"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Evaluate results")

    def tags(self) -> List[str]:
        """Words that people search for."""
        return tr(
            "super-resolution,evaluate,quality,metrics,psnr,ssim,ms-ssim,sam,ergas,uqi,scc,rmse,ranking,accuracy,"
            "hallucination,consistency,ndvi,land cover"
        ).split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Measures and ranks super-resolved rasters, by a truth or by their input.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr(
                "Measures super-resolved rasters and, as the yardstick, the input enlarged by bicubic: PSNR, SSIM, "
                "MS-SSIM, SAM, ERGAS, UQI, SCC and RMSE by band and overall; sharpness and edges; consistency with the "
                "input; improvement, omission and hallucination; errors of NDVI, NBR, iron oxide and clay ratios where "
                "the bands are there; and, with training polygons, land cover."
            ),
            tr(
                "<b>PSNR and its like reward caution, sharpness rewards invention.</b> Judge a generative model by "
                "improvement against hallucination. Without a truth only the agreement with the input can be measured: "
                "detail that is wrong but averages out is not seen."
            ),
            tr(
                "The uncertainty of the first result is judged by the truth: how well it ranks the errors, and how "
                "large they are where it is low. A low uncertainty is no proof."
            ),
            tr(
                "The rasters are brought together by their position and must have the same CRS. Only pixels that are "
                "valid in all of them count, so that all are judged by the same pixels. Tiles add up exactly: figures "
                "do not depend on the tile size."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        parameters = definitions.input_parameters() + definitions.method_parameters()
        for parameter in parameters + definitions.output_parameters():
            self.addParameter(parameter)
        for output in definitions.declared_outputs():
            self.addOutput(output)

    def canExecute(self) -> Tuple[bool, str]:  # noqa: N802 - QGIS API
        """Whether a Python to work in is there, and what to do when not."""
        return can_run_models()

    def checkParameterValues(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext
    ) -> Tuple[bool, str]:
        """Refuse what can be seen to be wrong before the run starts."""
        results = parameters.get("RESULTS")
        texts = [parameters.get("INPUT"), *(results if isinstance(results, list) else []), parameters.get("TRUTH")]
        texts.append(parameters.get("UNCERTAINTY"))
        for text in texts:
            if isinstance(text, str) and text and self.raster_layer(text, context) is None and why_not_readable(text):
                return False, why_not_readable(text)
        if parameters.get("UNCERTAINTY") not in (None, "") and parameters.get("TRUTH") in (None, ""):
            return False, tr("Without a truth an uncertainty cannot be judged. Give a truth, or leave it out.")
        if parameters.get("POLYGONS") not in (None, "") and not self.parameterAsString(
            parameters, "CLASS_FIELD", context
        ):
            return False, tr("Training polygons need the field that holds their class.")
        return super().checkParameterValues(parameters, context)

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Note dataset names, the CRS and polygons while the main thread holds the layers still."""
        results = parameters.get("RESULTS")
        for name in ("INPUT", "RESULTS", "TRUTH", "UNCERTAINTY"):
            values = results if name == "RESULTS" and isinstance(results, (list, tuple)) else [parameters.get(name)]
            for value in values:
                if value in (None, "") and name in ("TRUTH", "UNCERTAINTY"):
                    continue
                layer = self.raster_layer(value, context)
                if layer is None:
                    raise SourceNotFound(tr("The raster {} is missing or cannot be opened.").format(value or name))
                if name == "RESULTS" and not self._datasets.get(name):
                    self._crs = layer.crs()
                self._datasets.setdefault(name, []).append(gdal_dataset_name(layer))
                self._titles.append(layer.name())
        if parameters.get("MASK") not in (None, ""):
            self._mask = mask_polygons(self.parameterAsSource(parameters, "MASK", context), self._crs, context)
        if parameters.get("POLYGONS") not in (None, ""):
            source = self.parameterAsSource(parameters, "POLYGONS", context)
            field = self.parameterAsString(parameters, "CLASS_FIELD", context)
            self._polygons = labelled_polygons(source, field, self._crs, context)

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Evaluate, and hand files, tiles and figures to Processing."""
        # Imported here: the pipeline is needed by a run only, and loading the plugin must stay fast.
        from sr_plugin.pipeline.evaluate import evaluate

        files = {name: self.parameterAsFileOutput(parameters, name, context) for name in _FILES}
        result = evaluate(self._request(parameters, files, context), ProcessingFeedback(feedback))
        told: Dict[str, Any] = {name: path for name, path in files.items() if path}
        told.update(self._write_tiles(parameters, result, context))
        for key, value in result.figures["result"].overall.items():
            told[key.upper()] = value
            told[f"{key.upper()}_BICUBIC"] = result.figures[BICUBIC].overall[key]
        shift = result.truth_shift or (math.nan, math.nan)
        told["UNCERTAINTY_RANK"] = result.uncertainty.rank if result.uncertainty else math.nan
        told.update(TRUTH_SHIFT_ROWS=shift[0], TRUTH_SHIFT_COLUMNS=shift[1])
        told.update(BEST=result.titles[result.ranking[0][0]], SUMMARY=json.dumps(result.short_record()))
        return told

    def _request(
        self, parameters: Dict[str, Any], files: Dict[str, str], context: QgsProcessingContext
    ) -> EvaluateRequest:
        from sr_plugin.pipeline.evaluation_land_cover import TrainingPolygon
        from sr_plugin.pipeline.evaluation_request import EvaluateRequest

        mtf = self.parameterAsDouble(parameters, "MTF", context)
        bands = parameters.get("BANDS")
        return EvaluateRequest(
            input=self._datasets["INPUT"][0],
            results=tuple(self._datasets.get("RESULTS", ())),
            truth=self._datasets.get("TRUTH", [""])[0],
            uncertainty=self._datasets.get("UNCERTAINTY", [""])[0],
            bands=() if bands in (None, "", []) else tuple(self.parameterAsInts(parameters, "BANDS", context)),
            peak=self.parameterAsDouble(parameters, "DATA_RANGE", context),
            register=self.parameterAsBoolean(parameters, "REGISTER", context),
            match=self.parameterAsBoolean(parameters, "MATCH", context),
            psf=PointSpread("gaussian", mtf) if mtf > 0 else PointSpread(),
            extent=self.sides_of_extent(parameters, context, self._crs),
            mask=self._mask,
            polygons=tuple(TrainingPolygon(wkb, label) for wkb, label in self._polygons),
            cell=self.parameterAsInt(parameters, "TILE_SIZE", context),
            titles=tuple(self._titles),
            worker_python=settings.worker_python(),
            **{attribute: files[name] for name, attribute in _FILES.items()},
        )

    def _write_tiles(
        self, parameters: Dict[str, Any], result: EvaluateResult, context: QgsProcessingContext
    ) -> Dict[str, str]:
        """The layer of tiles, where it is wanted."""
        if parameters.get("TILES") in (None, ""):
            return {}
        fields = tile_fields(list(result.figures))
        sink, name = self.parameterAsSink(parameters, "TILES", context, fields, POLYGON_GEOMETRY, self._crs)
        if sink is None:
            raise OutputError(tr("The layer of tiles cannot be written."))
        if not sink.addFeatures(tile_features(result), QgsFeatureSink.Flag.FastInsert):
            raise OutputError(tr("The layer of tiles cannot be written ({}).").format(sink.lastError()))
        if context.willLoadLayerOnCompletion(name):
            errors = [tile.figures["result"].overall["rmse"] for tile in result.tiles]
            look = TileLook(errors, result.titles["result"])
            context.layerToLoadOnCompletionDetails(name).setPostProcessor(look)
        return {"TILES": name}
