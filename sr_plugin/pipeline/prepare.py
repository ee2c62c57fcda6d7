"""From a request to a job plan: everything is checked here, before any pixel is computed."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.bands import match_bands
from sr_plugin.core.card import SINGLE_IMAGE, TRANSLATION, ModelCard
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.errors import BandError, DiskFull, EmptyExtent, ParameterError, UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import JobPlan
from sr_plugin.core.locations import plugin_version
from sr_plugin.core.pixel_type import PIXEL_TYPES
from sr_plugin.core.point_spread import consistency_reach
from sr_plugin.core.radiometry import compose
from sr_plugin.core.session import PRECISIONS, RunSettings
from sr_plugin.pipeline.memory import choose_tile
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest
from sr_plugin.pipeline.scaling import ScalingChoice, choose_scaling
from sr_plugin.raster.fill import FILL_DISTANCE, typical_values
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.polygon_mask import PolygonMask, mask_digest
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec

#: Largest number of pixels along one side of a GeoTIFF.
_LARGEST_SIDE = 2**31 - 1


@dataclass(frozen=True)
class PreparedRun:
    """A checked run.

    Attributes:
        plan: the job plan.
        output: what will be written.
        typical: per band the value that stands in for gaps far from any valid pixel.
        mask: polygons or None.
        scaling: a sentence that says how values are mapped to the model.
    """

    plan: JobPlan
    output: OutputSpec
    typical: Tuple[float, ...]
    mask: Optional[Tuple[bytes, ...]]
    scaling: str


def choose_bands(
    source: RasterSource, card: ModelCard, wanted: Sequence[int], feedback: RunFeedback
) -> Tuple[int, ...]:
    """Band numbers to feed in: those asked for, else those whose names fit, else the first ones.

    Raises:
        BandError: when there are too few, or their number does not fit the model.
    """
    needed = len(card.input_bands)
    flexible = card.any_bands or card.per_band
    if wanted:
        if not flexible and len(wanted) != needed:
            names = ", ".join(b.name for b in card.input_bands)
            raise BandError(
                f"The model '{card.name}' takes {needed} band(s) ({names}), but {len(wanted)} were chosen.",
                "Choose that many bands, in this order.",
            )
        return tuple(wanted)
    layer = source.layer_bands()
    if flexible:
        return tuple(b.number for b in layer)
    if len(layer) < needed:
        names = ", ".join(b.name for b in card.input_bands)
        raise BandError(
            f"The model '{card.name}' needs {needed} band(s) ({names}), but the raster has {len(layer)}.",
            "Choose another model, or stack the bands into one raster first.",
        )
    matched = match_bands(card.input_bands, layer)
    if matched is not None:
        return matched
    chosen = tuple(b.number for b in layer[:needed])
    names = ", ".join(f"{b.name} = band {n}" for b, n in zip(card.input_bands, chosen))
    feedback.warning(f"The raster's band names do not tell which band is which, so they are taken in order: {names}.")
    return chosen


def _area(source: RasterSource, request: SuperResolveRequest) -> Window:
    grid = source.grid
    if request.extent is None:
        return grid.window
    if not all(np.isfinite(request.extent)):
        raise EmptyExtent("The extent holds numbers that are not finite.")
    area = grid.window_of_extent(request.extent)
    if area.empty:
        raise EmptyExtent("The extent does not overlap the raster.", "Choose an extent inside the raster.")
    return area


def _masked_area(area: Window, grid: Grid, mask: Sequence[bytes]) -> Window:
    """The part of the area that the mask's bounding box reaches."""
    if not mask:
        raise EmptyExtent("The mask holds no polygon.", "Select at least one polygon, or leave the mask out.")
    extents = [PolygonMask([wkb]).extent() for wkb in mask]
    xs = [v for e in extents for v in (e[0], e[2])]
    ys = [v for e in extents for v in (e[1], e[3])]
    reached = grid.window_of_extent((min(xs), min(ys), max(xs), max(ys))).intersection(area)
    if reached.empty:
        raise EmptyExtent("The mask polygons do not overlap the raster.")
    return reached


