"""What all algorithms of the plugin share."""

from __future__ import annotations

import math
import traceback
from typing import Any, Dict, Optional, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsRasterLayer,
)
from qgis.PyQt.QtGui import QIcon

from sr_plugin.core.errors import EmptyExtent, ParameterError, SuperResolutionError
from sr_plugin.processing.layer_source import layer_of_dataset
from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr


class Algorithm(QgsProcessingAlgorithm):
    """Base class: subclasses write :meth:`prepare` and :meth:`run_algorithm` and raise the plugin's own errors."""

    def __init__(self) -> None:
        super().__init__()
        self._problem: Optional[SuperResolutionError] = None

    def createInstance(self) -> Algorithm:  # noqa: N802 - QGIS API
        """A fresh instance: Processing never runs the registered one."""
        return type(self)()

    def group(self) -> str:
        """Group in the toolbox."""
        return tr("Super-resolution")

    def groupId(self) -> str:  # noqa: N802 - QGIS API
        """Stable name of the group."""
        return "superresolution"

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return plugin_icon()

    def prepare(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> None:
        """Read what only the main thread may touch: layers and their looks."""

    def run_algorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Do the work in a background thread and return the outputs."""
        raise NotImplementedError

    def sides_of_extent(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, crs: QgsCoordinateReferenceSystem
    ) -> Optional[Tuple[float, float, float, float]]:
        """The parameter ``EXTENT`` as ``(xmin, ymin, xmax, ymax)`` in a CRS; None where none was given.

        Raises:
            ParameterError: when it cannot be brought into the CRS.
            EmptyExtent: when it is empty.
        """
        if parameters.get("EXTENT") in (None, ""):
            return None
        area = self.parameterAsExtent(parameters, "EXTENT", context, crs)
        sides = (area.xMinimum(), area.yMinimum(), area.xMaximum(), area.yMaximum())
        if not all(math.isfinite(side) for side in sides):
            raise ParameterError(
                tr("The extent cannot be brought into the CRS of the raster."), tr("Choose an extent near the raster.")
            )
        if area.isEmpty():
            raise EmptyExtent(tr("The extent is empty."))
        return sides

    def raster_layer(self, value: Any, context: QgsProcessingContext) -> Optional[QgsRasterLayer]:
        """What a parameter says as a layer: one of the project, a file, or any other GDAL dataset name.

        For algorithms whose parameter ``INPUT`` is a raster.

        Args:
            value: of any parameter.
            context: with the project.

        Returns:
            None where there is no such raster.
        """
        if value in (None, ""):
            return None
        layer = value if isinstance(value, QgsRasterLayer) else None
        if layer is None:
            layer = self.parameterAsRasterLayer({"INPUT": value}, "INPUT", context)
        if layer is not None and layer.isValid():
            return layer
        return layer_of_dataset(value.strip()) if isinstance(value, str) and value.strip() else None

    def prepareAlgorithm(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Call :meth:`prepare`; its errors wait for the run, because scripts never get to see those raised here."""
        try:
            self.prepare(parameters, context)
        except SuperResolutionError as error:
            self._problem = error
        return True

    def processAlgorithm(  # noqa: N802 - QGIS API
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Call :meth:`run_algorithm` and show its errors as one sentence with a hint."""
        try:
            if self._problem is not None:
                raise self._problem
            return self.run_algorithm(parameters, context, feedback)
        except SuperResolutionError as error:
            raise QgsProcessingException(str(error)) from error
        except Exception as error:
            # Details for a report; the sentence is what the user reads first.
            feedback.pushDebugInfo(traceback.format_exc())
            reason = f"{type(error).__name__}: {error}"
            sentence = tr("The run failed in a way that was not foreseen ({}). Please report it with the log.")
            raise QgsProcessingException(sentence.format(reason)) from error
