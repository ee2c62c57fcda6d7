"""From a raster layer of QGIS to the name under which GDAL opens the same data."""

from __future__ import annotations

import os
from typing import Optional

from qgis.core import QgsProviderRegistry, QgsRasterLayer

from sr_plugin.core.errors import SuperResolutionError, UnsupportedRaster
from sr_plugin.processing.translation import tr


def gdal_dataset_name(layer: QgsRasterLayer) -> str:
    """Name to open the layer's data anew with GDAL.

    The layer's own provider is never read: it belongs to the map, and reading through it changes its resampling.

    Raises:
        UnsupportedRaster: when the layer does not come from GDAL, or was opened with options that change its data.
    """
    if layer.providerType() != "gdal":
        raise UnsupportedRaster(
            tr("The layer '{}' comes from the data provider '{}' and not from a raster file.").format(
                layer.name(), layer.providerType()
            ),
            tr("Save the layer as a GeoTIFF of its raw data and use that file."),
        )
    source = layer.source()
    parts = QgsProviderRegistry.instance().decodeUri("gdal", source)
    options = parts.get("openOptions")
    if options:
        raise UnsupportedRaster(
            tr("The layer '{}' was opened with options that are not supported: {}.").format(
                layer.name(), ", ".join(options)
            ),
            tr("Add the raster to the project again without open options."),
        )
    if parts.get("authcfg"):
        raise UnsupportedRaster(
            tr("The layer '{}' needs a stored login, which is not supported.").format(layer.name()),
            tr("Download the raster and use the file."),
        )
    return source


def layer_of_dataset(name: str) -> Optional[QgsRasterLayer]:
    """A layer for a GDAL dataset name; Processing itself only opens names of files that exist. None where it fails."""
    options = QgsRasterLayer.LayerOptions(False)  # without a style, which would cost a pass over the pixels
    layer = QgsRasterLayer(name, os.path.splitext(os.path.basename(name))[0], "gdal", options)
    return layer if layer.isValid() else None


def why_not_readable(name: str) -> str:
    """Why GDAL cannot read a raster of this name, in the pipeline's own words; empty where it can."""
    # Imported here: only needed where something is wrong.
    from sr_plugin.raster.source import RasterSource

    try:
        RasterSource(name)
    except SuperResolutionError as error:
        return str(error)
    return ""