def _output_type(request: SuperResolveRequest, bands: Sequence[BandInfo]) -> str:
    if not request.output_type:
        return str(np.result_type(*{b.pixel_type for b in bands}))
    if request.output_type not in PIXEL_TYPES:
        raise ParameterError(f"'{request.output_type}' is no output type.", f"Use one of {', '.join(PIXEL_TYPES)}.")
    return request.output_type


def _fits_type(value: float, pixel_type: str) -> bool:
    if pixel_type.startswith("float"):
        return True
    limits = np.iinfo(pixel_type)
    return float(value).is_integer() and limits.min <= value <= limits.max


def _default_nodata(pixel_type: str) -> float:
    if pixel_type.startswith("float"):
        return float("nan")
    return 0.0 if pixel_type.startswith("uint") else float(np.iinfo(pixel_type).min)


def _nodata(request: SuperResolveRequest, bands: Sequence[BandInfo], pixel_type: str, gaps: bool) -> Optional[float]:
    """Nodata of the result: as asked, as in the source, or the type's usual one where there will be gaps."""
    if request.nodata is not None:
        if not _fits_type(request.nodata, pixel_type):
            raise ParameterError(
                f"The nodata value {request.nodata:g} cannot be stored as {pixel_type}.",
                "Choose another value or type.",
            )
        return request.nodata
    for band in bands:
        if band.nodata is not None and _fits_type(band.nodata, pixel_type):
            return band.nodata
    declared = any(band.nodata is not None for band in bands)
    return _default_nodata(pixel_type) if gaps or declared else None


def _margin(request: SuperResolveRequest, card: ModelCard, gaps: bool, feedback: RunFeedback) -> int:
    if request.margin is not None:
        if request.margin < 0:
            raise ParameterError("The margin cannot be negative.", "Leave it empty to use the reach of the model.")
        if card.reach is None or request.margin < card.reach:
            needed = "the whole tile" if card.reach is None else f"{card.reach} pixels"
            feedback.warning(f"The margin of {request.margin} is below the model's reach ({needed}): borders may show.")
        return request.margin
    if card.reach is None:
        feedback.warning("Every pixel of this model's result depends on the whole tile, so tile borders may show.")
        margin = card.training_tile // 8
    else:
        margin = card.reach
    if request.consistency:
        margin += consistency_reach(card.scale, card.psf)
    return margin + (FILL_DISTANCE if gaps and card.family != "builtin" else 0)


def _tile(request: SuperResolveRequest, card: ModelCard, margin: int, bands: int) -> int:
    if request.tile < 0:
        raise ParameterError("The tile size cannot be negative.", "Use 0 to choose it by memory.")
    tile = request.tile or choose_tile(card, margin, bands)
    multiple = card.tiles.multiple_of
    return max(multiple, tile // multiple * multiple)


def _output_bands(card: ModelCard, infos: Sequence[BandInfo]) -> List[OutputBand]:
    count = card.output_count(len(infos))
    if count == len(infos) and card.kind == SINGLE_IMAGE:
        return [OutputBand.like(info) for info in infos]
    names = [b.name for b in card.output_bands] or [""] * count
    return [OutputBand(description=name) for name in names]


def _provenance(request: SuperResolveRequest, card: ModelCard, scaling: ScalingChoice, plan: JobPlan) -> Dict[str, str]:
    settings = {
        "bands": list(plan.source.bands),
        "consistency": plan.settings.consistency,
        "precision": plan.settings.precision,
        "tile": plan.tile,
        "margin": plan.margin,
        "normalisation": scaling.description,
    }
    return {
        "SR_MODEL": card.name,
        "SR_MODEL_TITLE": card.title,
        "SR_MODEL_SHA256": card.sha256,
        "SR_SCALE": str(card.scale),
        "SR_SOURCE": os.path.basename(request.input),
        "SR_SETTINGS": json.dumps(settings, sort_keys=True),
        "SR_NOTE": "Detail finer than the input was estimated by a model, not measured.",
        "TIFFTAG_SOFTWARE": f"Super-Resolution for QGIS {plugin_version()}",
        "TIFFTAG_DATETIME": datetime.datetime.now().strftime("%Y:%m:%d %H:%M:%S"),
    }


def _check_disk(output: OutputSpec) -> None:
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(output.path))).free
    # Sensor data compress to about two thirds; half is the least worth starting with.
    if free < output.raw_bytes // 2:
        raise DiskFull(
            f"The result needs up to {output.raw_bytes / 1e6:.0f} MB on disk, but only {free / 1e6:.0f} MB are free."
        )


