"""From a request for band fusion to a job plan: which models, which of the bands each takes, where the rasters lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, List, Sequence, Tuple

import numpy as np
from osgeo import osr

from sr_plugin.core.bands import LayerBand
from sr_plugin.core.card import ModelCard
from sr_plugin.core.cells import CellPlace
from sr_plugin.core.errors import ParameterError, UnsupportedRaster
from sr_plugin.core.fusion_chain import FusionChain, FusionStep, chain_card
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import CoarserSource, JobPlan
from sr_plugin.core.point_spread import consistency_reach
from sr_plugin.core.radiometry import Radiometry, compose
from sr_plugin.core.session import RunSettings
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.fusion_steps import (
    check_sizes,
    fusion_models,
    fusion_steps,
    in_sensor_order,
    sharpening_steps,
    spec_of,
)
from sr_plugin.pipeline.memory import choose_tile
from sr_plugin.pipeline.output_values import chosen_nodata, chosen_type, marks_gaps_by_mask
from sr_plugin.pipeline.prepare import (
    PreparedRun,
    chosen_area,
    estimated,
    output_of,
    refuse_settings,
)
from sr_plugin.pipeline.request import FusionRequest, RunFeedback, SuperResolveRequest
from sr_plugin.pipeline.scaling import ScalingChoice, choose_scaling
from sr_plugin.pipeline.uncertainty_plan import refuse_uncertainty
from sr_plugin.raster import hdf5_reader
from sr_plugin.raster.fill import FILL_DISTANCE, typical_values
from sr_plugin.raster.output_path import check_output_path
from sr_plugin.raster.polygon_mask import mask_digest
from sr_plugin.raster.source import BandInfo, RasterSource, RasterTile
from sr_plugin.raster.writer import OutputBand

#: Factors by which all bands can be made finer behind the fusion.
FACTORS = (1, 2, 4)
#: Fine pixels that two grids may be apart over a whole raster and still count as nested.
_DRIFT = 0.01


@dataclass(frozen=True)
class _Read:
    """All bands that a chain reads.

    Attributes:
        sources: the rasters, the finest first.
        numbers: for each the numbers of the bands that are read.
        infos: of all these bands, raster by raster.
        samples: pixels that stand for each raster.
    """

    sources: Tuple[RasterSource, ...]
    numbers: Tuple[Tuple[int, ...], ...]
    infos: Tuple[BandInfo, ...]
    samples: Tuple[RasterTile, ...]

    def sampler(self, bands: Sequence[int]) -> Callable[[], Tuple[np.ndarray, np.ndarray]]:
        """Pixels of some of the bands as ``(bands, 1, n)``, as many of each."""

        def sample() -> Tuple[np.ndarray, np.ndarray]:
            flat = [plane.reshape(1, -1) for tile in self.samples for plane in tile.data]
            valid = [plane.reshape(1, -1) for tile in self.samples for plane in _validity(tile)]
            count = min(flat[band].shape[1] for band in bands)
            places = [np.linspace(0, flat[band].shape[1] - 1, count).astype(int) for band in bands]
            pixels = np.stack([flat[band][:, place] for band, place in zip(bands, places)])
            return pixels, np.stack([valid[band][:, place] for band, place in zip(bands, places)])

        return sample


def _validity(tile: RasterTile) -> np.ndarray:
    return np.ones(tile.data.shape, bool) if tile.valid is None else tile.valid


def place_of(coarse: Grid, fine: Grid) -> CellPlace:
    """Where a coarse grid lies on a fine one; what is a whole number of pixels but for rounding becomes one.

    Raises:
        UnsupportedRaster: when CRS or direction differ, the grids do not overlap, or the second is not the finer.
    """
    straight = all(not grid.geotransform[2] and not grid.geotransform[4] for grid in (coarse, fine))
    sizes = coarse.geotransform[1] / fine.geotransform[1], coarse.geotransform[5] / fine.geotransform[5]
    if not straight or min(sizes) < 1:
        raise UnsupportedRaster(
            "The rasters to be fused do not lie one after the other from fine to coarse on grids of one direction.",
            "Give the raster with the smallest pixels as input, and leave rotated rasters out.",
        )
    if bool(coarse.wkt) != bool(fine.wkt) or (coarse.wkt and not _same_crs(coarse.wkt, fine.wkt)):
        raise UnsupportedRaster("The rasters to be fused have different coordinate reference systems.")
    left, top = fine.to_pixel(*coarse.to_map(0, 0))
    width, height = (
        float(round(size)) if abs(size - round(size)) * count < _DRIFT else size
        for size, count in zip(sizes, (coarse.width, coarse.height))
    )
    left, top = (float(round(value)) if abs(value - round(value)) < _DRIFT else value for value in (left, top))
    apart = left >= fine.width or top >= fine.height
    if apart or left + width * coarse.width <= 0 or top + height * coarse.height <= 0:
        raise UnsupportedRaster("The rasters to be fused do not overlap.")
    return CellPlace(left, top, width, height)


def _same_crs(one: str, other: str) -> bool:
    return one == other or bool(osr.SpatialReference(one).IsSame(osr.SpatialReference(other)))


def _opened(fusion: FusionRequest, request: SuperResolveRequest) -> Tuple[RasterSource, ...]:
    sources = tuple(RasterSource(name) for name in (request.input, *fusion.coarser))
    for source in sources:
        check_output_path(request.output, source.files)
    if not all(source.georeferenced for source in sources):
        raise UnsupportedRaster(
            "A raster to be fused is not georeferenced, so nobody can tell where its pixels lie on the others.",
            "Georeference it first.",
        )
    return sources


def _all_bands(sources: Sequence[RasterSource]) -> List[LayerBand]:
    """Bands of all rasters, numbered through from 1."""
    bands = [band for source in sources for band in source.layer_bands()]
    return [replace(band, number=number) for number, band in enumerate(bands, start=1)]


def _used(chain_steps: Sequence[FusionStep], layer: Sequence[LayerBand], fine: int) -> List[int]:
    """Positions of the bands that are read: all fine ones, and the coarse ones that a model takes."""
    taken = {number for step in chain_steps for group in step.inputs for number in group}
    return [number for number in range(len(layer)) if number < fine or number in taken]


def prepare_fusion(request: SuperResolveRequest, feedback: RunFeedback, open_session: SessionFactory) -> PreparedRun:
    """Check a request that has a :attr:`SuperResolveRequest.fusion` and plan it.

    Args:
        request: its ``input`` is the finest raster; bands are found by name.
        feedback: where messages and warnings go.
        open_session: where models that do not tell their scale or reach are measured.

    Raises:
        SuperResolutionError: naming what is wrong with rasters, bands, models, extent, mask, parameters or output.
    """
    fusion = request.fusion
    if fusion is None or fusion.factor not in FACTORS:
        raise ParameterError("A band fusion makes bands 1, 2 or 4 times as fine as the finest ones.")
    refuse_settings(request)
    refuse_uncertainty(request, "A fusion of bands")
    hdf5_reader.register()
    sources = _opened(fusion, request)
    places = [place_of(source.grid, sources[0].grid) for source in sources[1:]]
    cards = fusion_models(fusion, open_session, feedback.message)
    layer = _all_bands(sources)
    counts = [len(source.layer_bands()) for source in sources]
    steps = fusion_steps(cards, layer, counts[0])
    check_sizes(steps, counts, places)
    read, steps, layer = _read(sources, counts, steps, layer)
    fine = len(read.numbers[0])
    result = in_sensor_order([*range(fine), *(band for step in steps for band in step.outputs)], layer)

    def find(name: str) -> ModelCard:
        return find_whole_model(name, open_session, feedback.message)

    sharpening = sharpening_steps(request, fusion, layer, result, fine, find, feedback)
    specs = tuple(spec_of(band, steps) for band in layer)
    chain = FusionChain(specs, fine, steps, result, sharpening)
    area = chosen_area(sources[0], request)
    return _plan(request, read, chain, [p for p, numbers in zip(places, read.numbers[1:]) if numbers], area, feedback)


def _read(
    sources: Sequence[RasterSource],
    counts: Sequence[int],
    steps: Sequence[FusionStep],
    layer: Sequence[LayerBand],
) -> Tuple[_Read, Tuple[FusionStep, ...], List[LayerBand]]:
    """The bands that are read, and the steps with these bands' numbers."""
    used = _used(steps, layer, counts[0])
    new = {old: number for number, old in enumerate(used)}
    renumbered = tuple(
        FusionStep(
            step.card,
            tuple(tuple(new[number] for number in group) for group in step.inputs),
            tuple(new[number] for number in step.outputs),
        )
        for step in steps
    )
    starts = np.cumsum([0, *counts])
    numbers = []
    for source, start, stop in zip(sources, starts, starts[1:]):
        own = [band.number for band in source.layer_bands()]
        numbers.append(tuple(own[position - start] for position in used if start <= position < stop))
    infos = tuple(info for source, own in zip(sources, numbers) for info in source.bands(own))
    samples = tuple(source.read_sample(own) for source, own in zip(sources, numbers) if own)
    kept = [replace(layer[old], number=number + 1) for old, number in new.items()]
    return _Read(tuple(sources), tuple(numbers), infos, samples), renumbered, kept


