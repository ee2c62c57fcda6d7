"""The algorithm, and its parameters, that make an interrupted run go on."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple
from xml.sax.saxutils import escape  # nosec B406: writes XML, reads none

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)

from sr_plugin.core.grid import Extent, Grid
from sr_plugin.core.sensors import SENTINEL2 as BANDS_OF_SENTINEL2
from sr_plugin.pipeline.any_request import AnyRequest
from sr_plugin.pipeline.interrupted import InterruptedJob
from sr_plugin.pipeline.product_request import LANDSAT, SENTINEL2, ProductRequest
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.pipeline.series_request import SeriesRequest
from sr_plugin.processing import product_parameters, superresolvelandsat_parameters, superresolvesentinel2_parameters
from sr_plugin.processing.superresolve_parameters import SAME_TYPE
from sr_plugin.processing.translation import tr

_RASTER, _SERIES = "superres:superresolve", "superres:superresolvetimeseries"
_PRODUCT = {SENTINEL2: "superres:superresolvesentinel2", LANDSAT: "superres:superresolvelandsat"}


def can_go_on_here(request: AnyRequest) -> bool:
    """Whether an algorithm asks for the very same run; some runs of the command line have none."""
    if isinstance(request, SeriesRequest):
        return True
    if isinstance(request, SuperResolveRequest):
        return not (request.gaps_as_mask or request.fusion)
    if request.run.compares_views or request.run.luminance:
        return False
    if request.satellite == SENTINEL2:
        bands = set(request.selection.bands) <= set(BANDS_OF_SENTINEL2)
        return bands and request.target is None and not request.selection.reflectance
    bands = set(request.selection.bands) <= set(superresolvelandsat_parameters.BANDS)
    return request.satellite == LANDSAT and bands


def continued_run(job: InterruptedJob) -> Tuple[str, Dict[str, Any]]:
    """The id of the algorithm that asks for the very same run, and its parameters.

    Args:
        job: the interrupted run; :func:`can_go_on_here` holds for its request.
    """
    parameters = _shared(job.run, job.georeferenced)
    if isinstance(job.request, SeriesRequest):
        return _SERIES, {**parameters, **_of_series(job.request)}
    if isinstance(job.request, ProductRequest):
        return _PRODUCT[job.request.satellite], {**parameters, **_of_one_input(job.run), **_of_product(job.request)}
    return _RASTER, {**parameters, **_of_one_input(job.run), **_of_raster(job.run)}


def _shared(run: SuperResolveRequest, georeferenced: bool) -> Dict[str, Any]:
    parameters: Dict[str, Any] = {
        "MODEL": run.model,
        "DEVICE": run.device,
        "PRECISION": run.precision,
        "OUTPUT_TYPE": run.output_type or SAME_TYPE,
        "TILE_SIZE": run.tile,
        "NORMALISATION": run.normalisation,
        "COG": run.cog,
        # Who continues a run does not want to lose what is done by a cancel.
        "KEEP_PARTIAL": True,
        "CREATE_OPTIONS": "|".join(run.create_options),
        "OUTPUT": run.output,
    }
    if run.margin is not None:
        parameters["MARGIN"] = run.margin
    if run.nodata is not None:
        parameters["NODATA"] = run.nodata
    if run.extent is not None:
        parameters["EXTENT"] = _extent_text(run.extent, georeferenced)
    if run.mask is not None:
        parameters["MASK"] = _mask_layer(run.mask)
    return parameters


def _of_one_input(run: SuperResolveRequest) -> Dict[str, Any]:
    """What a series does not have."""
    return {
        "INPUT": run.input,
        "CONSISTENCY": run.consistency,
        "OTHER_BANDS": run.other_bands,
        "EXACT": run.exact,
    }


def _of_raster(run: SuperResolveRequest) -> Dict[str, Any]:
    parameters: Dict[str, Any] = {"LUMINANCE": run.luminance}
    if run.bands:
        parameters["BANDS"] = list(run.bands)
    beside = {"UNCERTAINTY": run.uncertainty, "UNCERTAINTY_MASK": run.uncertainty_mask}
    parameters.update({name: path for name, path in beside.items() if path})
    if run.uncertainty_limit is not None:
        parameters["UNCERTAINTY_LIMIT"] = run.uncertainty_limit
    if run.uncertainty_models:
        parameters["UNCERTAINTY_MODELS"] = "; ".join(run.uncertainty_models)
    return parameters


def _of_product(request: ProductRequest) -> Dict[str, Any]:
    gaps_as_mask, fusion = request.run.gaps_as_mask, request.run.fusion
    parameters: Dict[str, Any] = {
        "BANDS": list(request.selection.bands),
        "MASK_CLOUDS": list(request.selection.masked_classes),
        "GAPS": product_parameters.GAPS_MASK if gaps_as_mask else product_parameters.GAPS_NODATA,
        "ONE_FILE_PER_BAND": request.file_per_band,
    }
    if request.satellite == LANDSAT:
        reflectance, numbers = superresolvelandsat_parameters.VALUES
        parameters["VALUES"] = reflectance if request.selection.reflectance else numbers
        if request.target is not None:
            parameters["ALIGN_TO"] = _grid_layer(request.target, request.target_name)
    elif fusion is None:
        parameters["TARGET"] = superresolvesentinel2_parameters.CHOSEN
    else:
        targets = superresolvesentinel2_parameters.ALL_BANDS
        parameters["TARGET"] = next(target for target, factor in targets.items() if factor == fusion.factor)
        parameters["FUSION_MODELS"] = "; ".join(fusion.models)
        parameters["BAND_MODEL"] = fusion.band_model
    return parameters


def _of_series(request: SeriesRequest) -> Dict[str, Any]:
    dates = [view.date.isoformat() if view.date else "" for view in request.views]
    parameters: Dict[str, Any] = {
        "INPUTS": [view.input for view in request.views],
        "MASKS": [view.mask for view in request.views if view.mask],
        "DATES": ",".join(dates) if any(dates) else "",
        "BANDS": ",".join(map(str, request.run.bands)),
        "MATCH": request.match,
        "THRESHOLD": request.threshold,
        "REGISTER": request.register,
    }
    if request.reference_date is not None:
        parameters["REFERENCE_DATE"] = request.reference_date.isoformat()
    if request.span_days is not None:
        parameters["MAX_DAYS"] = request.span_days
    if request.changes:
        parameters["CHANGES"] = request.changes
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


def _grid_layer(grid: Grid, name: str) -> QgsRasterLayer:
    """An empty raster with this grid: the one that gave it may be gone, and only its grid counts."""
    transform = ", ".join(repr(float(value)) for value in grid.geotransform)
    xml = (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}"><SRS>{escape(grid.wkt)}</SRS>'
        f'<GeoTransform>{transform}</GeoTransform><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
    )
    return QgsRasterLayer(xml, name, "gdal")
