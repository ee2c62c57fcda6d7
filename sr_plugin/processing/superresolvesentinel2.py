"""Algorithm ``superres:superresolvesentinel2``: whole Sentinel-2 products through the same pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional

from sr_plugin.processing import superresolvesentinel2_parameters as definitions
from sr_plugin.processing.product_algorithm import ProductAlgorithm
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.raster.product import Product


class SuperResolveSentinel2Algorithm(ProductAlgorithm):
    """Makes bands of a Sentinel-2 product K times as fine."""

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
                "The bands that go into the model have one resolution. Bands of other resolutions are aligned by their "
                "position and can be carried along by interpolation; that adds no detail to them."
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
        """The Sentinel-2 product of this name."""
        # Imported here: loading the plugin must stay fast.
        from sr_plugin.raster.sentinel2_product import open_sentinel2

        return open_sentinel2(name)
