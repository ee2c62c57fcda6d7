"""From a polygon layer of QGIS to plain polygons in the raster's CRS."""

from __future__ import annotations

from typing import List, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCsException,
    QgsFeatureRequest,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
)

from sr_plugin.core.errors import EmptyExtent, ParameterError
from sr_plugin.processing.qgis_enums import SKIP_VALIDITY_CHECKS
from sr_plugin.processing.translation import tr


def mask_polygons(
    source: QgsProcessingFeatureSource, crs: QgsCoordinateReferenceSystem, context: QgsProcessingContext
) -> Tuple[bytes, ...]:
    """Polygons of a feature source as WKB; only the selected ones where the source is limited to them.

    Args:
        source: polygon features.
        crs: CRS of the raster; where it is unknown the polygons are taken as they are.
        context: gives the coordinate operations that the user prefers.

    Raises:
        EmptyExtent: when there is no polygon at all.
        ParameterError: when a polygon cannot be brought into the CRS of the raster.
    """
    failed: List[int] = []
    request = QgsFeatureRequest()
    request.setSubsetOfAttributes([])
    if crs.isValid() and source.sourceCrs().isValid():
        request.setDestinationCrs(crs, context.transformContext())
        # Without a callback a polygon that cannot be transformed would silently be missing from the mask.
        request.setTransformErrorCallback(lambda feature: failed.append(feature.id()))
    polygons = []
    try:
        # A polygon that touches itself is no obstacle to burning it, so the validity check is left out.
        for feature in source.getFeatures(request, SKIP_VALIDITY_CHECKS):
            geometry = feature.geometry()
            if not geometry.isEmpty():
                # GDAL burns straight edges only.
                geometry.convertToStraightSegment()
                polygons.append(bytes(geometry.asWkb()))
    except QgsCsException as error:
        raise ParameterError(tr("The mask cannot be brought into the CRS of the raster: {}").format(error)) from error
    if failed:
        raise ParameterError(
            tr("{} polygons of the mask cannot be brought into the CRS of the raster.").format(len(failed)),
            tr("Use a mask whose polygons lie near the raster."),
        )
    if not polygons:
        raise EmptyExtent(
            tr("The mask holds no polygon."),
            tr("Select polygons in the mask layer, or switch off 'Selected features only'."),
        )
    return tuple(polygons)
