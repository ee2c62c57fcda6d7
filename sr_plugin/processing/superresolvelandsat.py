"""Algorithm ``superres:superresolvelandsat``: whole Landsat products through the same pipeline."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProviderRegistry, QgsRasterLayer

from sr_plugin.core.errors import SourceNotFound, SourceUnreadable
from sr_plugin.processing import superresolvelandsat_parameters as definitions
from sr_plugin.processing.feedback import ProcessingFeedback
from sr_plugin.processing.product_algorithm import ProductAlgorithm
from sr_plugin.processing.qgis_enums import GDAL_WKT
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.core.grid import Grid
    from sr_plugin.pipeline.align import Alignment
    from sr_plugin.pipeline.product_input import BandSelection
    from sr_plugin.pipeline.product_request import ProductRequest
    from sr_plugin.pipeline.request import SuperResolveRequest, SuperResolveResult
    from sr_plugin.raster.product import Product


class SuperResolveLandsatAlgorithm(ProductAlgorithm):
    """Makes bands of a Landsat product K times as fine, on the grid of another raster where that is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self._target: Optional[Tuple[Grid, str, Tuple[str, ...]]] = None
        self._alignment: Optional[Alignment] = None

    def name(self) -> str:
        """Stable id."""
        return "superresolvelandsat"

    def displayName(self) -> str:  # noqa: N802 - QGIS API
        """Title in the toolbox."""
        return tr("Super-resolve Landsat product")

    def tags(self) -> List[str]:
        """Words that people search for."""
        return tr("super-resolution,landsat,usgs,tm,etm,oli,mtl,product,upscale,sharpen,align,grid").split(",")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS API
        """One line for lists and tooltips."""
        return tr("Makes bands of a whole Landsat product finer, on the grid of a Sentinel-2 layer if you like.")

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS API
        """The text beside the dialog."""
        paragraphs = (
            tr(
                "Takes a product of Landsat 4 to 9, Collection 1 or 2, level 1 or 2, as it was downloaded, and makes "
                "its bands finer."
            ),
            tr(
                "Values become reflectance x 10000, by the factors in the product's metadata; at level 1 they are "
                "divided by the sine of the sun's elevation. So results of all Landsats and of Sentinel-2 can be "
                "compared. Names and wavelengths are in the metadata of the bands."
            ),
            tr(
                "Pixels without data stay gaps, also the stripes that Landsat 7 left since May 2003. Clouds, shadows "
                "and snow can be cut out by the product's quality band."
            ),
            tr(
                "A result three times as fine has pixels of 10 m. Aligned to a Sentinel-2 layer, they are exactly the "
                "pixels of that layer, so before and after can be compared one by one."
            ),
            tr(
                "<b>A model estimates detail; it does not measure it.</b> Do not read from the result what the sensor "
                "could not see."
            ),
        )
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:  # noqa: N802 - QGIS API
        """Declare parameters and outputs."""
        self.declare(definitions.input_parameters())

    def open_product(self, name: str) -> Product:
        """The Landsat product of this name."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.raster.landsat_product import open_landsat

        return open_landsat(name)

    @property
    def files_beside(self) -> Tuple[str, ...]:
        """Those of the layer to align to."""
        return self._target[2] if self._target is not None else ()

    def selection(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> BandSelection:
        """What the parameters take from the product, and as which numbers."""
        values = self.parameterAsEnumString(parameters, "VALUES", context)
        selection = super().selection(parameters, context)
        return dataclasses.replace(selection, reflectance=values == definitions.VALUES[0])

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Open the product, and note the grid to align to while the main thread holds its layer still."""
        super().prepare(parameters, context)
        self._target = self._alignment = None
        if parameters.get("ALIGN_TO") in (None, ""):
            return
        layer = self.parameterAsRasterLayer(parameters, "ALIGN_TO", context)
        if layer is None or not layer.isValid():
            raise SourceNotFound(tr("The layer to align to is missing or cannot be opened."))
        self._target = _grid_of(layer), layer.name(), _files_of(layer)

    def request(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> SuperResolveRequest:
        """What the parameters ask for; where the result is aligned, the run that comes before that."""
        request = super().request(parameters, context)
        if self._target is None or not self._fed:
            return request
        # Imported here: few runs need it.
        from sr_plugin.pipeline.align import plan_alignment, unaligned
        from sr_plugin.raster.source import RasterSource

        source = RasterSource(self._dataset)
        grid, name, files = self._target
        self._alignment = plan_alignment(request, grid, source.grid, name, source.files, files)
        return unaligned(request, self._alignment)

    def asked(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> ProductRequest:
        """The whole run; see :class:`ProductAlgorithm`."""
        asked = super().asked(parameters, context)
        if self._target is None:
            return asked
        return dataclasses.replace(asked, target=self._target[0], target_name=self._target[1])

    def finished(
        self,
        result: SuperResolveResult,
        parameters: Dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> SuperResolveResult:
        """Align the result where that is asked for, before its bands may be laid apart."""
        if self._alignment is None:
            return super().finished(result, parameters, context, feedback)
        from sr_plugin.pipeline.align import align_result

        request = super().request(parameters, context)
        aligned = align_result(result, request, self._alignment, ProcessingFeedback(feedback))
        try:
            finished = super().finished(aligned, parameters, context, feedback)
        except BaseException:
            # Bands that could not be laid apart are no result; the run goes on from the raster that is not aligned.
            with contextlib.suppress(OSError):
                os.remove(aligned.output)
            raise
        os.remove(result.output)
        return finished


def _grid_of(layer: QgsRasterLayer) -> Grid:
    """Where a layer's pixels lie: as its file says, since QGIS keeps the sides of the extent only."""
    from sr_plugin.core.grid import Grid
    from sr_plugin.raster.source import RasterSource

    if layer.dataProvider().name() == "gdal":
        # A source with open options is no name for GDAL; then the extent has to do.
        with contextlib.suppress(SourceNotFound, SourceUnreadable):
            grid = RasterSource(layer.source()).grid
            return grid if grid.wkt else dataclasses.replace(grid, wkt=layer.crs().toWkt(GDAL_WKT))
    extent = layer.extent()
    step = (layer.rasterUnitsPerPixelX(), layer.rasterUnitsPerPixelY())
    corner = (extent.xMinimum(), step[0], 0.0, extent.yMaximum(), 0.0, -step[1])
    return Grid(layer.width(), layer.height(), corner, layer.crs().toWkt(GDAL_WKT))


def _files_of(layer: QgsRasterLayer) -> Tuple[str, ...]:
    """Local files that a layer shows; its source may hold open options behind the file's name."""
    from sr_plugin.raster.source import RasterSource

    provider = layer.dataProvider().name()
    path = str(QgsProviderRegistry.instance().decodeUri(provider, layer.source()).get("path") or "")
    found = (path,) if os.path.isfile(path) else ()
    for name in (layer.source(), path) if provider == "gdal" else ():
        with contextlib.suppress(SourceNotFound, SourceUnreadable):
            return (*found, *RasterSource(name).files)
    return found
