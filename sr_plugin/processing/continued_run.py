"""Parameters of ``superres:superresolve`` that make an interrupted run go on."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from qgis.core import QgsCoordinateReferenceSystem, QgsFeature, QgsGeometry, QgsVectorLayer, QgsWkbTypes

from sr_plugin.core.grid import Extent
from sr_plugin.pipeline.interrupted import InterruptedJob
from sr_plugin.processing.superresolve_parameters import SAME_TYPE
from sr_plugin.processing.translation import tr


def continued_parameters(job: InterruptedJob) -> Dict[str, Any]:
    """The parameters with which the algorithm asks for the very same run.

    Args:
        job: the interrupted run.
    """
    request = job.request
    parameters: Dict[str, Any] = {
        "INPUT": request.input,
        "MODEL": request.model,
        "DEVICE": request.device,
        "PRECISION": request.precision,
        "OUTPUT_TYPE": request.output_type or SAME_TYPE,
        "CONSISTENCY": request.consistency,
        "TILE_SIZE": request.tile,
        "NORMALISATION": request.normalisation,
        "OTHER_BANDS": request.other_bands,
        "LUMINANCE": request.luminance,
        "EXACT": request.exact,
        "COG": request.cog,
        # Who continues a run does not want to lose what is done by a cancel.
        "KEEP_PARTIAL": True,
        "CREATE_OPTIONS": "|".join(request.create_options),
        "OUTPUT": request.output,
    }
    if request.bands:
        parameters["BANDS"] = list(request.bands)
    if request.margin is not None:
        parameters["MARGIN"] = request.margin
    if request.nodata is not None:
        parameters["NODATA"] = request.nodata
    beside = {"UNCERTAINTY": request.uncertainty, "UNCERTAINTY_MASK": request.uncertainty_mask}
    parameters.update({name: path for name, path in beside.items() if path})
    if request.uncertainty_limit is not None:
        parameters["UNCERTAINTY_LIMIT"] = request.uncertainty_limit
    if request.uncertainty_models:
        parameters["UNCERTAINTY_MODELS"] = "; ".join(request.uncertainty_models)
    if request.extent is not None:
        parameters["EXTENT"] = _extent_text(request.extent, job.georeferenced)
    if request.mask is not None:
        parameters["MASK"] = _mask_layer(request.mask)
    return parameters


def _extent_text(extent: Extent, georeferenced: bool) -> str:
    """The extent in the coordinates of the layer, in all its digits; QGIS counts rows of bare rasters downwards."""
    xmin, ymin, xmax, ymax = extent
    if not georeferenced:
        ymin, ymax = -ymax, -ymin
    return ",".join(repr(float(side)) for side in (xmin, xmax, ymin, ymax))


def _mask_layer(polygons: Sequence[bytes]) -> QgsVectorLayer:
    """The polygons as they were, in a layer without a CRS, so that nothing moves them."""
    features, kind = [], None
    for polygon in polygons:
        geometry = QgsGeometry()
        geometry.fromWkb(polygon)
        feature = QgsFeature()
        feature.setGeometry(geometry)
        features.append(feature)
        kind = _wider(kind, geometry.wkbType())
    layer = QgsVectorLayer(QgsWkbTypes.displayString(kind), tr("Mask"), "memory")
    # QGIS may have given it the CRS that it takes for unknown ones.
    layer.setCrs(QgsCoordinateReferenceSystem())
    layer.dataProvider().addFeatures(features)
    return layer


def _wider(kind: Optional[Any], other: Any) -> Any:
    """The type that holds both: a single polygon also fits among multi-polygons."""
    return other if kind is None or QgsWkbTypes.isMultiType(other) else kind
