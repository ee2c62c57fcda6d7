"""The extent that a user chose, in the CRS of a raster."""

from __future__ import annotations

import math
from typing import Any, Dict, Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsProcessingAlgorithm, QgsProcessingContext

from sr_plugin.core.errors import EmptyExtent, ParameterError
from sr_plugin.core.grid import Extent
from sr_plugin.processing.translation import tr


def chosen_extent(
    algorithm: QgsProcessingAlgorithm,
    parameters: Dict[str, Any],
    context: QgsProcessingContext,
    crs: QgsCoordinateReferenceSystem,
) -> Optional[Extent]:
    """The parameter ``EXTENT`` in a CRS; None where none was given.

    Raises:
        ParameterError: when it cannot be brought into the CRS.
        EmptyExtent: when it holds nothing.
    """
    if parameters.get("EXTENT") in (None, ""):
        return None
    area = algorithm.parameterAsExtent(parameters, "EXTENT", context, crs)
    sides = (area.xMinimum(), area.yMinimum(), area.xMaximum(), area.yMaximum())
    if not all(math.isfinite(side) for side in sides):
        raise ParameterError(
            tr("The extent cannot be brought into the CRS of the raster."), tr("Choose an extent near the raster.")
        )
    if area.isEmpty():
        raise EmptyExtent(tr("The extent is empty."))
    return sides
