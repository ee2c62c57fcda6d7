"""Algorithm ``superres:superresolvesentinel2``: whole Sentinel-2 products through the same pipeline."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, ContextManager, Dict, Iterator, List, Optional, Tuple

from qgis.core import QgsProcessingContext, QgsProcessingFeedback

from sr_plugin.pipeline.request import FusionRequest, RunFeedback, SuperResolveRequest, named_models
from sr_plugin.processing import superresolvesentinel2_parameters as definitions
from sr_plugin.processing.product_algorithm import ProductAlgorithm
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.pipeline.describe import SessionFactory
    from sr_plugin.pipeline.product_request import ProductRequest
    from sr_plugin.pipeline.request import SuperResolveResult
    from sr_plugin.raster.product import Product


class SuperResolveSentinel2Algorithm(ProductAlgorithm):
    """Makes bands of a Sentinel-2 product K times as fine."""

    def __init__(self) -> None:
        super().__init__()
        self._fusion: Optional[FusionRequest] = None

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
                "2.5 m: a model for single images follows, tile by tile, without a copy in between; means of its "
                "pixels can differ by more."
            ),
            tr(
                "<b>A model estimates detail; it does not measure it.</b> Do not read from the result what the sensor "
                "could not see."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        self.declare(definitions.input_parameters(), definitions.fusion_parameters())

    def open_product(self, name: str) -> Product:
        """The Sentinel-2 product of this name."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.raster.sentinel2_product import open_sentinel2

        return open_sentinel2(name)

    @contextlib.contextmanager
    def readable(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Iterator[None]:
        """While it lasts, GDAL can open the chosen bands, or all of them, one raster for each resolution."""
        self._fusion = self._wanted_fusion(parameters, context)
        with super().readable(parameters, context, feedback):
            yield

    def stacked(
        self,
        request: SuperResolveRequest,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: RunFeedback,
        factory: SessionFactory,
        product: Product,
    ) -> ContextManager[SuperResolveRequest]:
        """See :class:`ProductAlgorithm`."""
        if self._fusion is None:
            return super().stacked(request, parameters, context, feedback, factory, product)
        return self._to_fuse(request, self.words(parameters, "MASK_CLOUDS", context), feedback, factory, product)

    @contextlib.contextmanager
    def _to_fuse(
        self,
        request: SuperResolveRequest,
        classes: Tuple[str, ...],
        feedback: RunFeedback,
        factory: SessionFactory,
        product: Product,
    ) -> Iterator[SuperResolveRequest]:
        from sr_plugin.pipeline.fusion_input import product_to_fuse

        with product_to_fuse(request, classes, feedback, factory, product) as readable:
            self._fusion = readable.fusion
            yield readable

    def asked(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> ProductRequest:
        """The whole run; see :class:`ProductAlgorithm`."""
        asked = super().asked(parameters, context)
        return dataclasses.replace(
            asked, run=dataclasses.replace(asked.run, fusion=self._wanted_fusion(parameters, context))
        )

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
        return dataclasses.replace(request, bands=(), fusion=self._fusion)

    def result_name(self, result: SuperResolveResult) -> str:
        """The product, and the factor or the pixel size that all bands have now."""
        if self._fusion is None:
            return super().result_name(result)
        return f"{self._layer_name} {10 / result.scale:g} m"
