"""The Processing provider: one home for all algorithms of the plugin."""

from __future__ import annotations

import os
from typing import List

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from sr_plugin.core.locations import plugin_version, resources_folder


def plugin_icon() -> QIcon:
    """The icon of the plugin."""
    return QIcon(os.path.join(resources_folder(), "icons", "icon.svg"))


class SuperResolutionProvider(QgsProcessingProvider):
    """Provider ``superres``."""

    def id(self) -> str:
        """Stable name in front of every algorithm's id."""
        return "superres"

    def name(self) -> str:
        """Name in the toolbox: the plugin's own name, so not translated."""
        return "Super-Resolution"

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return plugin_icon()

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS API
        """Path of the icon for views that scale it themselves."""
        return os.path.join(resources_folder(), "icons", "icon.svg")

    def versionInfo(self) -> str:  # noqa: N802 - QGIS API
        """Version of the plugin, written to the log of every run."""
        return plugin_version()

    def supportedOutputRasterLayerExtensions(self) -> List[str]:  # noqa: N802 - QGIS API
        """Results are GeoTIFF files: written tile by tile, which few other formats allow."""
        return ["tif", "tiff"]

    def loadAlgorithms(self) -> None:  # noqa: N802 - QGIS API
        """Add the algorithms."""
        from sr_plugin.processing.compareedges import CompareEdgesAlgorithm
        from sr_plugin.processing.evaluate import EvaluateAlgorithm
        from sr_plugin.processing.exportmodel import ExportModelAlgorithm
        from sr_plugin.processing.modelinfo import ModelInfoAlgorithm
        from sr_plugin.processing.preparepairs import PreparePairsAlgorithm
        from sr_plugin.processing.superresolve import SuperResolveAlgorithm
        from sr_plugin.processing.superresolvelandsat import SuperResolveLandsatAlgorithm
        from sr_plugin.processing.superresolvesentinel2 import SuperResolveSentinel2Algorithm
        from sr_plugin.processing.superresolvetimeseries import SuperResolveTimeSeriesAlgorithm
        from sr_plugin.processing.train import TrainAlgorithm

        for algorithm in (
            SuperResolveAlgorithm,
            SuperResolveSentinel2Algorithm,
            SuperResolveLandsatAlgorithm,
            SuperResolveTimeSeriesAlgorithm,
            CompareEdgesAlgorithm,
            EvaluateAlgorithm,
            ModelInfoAlgorithm,
            ExportModelAlgorithm,
            PreparePairsAlgorithm,
            TrainAlgorithm,
        ):
            self.addAlgorithm(algorithm())
