"""From a request to a job plan: everything is checked here, before any pixel is computed."""

from __future__ import annotations

import datetime
import json
import os
import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import SINGLE_IMAGE, TRANSLATION, ModelCard
from sr_plugin.core.catalogue import find_model
from sr_plugin.core.errors import EmptyExtent, ParameterError, UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import JobPlan
from sr_plugin.core.locations import plugin_version
from sr_plugin.core.radiometry import compose
from sr_plugin.core.session import PRECISIONS, RunSettings
from sr_plugin.pipeline.band_choice import carried_bands, choose_bands
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.estimate import Estimate, check_disks, estimate_run
from sr_plugin.pipeline.match_check import check_match
from sr_plugin.pipeline.output_values import chosen_nodata, chosen_type, marks_gaps_by_mask
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest
from sr_plugin.pipeline.scaling import ScalingChoice, choose_scaling
from sr_plugin.pipeline.tile_choice import chosen_margin, chosen_tile
from sr_plugin.pipeline.uncertainty_plan import (
    check_uncertainty,
    further_cards,
    outputs_beside,
    provenance,
    uncertainty_settings,
)
from sr_plugin.raster import hdf5_reader
from sr_plugin.raster.fill import typical_values
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.polygon_mask import PolygonMask, mask_digest
from sr_plugin.raster.sensor_models import refined_points, refined_polynomials
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec

_DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu|dml)(:\d+)?")
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
        estimate: what it will cost.
        source_cache: bytes of decoded blocks worth keeping while reading.
        source_files: local files that the source is made of.
        coarser_typical: the same as ``typical`` for each further raster of a band fusion.
        beside: what is written beside the result, see :meth:`JobPlan.rasters`.
    """

    plan: JobPlan
    output: OutputSpec
    typical: Tuple[float, ...]
    mask: Optional[Tuple[bytes, ...]]
    scaling: str
    estimate: Estimate
    source_cache: int = 0
    source_files: Tuple[str, ...] = ()
    coarser_typical: Tuple[Tuple[float, ...], ...] = ()
    beside: Tuple[OutputSpec, ...] = ()

    @property
    def outputs(self) -> Tuple[OutputSpec, ...]:
        """All that is written, the result first."""
        return (self.output, *self.beside)


def _area(source: RasterSource, request: SuperResolveRequest) -> Window:
    grid = source.grid
    if request.extent is None:
        return grid.window
    if not all(np.isfinite(request.extent)):
        raise EmptyExtent("The extent holds numbers that are not finite.")
    try:
        area = grid.window_of_extent(request.extent)
    except ZeroDivisionError:
        raise UnsupportedRaster(
            "The raster's geotransform is singular, so no extent can be found in it.", "Leave the extent out."
        ) from None
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
    if not np.isfinite(xs + ys).all():
        raise EmptyExtent("The mask holds coordinates that are not finite.")
    reached = grid.window_of_extent((min(xs), min(ys), max(xs), max(ys))).intersection(area)
    if reached.empty:
        raise EmptyExtent("The mask polygons do not overlap the raster.")
    return reached


def chosen_area(source: RasterSource, request: SuperResolveRequest) -> Window:
    """Pixels of the input that are wanted.

    Raises:
        EmptyExtent: when there are none.
    """
    area = _area(source, request)
    return area if request.mask is None else _masked_area(area, source.grid, request.mask)


def _output_bands(card: ModelCard, infos: Sequence[BandInfo], fed: int) -> List[OutputBand]:
    count = card.output_count(fed)
    carried = [OutputBand.like(info) for info in infos[fed:]]
    if count == fed and card.kind == SINGLE_IMAGE:
        return [OutputBand.like(info) for info in infos[:fed]] + carried
    names = [b.name for b in card.output_bands] or [""] * count
    return [OutputBand(description=name) for name in names] + carried


def _provenance(request: SuperResolveRequest, card: ModelCard, scaling: ScalingChoice, plan: JobPlan) -> Dict[str, str]:
    settings = {
        "bands": list(plan.source.bands),
        "consistency": plan.settings.consistency,
        "precision": plan.settings.precision,
        "tile": plan.tile,
        "margin": plan.margin,
        "normalisation": scaling.description,
        **provenance(request, plan),
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


def refuse_settings(request: SuperResolveRequest) -> None:
    """Refuse what is no device, precision or tile size.

    Raises:
        ParameterError: naming it.
    """
    if request.precision not in PRECISIONS:
        raise ParameterError(f"'{request.precision}' is no precision.", f"Use one of {', '.join(PRECISIONS)}.")
    if not _DEVICE.fullmatch(request.device):
        raise ParameterError(f"'{request.device}' is no device.", "Use auto, cpu, cuda, cuda:N, mps, xpu or dml.")
    if request.tile < 0:
        raise ParameterError("The tile size cannot be negative.", "Use 0 to choose it by memory.")


def prepare_run(
    request: SuperResolveRequest,
    feedback: RunFeedback,
    open_session: Optional[SessionFactory] = None,
    kinds: Sequence[str] = (SINGLE_IMAGE, TRANSLATION),
    room: bool = True,
) -> PreparedRun:
    """Check a request and plan it.

    Args:
        request: what is asked for.
        feedback: where messages and warnings go.
        open_session: where models that do not tell their scale or reach are measured; they are refused without it.
        kinds: kinds of models that fit.
        room: whether the disk must have room for what the plan writes; one that is turned into another plan has the
            wrong name for what an interrupted run wrote already.

    Raises:
        SuperResolutionError: naming what is wrong with input, bands, model, extent, mask, parameters or output.
    """
    refuse_settings(request)
    hdf5_reader.register()
    source = RasterSource(request.input)
    for path in request.outputs:
        check_output_path(path, source.files)

    def find(name: str) -> ModelCard:
        return find_whole_model(name, open_session, feedback.message) if open_session else find_model(name)

    card = find(request.model)
    if card.kind not in kinds:
        raise _unfit_kind(card)
    fed = choose_bands(source, card, request.bands, feedback)
    infos = source.bands(fed + carried_bands(source, fed, request.other_bands))
    if source.paletted([i.number for i in infos]) and card.hyperparameters.get("method") != "nearest":
        raise UnsupportedRaster(
            "The raster holds class numbers with a colour table, which cannot be interpolated.",
            "Convert it to RGB first, or use nearest:K.",
        )
    check_uncertainty(request, card, len(fed))
    cards = (card, *further_cards(request, card, len(fed), find))
    for each in cards:
        for sentence in check_match(each, source.grid, infos[: len(fed)]):
            feedback.warning(sentence)
    area = chosen_area(source, request)
    run = _plan(request, source, cards, infos, len(fed), area, feedback)
    if room:
        check_disks(run.plan, run.outputs)
    return run


def _unfit_kind(card: ModelCard) -> ParameterError:
    if card.kind in (SINGLE_IMAGE, TRANSLATION):
        return ParameterError(
            f"The model '{card.name}' takes one raster, not several.",
            "Choose a model for several views, such as series-x2 or shift-and-add:2.",
        )
    return ParameterError(
        f"The model '{card.name}' is of the kind {card.kind} and takes more than one raster.",
        "Choose a single-image model; bands are fused by 'Super-resolve Sentinel-2 product', series by "
        "'Super-resolve time series'.",
    )


def _plan(
    request: SuperResolveRequest,
    source: RasterSource,
    cards: Sequence[ModelCard],
    infos: Sequence[BandInfo],
    fed: int,
    area: Window,
    feedback: RunFeedback,
) -> PreparedRun:
    card = cards[0]
    if request.luminance and not (card.per_band and fed == 3):
        raise ParameterError(
            "Luminance mode needs a model of one band and exactly three bands (red, green, blue).",
            "Choose three bands, or leave luminance mode off.",
        )
    numbers = [info.number for info in infos]
    own = card.value_range.out_type
    pixel_type = chosen_type(request, infos[fed:] if own else infos, own)
    marked_gaps = source.masked or any(i.pixel_type.startswith("float") for i in infos) or request.mask is not None
    gaps = source.may_have_gaps(numbers)
    mask_band = marks_gaps_by_mask(request, source, infos, pixel_type, gaps)
    margin = chosen_margin(request, cards, gaps, feedback)
    sample = source.read_sample(numbers)
    valid = sample.valid if sample.valid is not None else np.ones(sample.data.shape, bool)
    scalings = [
        choose_scaling(
            request.normalisation,
            each.value_range,
            infos[:fed],
            lambda: (sample.data[:fed], valid[:fed]),
            source.sentinel2_offset,
        )
        for each in cards
    ]
    for warning in dict.fromkeys(scaling.warning for scaling in scalings if scaling.warning):
        feedback.warning(warning)
    plan = JobPlan(
        source=source.identity(numbers),
        grid=source.grid,
        area=area,
        card=card,
        settings=_settings(request, cards, scalings, pixel_type, fed, len(infos)),
        tile=chosen_tile(request, cards, margin, len(infos), area, source.grid.window),
        margin=margin,
        nodata=None if mask_band else chosen_nodata(request, infos, pixel_type, marked_gaps),
        mask=mask_digest(request.mask) if request.mask is not None else "",
        storage=tuple(request.create_options),
        mask_band=mask_band,
    )
    output = output_of(request, source, plan, _output_bands(card, infos, fed), scalings[0])
    beside = outputs_beside(request, plan, output)
    typical = typical_values(sample.data, valid)
    cache = source.row_bytes(numbers, plan.tile, plan.tile + 2 * plan.margin)
    return PreparedRun(
        plan=plan,
        output=output,
        typical=typical,
        mask=request.mask,
        scaling=scalings[0].description,
        estimate=estimate_run(plan, output, beside),
        source_cache=cache,
        source_files=source.files,
        beside=beside,
    )


def _settings(
    request: SuperResolveRequest,
    cards: Sequence[ModelCard],
    scalings: Sequence[ScalingChoice],
    pixel_type: str,
    fed: int,
    count: int,
) -> RunSettings:
    first, *others = [
        compose(scaling.bands, card.value_range, card.output_count(fed)) for card, scaling in zip(cards, scalings)
    ]
    return RunSettings(
        radiometry=first,
        output_type=pixel_type,
        device=request.device,
        precision=request.precision,
        luminance=request.luminance,
        fed_bands=fed if fed < count else 0,
        consistency=request.consistency,
        uncertainty=uncertainty_settings(request, cards[1:], others),
    )


def estimated(plan: JobPlan, output: OutputSpec) -> Estimate:
    """What a run will cost.

    Raises:
        DiskFull: when there is no room for it.
    """
    check_disks(plan, (output,))
    return estimate_run(plan, output)


def output_of(
    request: SuperResolveRequest,
    source: RasterSource,
    plan: JobPlan,
    bands: Sequence[OutputBand],
    scaling: ScalingChoice,
) -> OutputSpec:
    """What will be written.

    Raises:
        ParameterError: when no GeoTIFF can hold it.
    """
    grid, scale = plan.output_grid, plan.card.scale
    if max(grid.width, grid.height) > _LARGEST_SIDE:
        raise ParameterError("The result would have more pixels along one side than a GeoTIFF can hold.")
    points, points_wkt = source.control_points
    return OutputSpec(
        path=request.output,
        grid=grid,
        bands=bands,
        pixel_type=plan.settings.output_type,
        nodata=plan.nodata,
        mask_band=plan.mask_band,
        metadata=_provenance(request, plan.card, scaling, plan),
        create_options=request.create_options,
        tile=(plan.tile - plan.margin if plan.blended else plan.tile) * scale,
        georeferenced=source.georeferenced,
        gcps=refined_points(points, plan.area, scale),
        gcp_wkt=points_wkt,
        rpc=refined_polynomials(source.rational_polynomials, plan.area, scale),
        cog=request.cog,
        smooth=plan.card.hyperparameters.get("method") != "nearest",
    )
