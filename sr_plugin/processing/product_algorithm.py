"""What the algorithms for whole products have in common: bands in files of their own through the same pipeline."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any, ContextManager, Dict, Iterator, Optional, Sequence, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
)

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.processing import product_parameters as definitions
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.superresolve import SuperResolveAlgorithm
from sr_plugin.processing.superresolve_parameters import output_parameter
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.describe import SessionFactory
    from sr_plugin.pipeline.product_input import BandSelection
    from sr_plugin.pipeline.product_request import ProductRequest
    from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest, SuperResolveResult
    from sr_plugin.pipeline.run_listing import RunListing
    from sr_plugin.raster.product import Product


class ProductAlgorithm(SuperResolveAlgorithm):
    """Makes bands of a satellite product K times as fine; subclasses name the satellite and its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self._product: Optional[Product] = None
        self._fed: Tuple[int, ...] = ()
        self._files: Tuple[str, ...] = ()
        self._output_type = ""
        self._output = ""

    def declare(
        self,
        inputs: Sequence[QgsProcessingParameterDefinition],
        advanced: Sequence[QgsProcessingParameterDefinition] = (),
    ) -> None:
        """Add parameters and outputs.

        Args:
            inputs: what is super-resolved, and with which model; the others are the same for all products.
            advanced: before those that are the same.
        """
        others = [*definitions.run_parameters(), *advanced, *definitions.advanced_parameters()]
        for parameter in [*inputs, *others, output_parameter()]:
            self.addParameter(parameter)
        for output in definitions.text_outputs():
            self.addOutput(output)

    def open_product(self, name: str) -> Product:
        """The product of this name; no pixel is read.

        Raises:
            SuperResolutionError: when it cannot be opened, or is none of this satellite.
        """
        raise NotImplementedError

    @property
    def files_beside(self) -> Tuple[str, ...]:
        """Local files that are read besides the product, and must not be written over either."""
        return ()

    def selection(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> BandSelection:
        """What the parameters take from the product."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.pipeline.product_input import BandSelection

        bands, classes = (self.words(parameters, name, context) for name in ("BANDS", "MASK_CLOUDS"))
        return BandSelection(bands, classes)

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
        return self.open_product(self.parameterAsString(parameters, "INPUT", context))

    def words(self, parameters: Dict[str, Any], name: str, context: QgsProcessingContext) -> Tuple[str, ...]:
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
        from sr_plugin.pipeline.superresolve import worker_factory

        # The parameters that need the raster itself are read when it is there.
        plain = {**parameters, "EXTENT": None, "MASK": None}
        self._dataset = self.parameterAsString(parameters, "INPUT", context)
        self._fed, self._output_type, self._output = (), "", ""
        request = self.request(plain, context)
        self._output = request.output
        product = self._product or self._open(parameters, context)
        if self.parameterAsBoolean(parameters, "ONE_FILE_PER_BAND", context):
            local = [band.path for band in product.bands if os.path.isfile(band.path)]
            check_band_files(request.output, product.names, [*local, *self.files_beside])
        factory = worker_factory(request.worker_python)
        told = ProcessingFeedback(feedback)
        try:
            with self.stacked(request, parameters, context, told, factory, product) as readable:
                self._dataset, self._fed, self._output_type = readable.input, readable.bands, readable.output_type
                yield
        finally:
            self._dataset = ""

    def stacked(
        self,
        request: SuperResolveRequest,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: RunFeedback,
        factory: SessionFactory,
        product: Product,
    ) -> ContextManager[SuperResolveRequest]:
        """What makes the product readable as one raster while it lasts, and gives the request to run."""
        from sr_plugin.pipeline.product_input import product_as_input

        return product_as_input(request, self.selection(parameters, context), feedback, factory, product)

    def request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> SuperResolveRequest:
        """What the parameters ask for, with the stack of the chosen bands as the input while it is there."""
        if self._output:
            # Asked again, Processing would make up another temporary file, and wait for both.
            parameters = {**parameters, "OUTPUT": self._output}
        request = super().request(parameters, context)
        gaps = self.parameterAsEnumString(parameters, "GAPS", context)
        return dataclasses.replace(
            request,
            # The stack that is laid apart lives too short to be optimised; its bands' files are.
            cog=request.cog and not self.parameterAsBoolean(parameters, "ONE_FILE_PER_BAND", context),
            output_type=request.output_type or self._output_type,
            gaps_as_mask=gaps == definitions.GAPS_MASK,
        )

    def asked(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> ProductRequest:
        """What the parameters ask for as a whole; while the product is readable."""
        from sr_plugin.pipeline.product_request import LANDSAT, SENTINEL2, ProductRequest

        product = self._product or self._open(parameters, context)
        run = super().request({**parameters, "OUTPUT": self._output}, context)
        gaps = self.parameterAsEnumString(parameters, "GAPS", context)
        return ProductRequest(
            run=dataclasses.replace(
                run,
                input=self.parameterAsString(parameters, "INPUT", context),
                bands=(),
                gaps_as_mask=gaps == definitions.GAPS_MASK,
            ),
            satellite=SENTINEL2 if product.sensor == SENTINEL2 else LANDSAT,
            selection=self.selection(parameters, context),
            file_per_band=self.parameterAsBoolean(parameters, "ONE_FILE_PER_BAND", context),
        )

    def listing(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: RunFeedback
    ) -> ContextManager[Optional[RunListing]]:
        """The run on the product, with what follows the tiles."""
        from sr_plugin.pipeline.run_listing import RunListing

        return RunListing(self.asked(parameters, context), feedback)

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
        cog = self.parameterAsBoolean(parameters, "COG", context)
        virtual, self._files = split_into_files(result.output, options, feedback.isCanceled, cog)
        _load_instead(context, result.output, virtual)
        return dataclasses.replace(result, output=virtual)

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