def prepare_run(request: SuperResolveRequest, feedback: RunFeedback) -> PreparedRun:
    """Check a request and plan it.

    Raises:
        SuperResolutionError: naming what is wrong with input, bands, model, extent, mask, parameters or output.
    """
    if request.precision not in PRECISIONS:
        raise ParameterError(f"'{request.precision}' is no precision.", f"Use one of {', '.join(PRECISIONS)}.")
    source = RasterSource(request.input)
    check_output_path(request.output, request.input)
    card = find_model(request.model)
    if card.kind not in (SINGLE_IMAGE, TRANSLATION):
        raise ParameterError(
            f"The model '{card.name}' is of the kind {card.kind} and takes more than one raster.",
            "Choose a single-image model.",
        )
    numbers = choose_bands(source, card, request.bands, feedback)
    infos = source.bands(numbers)
    if source.paletted(numbers) and card.hyperparameters.get("method") != "nearest":
        raise UnsupportedRaster(
            "The raster holds class numbers with a colour table, which cannot be interpolated.",
            "Convert it to RGB first, or use nearest:K.",
        )
    area = _area(source, request)
    if request.mask is not None:
        area = _masked_area(area, source.grid, request.mask)
    return _plan(request, source, card, infos, area, feedback)


def _plan(
    request: SuperResolveRequest,
    source: RasterSource,
    card: ModelCard,
    infos: Sequence[BandInfo],
    area: Window,
    feedback: RunFeedback,
) -> PreparedRun:
    numbers = [info.number for info in infos]
    pixel_type = _output_type(request, infos)
    gaps = source.may_have_gaps(numbers)
    marked_gaps = source.masked or any(i.pixel_type.startswith("float") for i in infos) or request.mask is not None
    nodata = _nodata(request, infos, pixel_type, marked_gaps)
    margin = _margin(request, card, gaps, feedback)
    sample = source.read_reduced(numbers, source.grid.window)
    valid = np.ones(sample.data.shape, bool) if sample.valid is None else sample.valid
    scaling = choose_scaling(request.normalisation, card.value_range, infos, lambda: (sample.data, valid))
    settings = RunSettings(
        radiometry=compose(scaling.bands, card.value_range, card.output_count(len(infos))),
        output_type=pixel_type,
        device=request.device,
        precision=request.precision,
        consistency=request.consistency,
    )
    plan = JobPlan(
        source=source.identity(numbers),
        grid=source.grid,
        area=area,
        card=card,
        settings=settings,
        tile=_tile(request, card, margin, len(infos)),
        margin=margin,
        nodata=nodata,
        mask=mask_digest(request.mask) if request.mask is not None else "",
    )
    grid = plan.output_grid
    if max(grid.width, grid.height) > _LARGEST_SIDE:
        raise ParameterError("The result would have more pixels along one side than a GeoTIFF can hold.")
    output = OutputSpec(
        path=request.output,
        grid=grid,
        bands=_output_bands(card, infos),
        pixel_type=pixel_type,
        nodata=nodata,
        metadata=_provenance(request, card, scaling, plan),
        create_options=request.create_options,
        tile=plan.tile * card.scale,
    )
    _check_disk(output)
    return PreparedRun(plan, output, typical_values(sample.data, valid), request.mask, scaling.description)
