"""From a layer of the project to a function that reads its facts off the GUI thread."""

from __future__ import annotations

from typing import Callable, Optional

from osgeo import gdal
from qgis.core import QgsRasterLayer

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.grid import Grid
from sr_plugin.gui.dock.layer_facts import LayerFacts, read_facts
from sr_plugin.processing.layer_source import is_file
from sr_plugin.processing.provider_clone import CloneBand, ProviderClone, clone_of
from sr_plugin.processing.translation import tr
from sr_plugin.raster.source import BandInfo


def facts_of_layer(layer: QgsRasterLayer, resolution: Optional[float] = None) -> Callable[[], LayerFacts]:
    """What to call, in any thread, for the facts of a layer. Call this itself in the GUI thread.

    Args:
        layer: a valid layer.
        resolution: size of a pixel in map units for layers that are no files; None for the native one.

    Raises:
        UnsupportedRaster: when the layer's data cannot be read in any way.
        ParameterError: when a resolution is needed.
    """
    if is_file(layer):
        dataset = layer.source()
        return lambda: read_facts(dataset)
    facts = _facts_of_clone(clone_of(layer), resolution)
    return lambda: facts


def _facts_of_clone(clone: ProviderClone, resolution: Optional[float]) -> LayerFacts:
    pixel = (resolution, resolution) if resolution else clone.pixel
    if pixel is None:
        raise ParameterError(
            tr("The layer '{}' has no resolution of its own.").format(clone.name), tr("Set the pixel size.")
        )
    xmin, ymin, xmax, ymax = clone.bounds
    columns, rows = (max(1, round(side / size)) for side, size in zip((xmax - xmin, ymax - ymin), pixel))
    grid = Grid(columns, rows, (xmin, pixel[0], 0.0, ymax, 0.0, -pixel[1]), clone.wkt)
    infos = tuple(
        _info(number, band) for number, band in enumerate(clone.bands, start=1) if band.colour != gdal.GCI_AlphaBand
    )
    names = tuple(info.layer_band for info in infos)
    return LayerFacts("", grid, True, names, infos, is_file=False, bounded=clone.bounded)


def _info(number: int, band: CloneBand) -> BandInfo:
    return BandInfo(
        number=number,
        pixel_type=band.pixel_type,
        description=band.name,
        colour=band.colour,
        nodata=band.nodata,
        scale=None,
        offset=None,
        unit="",
        metadata=(),
        wavelength_um=None,
    )