def _plan(
    request: SuperResolveRequest,
    read: _Read,
    chain: FusionChain,
    places: Sequence[CellPlace],
    area: Window,
    feedback: RunFeedback,
) -> PreparedRun:
    card = chain_card(chain, request.exact)
    finest, fine_numbers = read.sources[0], read.numbers[0]
    result_infos = [read.infos[number] for number in chain.result]
    pixel_type = chosen_type(request, result_infos)
    gaps = any(s.may_have_gaps(own) for s, own in zip(read.sources, read.numbers) if own)
    marked = any(i.pixel_type.startswith("float") for i in read.infos) or request.mask is not None or finest.masked
    # Cells that the coarser rasters do not have are gaps of the fused bands.
    covered = all(_covers(place, s.grid, finest.grid) for place, s in _with_sources(places, read))
    marked = marked or not covered
    mask_band = marks_gaps_by_mask(request, finest, result_infos, pixel_type, gaps or not covered)
    choices, steps = _scalings(request, read, chain)
    for warning in dict.fromkeys(choice.warning for choice in choices if choice.warning):
        feedback.warning(warning)
    margin = _margin(request, chain, card, places, gaps, feedback)
    tile = request.tile or choose_tile(card, margin, len(chain.bands))
    multiple = card.tiles.multiple_of
    settings = RunSettings(
        radiometry=steps[0],
        output_type=pixel_type,
        device=request.device,
        precision=request.precision,
        consistency=request.consistency,
        steps=steps,
    )
    plan = JobPlan(
        source=finest.identity(fine_numbers),
        grid=finest.grid,
        area=area,
        card=card,
        settings=settings,
        tile=max(multiple, tile // multiple * multiple),
        margin=margin,
        nodata=None if mask_band else chosen_nodata(request, result_infos, pixel_type, marked),
        mask=mask_digest(request.mask) if request.mask is not None else "",
        storage=tuple(request.create_options),
        mask_band=mask_band,
        coarser=tuple(
            CoarserSource(source.identity(own), source.grid, place)
            for (place, source), own in zip(_with_sources(places, read), [n for n in read.numbers[1:] if n])
        ),
    )
    scaling = replace(choices[0], description="; ".join(dict.fromkeys(choice.description for choice in choices)))
    output = output_of(request, finest, plan, [OutputBand.like(info) for info in result_infos], scaling)
    typical = [typical_values(tile.data, _validity(tile)) for tile in read.samples]
    used = [(source, own) for source, own in zip(read.sources, read.numbers) if own]
    return PreparedRun(
        plan=plan,
        output=output,
        typical=typical[0],
        mask=request.mask,
        scaling=scaling.description,
        estimate=estimated(plan, output),
        source_cache=sum(source.row_bytes(own, plan.tile, plan.tile + 2 * margin) for source, own in used),
        source_files=tuple(dict.fromkeys(file for source, _ in used for file in source.files)),
        coarser_typical=tuple(typical[1:]),
    )


def _with_sources(places: Sequence[CellPlace], read: _Read) -> List[Tuple[CellPlace, RasterSource]]:
    """The coarser rasters that are read, with their places."""
    return list(zip(places, (source for source, own in zip(read.sources[1:], read.numbers[1:]) if own)))


def _covers(place: CellPlace, coarse: Grid, fine: Grid) -> bool:
    """True where every fine pixel has its centre in a cell."""
    right, bottom = place.left + place.width * coarse.width, place.top + place.height * coarse.height
    return place.left <= 0.5 and place.top <= 0.5 and right >= fine.width - 0.5 and bottom >= fine.height - 0.5


def _scalings(
    request: SuperResolveRequest, read: _Read, chain: FusionChain
) -> Tuple[List[ScalingChoice], Tuple[Radiometry, ...]]:
    """How values are mapped to each model of the chain and back."""
    offset = read.sources[0].sentinel2_offset
    choices: List[ScalingChoice] = []
    steps: List[Radiometry] = []
    plain = [(s.card, [n for g in s.inputs for n in g], list(s.outputs)) for s in chain.fusions]
    for sharpening in chain.sharpening:
        bands = [chain.result[position] for position in sharpening.bands]
        plain.append((sharpening.card, bands, bands))
    for card, taken, given in plain:
        infos = [read.infos[number] for number in taken]
        choice = choose_scaling(request.normalisation, card.value_range, infos, read.sampler(taken), offset)
        own = dict(zip(taken, choice.bands))
        outputs = [own[number] for number in given]
        choices.append(choice)
        steps.append(compose(choice.bands, card.value_range, len(given), outputs))
    return choices, tuple(steps)


def _margin(
    request: SuperResolveRequest,
    chain: FusionChain,
    card: ModelCard,
    places: Sequence[CellPlace],
    gaps: bool,
    feedback: RunFeedback,
) -> int:
    """Fine pixels around a tile that its result depends on."""
    reach = card.reach or 0
    needed = reach + max(place.reach for place in places)
    if request.consistency:
        needed += max((consistency_reach(s.card.scale, s.card.psf) for s in chain.sharpening), default=0)
    if request.margin is None:
        return needed + (FILL_DISTANCE if gaps else 0)
    if request.margin < 0:
        raise ParameterError("The margin cannot be negative.", "Leave it empty to use the reach of the models.")
    if request.margin < needed:
        feedback.warning(f"The margin of {request.margin} is below what the models need ({needed}): borders may show.")
    return request.margin
