"""From a raster layer of QGIS to what GDAL opens: the same data by name, or a stand-in for layers that are no files."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Optional, Protocol, Sequence

from qgis.core import QgsProcessingFeedback, QgsProviderRegistry, QgsRasterLayer

from sr_plugin.core.errors import SourceUnreadable, SuperResolutionError, UnsupportedRaster
from sr_plugin.core.grid import Extent
from sr_plugin.processing.translation import tr


class StandIn(Protocol):
    """What a run reads in place of a layer that is no file; made in the main thread, written in that of the run."""

    def write(
        self,
        folder: str,
        extent: Optional[Extent],
        resolution: Optional[float],
        feedback: QgsProcessingFeedback,
    ) -> str:
        """Write a temporary dataset.

        Args:
            folder: where to; the caller deletes it.
            extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the layer; None for the whole layer.
            resolution: size of a pixel in map units; None for the native one.
            feedback: progress and cancel.

        Returns:
            Name under which GDAL opens it.
        """


class OpenedWithOptions:
    """A GDAL dataset that is opened with options: a VRT that names it and them, and holds no pixels.

    Args:
        name: dataset name.
        options: open options, ``KEY=VALUE``.
        title: name of the layer.
    """

    def __init__(self, name: str, options: Sequence[str], title: str) -> None:
        self._name, self._options, self._title = name, list(options), title

    def write(
        self,
        folder: str,
        extent: Optional[Extent],
        resolution: Optional[float],
        feedback: QgsProcessingFeedback,
    ) -> str:
        """See :class:`StandIn`; extent and resolution are left to the run, which reads the dataset itself."""
        # Imported here: only needed by a run.
        from osgeo import gdal

        from sr_plugin.raster.gdal_errors import gdal_messages

        path = os.path.join(folder, f"{os.path.splitext(file_name(self._title))[0]}.vrt")
        copy = None
        with gdal_messages() as messages:
            try:
                source = gdal.OpenEx(self._name, gdal.OF_RASTER, open_options=self._options)
                copy = source and gdal.GetDriverByName("VRT").CreateCopy(path, source)
            except RuntimeError as error:  # newer versions of QGIS switch GDAL's exceptions on
                messages.note(error)
        if not copy:
            raise SourceUnreadable(
                tr("The layer '{}' cannot be opened with its options: {}").format(self._title, messages.reason)
            )
        return path


class CopiedProvider:
    """A layer of another data provider, or one that needs a login: a copy of its pixels through a clone.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: QgsRasterLayer) -> None:
        from sr_plugin.processing.provider_clone import clone_of

        self._clone = clone_of(layer)

    def write(
        self,
        folder: str,
        extent: Optional[Extent],
        resolution: Optional[float],
        feedback: QgsProcessingFeedback,
    ) -> str:
        """See :class:`StandIn`."""
        from sr_plugin.processing.provider_copy import copy_of_clone

        return copy_of_clone(self._clone, folder, extent, resolution, feedback)

    @property
    def rendered(self) -> bool:
        """Whether the layer's provider draws pictures, so that its look says nothing about the values read."""
        return self._clone.rendered


def file_name(layer_name: str) -> str:
    """A file name that reminds of the layer: the result's metadata name its source."""
    plain = re.sub(r"[^\w. -]+", "_", layer_name).strip(" .")
    return f"{plain[:60] or 'layer'}.tif"


def is_file(layer: QgsRasterLayer) -> bool:
    """Whether GDAL opens the layer's data by one name, as it is."""
    if layer.providerType() != "gdal":
        return False
    parts = _parts(layer)
    return not (parts.get("openOptions") or parts.get("authcfg"))


def stand_in_of(layer: QgsRasterLayer) -> Optional[StandIn]:
    """What is read in place of a layer that is no file; None for files. Call it in the main thread.

    Raises:
        UnsupportedRaster: when the layer's data cannot be read in any way.
    """
    if is_file(layer):
        return None
    parts = _parts(layer) if layer.providerType() == "gdal" else {}
    options = parts.get("openOptions")
    if options and not parts.get("authcfg"):
        plain = {key: value for key, value in parts.items() if key != "openOptions"}
        name = QgsProviderRegistry.instance().encodeUri("gdal", plain)
        return OpenedWithOptions(name, options, layer.name())
    return CopiedProvider(layer)


def gdal_dataset_name(layer: QgsRasterLayer) -> str:
    """Name to open the layer's data anew with GDAL.

    The layer's own provider is never read: it belongs to the map, and reading through it changes its resampling.

    Raises:
        UnsupportedRaster: when the layer is no raster file, see :func:`is_file`.
    """
    if is_file(layer):
        return layer.source()
    raise not_a_file(layer.name())


def not_a_file(name: str) -> UnsupportedRaster:
    """The error of what takes raster files only.

    Args:
        name: name of the layer.
    """
    return UnsupportedRaster(
        tr("The layer '{}' is no raster file, which is needed here.").format(name),
        tr("Save the layer as a GeoTIFF of its raw data and use that file."),
    )


def _parts(layer: QgsRasterLayer) -> Dict[str, Any]:
    return QgsProviderRegistry.instance().decodeUri("gdal", layer.source())


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
