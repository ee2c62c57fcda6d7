"""Algorithm ``superres:superresolvesentinel2``: whole Sentinel-2 products through the same pipeline."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingContext, QgsProcessingFeedback

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.pipeline.request import FusionRequest, SuperResolveRequest, named_models
from sr_plugin.processing import superresolve_parameters as shared
from sr_plugin.processing import superresolvesentinel2_parameters as definitions
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.superresolve import SuperResolveAlgorithm
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.request import SuperResolveResult
    from sr_plugin.raster.product import Product


class SuperResolveSentinel2Algorithm(SuperResolveAlgorithm):
    """Makes bands of a Sentinel-2 product K times as fine."""

    def __init__(self) -> None:
        super().__init__()
        self._product: Optional[Product] = None
        self._fed: Tuple[int, ...] = ()
        self._fusion: Optional[FusionRequest] = None
        self._files: Tuple[str, ...] = ()

    def name(self) -> str:
        """Stable id."""
        return "superresolvesentinel2"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Super-resolve Sentinel-2 product")

    def tags(self) -> List[str]:
        """Words that people search for."""
        return tr("super-resolution,sentinel-2,safe,copernicus,l1c,l2a,product,upscale,sharpen,bands").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Makes bands of a whole Sentinel-2 product finer, without unpacking or stacking them first.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr("Takes a Sentinel-2 product of level 1C or 2A as it was downloaded, and makes its bands finer."),
            tr(
                "Numbers stay those of the product. Its quantification and its radiometric offset (processing baseline "
                "04.00 and later) are kept as scale and offset of each band, so QGIS shows reflectance. Names and "
                "wavelengths are in the metadata of the bands."
            ),
            tr(
                "The chosen bands have one resolution. Bands of other resolutions are aligned by their position and "
                "can be carried along by interpolation; that adds no detail to them."
            ),
            tr(
                "All bands at 10 m: models that fuse bands (DSen2) give the 20 m and 60 m bands the detail of the "
                "10 m bands. Averaged back, they are what was measured, to within half a percent. All bands at 5 m or "
                "2.5 m: a model for single images follows, tile by tile, without a copy in between."
            ),
            tr(
                "<b>A model estimates detail; it does not measure it.</b> Do not read from the result what the sensor "
                "could not see."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        parameters = definitions.input_parameters() + definitions.run_parameters() + definitions.advanced_parameters()
        for parameter in parameters + [shared.output_parameter()]:
            self.addParameter(parameter)
        for output in definitions.text_outputs():
            self.addOutput(output)

    def with_input_layer(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Dict[str, Any]:
        """A product is no layer."""
        return parameters

    def input_problem(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> str:
        """What is wrong with the product; empty where nothing is."""
        try:
            self._open(parameters, context)
        except SuperResolutionError as error:
            return str(error)
        return ""

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Open the product and find out its CRS, which the extent is brought into."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.raster.band_stack import inspect_file

        self._product = self._open(parameters, context)
        self._layer_name = self._product.title
        if self._product.bands:
            grid = inspect_file(self._product.bands[0].path).grid
            self._crs = QgsCoordinateReferenceSystem.fromWkt(grid.wkt)

    def _open(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Product:
        from sr_plugin.raster.sentinel2_product import open_sentinel2

        return open_sentinel2(self.parameterAsString(parameters, "INPUT", context))

    def _words(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> Tuple[str, ...]:
        """Chosen words; for none QGIS would give the default, or one empty word where there is no default."""
        if parameters.get(name) in ("", [], ()):
            return ()
        return tuple(word.strip() for word in self.parameterAsEnumStrings(parameters, name, context) if word.strip())

    @contextlib.contextmanager
    def readable(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Iterator[None]:
        """While it lasts, GDAL can open the chosen bands as one raster."""
        from sr_plugin.pipeline.band_files import check_band_files
        from sr_plugin.pipeline.fusion_input import product_to_fuse
        from sr_plugin.pipeline.product_input import BandSelection, product_as_input
        from sr_plugin.pipeline.superresolve import worker_factory

        # The parameters that need the raster itself are read when it is there.
        plain = {**parameters, "EXTENT": None, "MASK": None}
        self._dataset = self.parameterAsString(parameters, "INPUT", context)
        self._fed = ()
        self._fusion = self._wanted_fusion(parameters, context)
        request = self.request(plain, context)
        classes = self._words(parameters, "MASK_CLOUDS", context)
        product = self._product or self._open(parameters, context)
        if self.parameterAsBoolean(parameters, "ONE_FILE_PER_BAND", context):
            local = [band.path for band in product.bands if os.path.isfile(band.path)]
            check_band_files(request.output, product.names, local)
        factory = worker_factory(request.worker_python)
        told = ProcessingFeedback(feedback)
        if self._fusion is not None:
            opened = product_to_fuse(request, classes, told, factory, product)
        else:
            selection = BandSelection(self._words(parameters, "BANDS", context), classes)
            opened = product_as_input(request, selection, told, factory, product)
        try:
            with opened as readable:
                self._dataset, self._fed, self._fusion = readable.input, readable.bands, readable.fusion
                yield
        finally:
            self._dataset = ""

    def _wanted_fusion(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Optional[FusionRequest]:
        """How all bands are to become equally fine; None where only chosen bands are wanted."""
        factor = definitions.ALL_BANDS.get(self.parameterAsEnumString(parameters, "TARGET", context))
        if factor is None:
            return None
        models = named_models(self.parameterAsString(parameters, "FUSION_MODELS", context))
        return FusionRequest((), models, factor, self.parameterAsString(parameters, "BAND_MODEL", context).strip())

    def request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> SuperResolveRequest:
        """What the parameters ask for; see :meth:`SuperResolveAlgorithm.request`."""
        request = super().request(parameters, context)
        if self._fusion is None:
            return request
        return dataclasses.replace(request, bands=(), fusion=self._fusion, listed=False)

    def band_numbers(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[int, ...]:
        """Bands of the stack that go into the model."""
        return self._fed

    def finished(
        self,
        result: SuperResolveResult,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> SuperResolveResult:
        """Lay the bands apart where that is asked for."""
        self._files = (result.output,)
        if not self.parameterAsBoolean(parameters, "ONE_FILE_PER_BAND", context):
            return result
        from sr_plugin.pipeline.band_files import split_into_files

        feedback.setProgressText(tr("Writing one file per band"))
        options = self.create_options(parameters, context)
        virtual, self._files = split_into_files(result.output, options, feedback.isCanceled)
        _load_instead(context, result.output, virtual)
        return dataclasses.replace(result, output=virtual)

    def result_name(self, result: SuperResolveResult) -> str:
        """The product, and the factor or the pixel size that all bands have now."""
        if self._fusion is None:
            return super().result_name(result)
        return f"{self._layer_name} {10 / result.scale:g} m"

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Run the pipeline and tell which bands and files it gave."""
        outputs = super().run_algorithm(parameters, context, feedback)
        from sr_plugin.raster.source import RasterSource

        outputs["BAND_NAMES"] = ",".join(band.description for band in RasterSource(outputs["OUTPUT"]).layer_bands())
        outputs["FILES"] = ";".join(self._files)
        return outputs


def _load_instead(context: QgsProcessingContext, old: str, new: str) -> None:
    """Have another file loaded after the run."""
    if not context.willLoadLayerOnCompletion(old):
        return
    layers = context.layersToLoadOnCompletion()
    details = layers.pop(old)
    layers[new] = QgsProcessingContext.LayerDetails(details.name, details.project, details.outputName)
    context.setLayersToLoadOnCompletion(layers)
