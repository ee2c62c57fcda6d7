"""From a polygon layer of QGIS to plain polygons in the raster's CRS."""

from __future__ import annotations

from typing import Iterator, List, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCsException,
    QgsFeature,
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
    polygons = tuple(wkb for wkb, _ in _polygons(source, [], crs, context, tr("mask")))
    if not polygons:
        raise EmptyExtent(
            tr("The mask holds no polygon."),
            tr("Select polygons in the mask layer, or switch off 'Selected features only'."),
        )
    return polygons


def labelled_polygons(
    source: QgsProcessingFeatureSource, field: str, crs: QgsCoordinateReferenceSystem, context: QgsProcessingContext
) -> List[Tuple[bytes, str]]:
    """Polygons of a feature source as WKB with the text of a field; those without one are left out.

    Args:
        source, crs, context: as for :func:`mask_polygons`.
        field: its name.

    Raises:
        ParameterError: when there is no such field, or a polygon cannot be brought into the CRS of the raster.
    """
    number = source.fields().lookupField(field)
    if number < 0:
        raise ParameterError(tr("The training polygons have no field '{}'.").format(field), tr("Choose their class."))
    found = _polygons(source, [number], crs, context, tr("layer of training polygons"))
    # A null is a None or, from older providers, a null QVariant.
    labels = [(wkb, feature.attribute(number)) for wkb, feature in found]
    known = [(wkb, label) for wkb, label in labels if label is not None and not getattr(label, "isNull", bool)()]
    return [(wkb, str(label)) for wkb, label in known]


def _polygons(
    source: QgsProcessingFeatureSource,
    attributes: List[int],
    crs: QgsCoordinateReferenceSystem,
    context: QgsProcessingContext,
    what: str,
) -> Iterator[Tuple[bytes, QgsFeature]]:
    """Polygons as WKB in the CRS of the raster, with their features.

    Raises:
        ParameterError: when one cannot be brought into that CRS.
    """
    failed: List[int] = []
    request = QgsFeatureRequest()
    request.setSubsetOfAttributes(attributes)
    if crs.isValid() and source.sourceCrs().isValid():
        request.setDestinationCrs(crs, context.transformContext())
        # Without a callback a polygon that cannot be transformed would silently be missing.
        request.setTransformErrorCallback(lambda feature: failed.append(feature.id()))
    try:
        # A polygon that touches itself is no obstacle to burning it, so the validity check is left out.
        for feature in source.getFeatures(request, SKIP_VALIDITY_CHECKS):
            geometry = feature.geometry()
            if not geometry.isEmpty():
                # GDAL burns straight edges only.
                geometry.convertToStraightSegment()
                yield bytes(geometry.asWkb()), feature
    except QgsCsException as error:
        sentence = tr("The {} cannot be brought into the CRS of the raster: {}")
        raise ParameterError(sentence.format(what, error)) from error
    if failed:
        raise ParameterError(
            tr("{} polygons of the {} cannot be brought into the CRS of the raster.").format(len(failed), what),
            tr("Use polygons that lie near the raster."),
        )
