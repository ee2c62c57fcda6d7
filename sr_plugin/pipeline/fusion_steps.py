"""Which models of a band fusion take and give which bands."""

from __future__ import annotations

from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from sr_plugin.core.bands import SENTINEL2, LayerBand, match_bands
from sr_plugin.core.card import INVENTION_WARNING, SINGLE_IMAGE, BandSpec, ModelCard
from sr_plugin.core.cells import CellPlace
from sr_plugin.core.errors import BandError, ParameterError
from sr_plugin.core.fusion_chain import FusionStep, SharpeningStep, fused_groups
from sr_plugin.pipeline.describe import SessionFactory, find_whole_model
from sr_plugin.pipeline.request import FusionRequest, RunFeedback, SuperResolveRequest

#: No fusion model was trained on cells that differ more from the size that it was made for, as a share.
_SIZE_TOLERANCE = 0.25


def fusion_models(
    fusion: FusionRequest, open_session: SessionFactory, message: Callable[[str], None]
) -> Tuple[ModelCard, ...]:
    """The band-fusion models of a request.

    Raises:
        ParameterError: when there is none.
        SuperResolutionError: when a model is missing or of another kind.
    """
    if not fusion.models:
        raise ParameterError("No band-fusion model is chosen.", "Use for example s2-fuse-20m.")
    cards = tuple(find_whole_model(name, open_session, message) for name in fusion.models)
    for card in cards:
        fused_groups(card)
    return cards


def _matched(card: ModelCard, wanted: str, layer: Sequence[LayerBand]) -> Tuple[int, ...]:
    """Positions of the bands that a model takes or gives."""
    bands = card.input_bands if wanted == "input" else card.output_bands
    found = match_bands(bands, layer)
    if found is None:
        names = [band.description for band in layer]
        lacking = [b.name for b in bands if b.name not in names]
        raise BandError(
            f"The model '{card.name}' needs {', '.join(b.name for b in bands)}, but the input lacks "
            f"{', '.join(lacking) or 'some of them'} among {', '.join(names)}.",
            "Choose a product with these bands, or leave the model out.",
        )
    return tuple(number - 1 for number in found)


def fusion_steps(cards: Sequence[ModelCard], layer: Sequence[LayerBand], fine: int) -> Tuple[FusionStep, ...]:
    steps: List[FusionStep] = []
    made: Dict[int, str] = {}
    for card in cards:
        inputs = _matched(card, "input", layer)
        outputs = _matched(card, "output", layer)
        starts = np.cumsum([0, *fused_groups(card)])
        groups = tuple(tuple(inputs[a:b]) for a, b in zip(starts, starts[1:]))
        for band in outputs:
            if band in made or band < fine:
                raise ParameterError(
                    f"The model '{card.name}' gives {layer[band].description}, which "
                    + (f"'{made[band]}' gives, too." if band in made else "is among the finest bands already."),
                    "Choose one model for each set of coarse bands.",
                )
            made[band] = card.name
        steps.append(FusionStep(card, groups, outputs))
    return tuple(steps)


def check_sizes(steps: Sequence[FusionStep], counts: Sequence[int], places: Sequence[CellPlace]) -> None:
    """Make sure that every coarse band has pixels of the size that its model was made for.

    Raises:
        BandError: naming the model, and what differs.
    """
    ends = np.cumsum(counts)
    ratios = [1.0, *(place.width for place in places)]
    for step in steps:
        expected = [float(group[1]) for group in step.card.hyperparameters["groups"]]
        for numbers, ratio in zip(step.inputs, expected):
            for number in numbers:
                found = ratios[int(np.searchsorted(ends, number, side="right"))]
                # Cards of networks that take all groups on one grid do not tell what they came from.
                if ratio > 1 and abs(found / ratio - 1) > _SIZE_TOLERANCE:
                    raise BandError(
                        f"The model '{step.card.name}' takes bands whose pixels are {ratio:g} times as large as the "
                        f"finest ones, but one of the input's is {found:g} times as large.",
                        "Use bands of the resolution that the model was made for.",
                    )


def in_sensor_order(numbers: Sequence[int], layer: Sequence[LayerBand]) -> Tuple[int, ...]:
    order = list(SENTINEL2)
    names = [layer[number].description for number in numbers]
    if not all(name in order for name in names):
        return tuple(numbers)
    return tuple(sorted(numbers, key=lambda number: order.index(layer[number].description)))


def sharpening_steps(
    request: SuperResolveRequest,
    fusion: FusionRequest,
    layer: Sequence[LayerBand],
    result: Sequence[int],
    fine: int,
    find: Callable[[str], ModelCard],
    feedback: RunFeedback,
) -> Tuple[SharpeningStep, ...]:
    """Which models follow, and which bands of the result each one takes."""
    if fusion.factor == 1:
        return ()
    own, left = find(request.model), list(range(len(result)))
    steps: List[SharpeningStep] = []
    if own.kind != SINGLE_IMAGE or own.scale != fusion.factor:
        feedback.message(
            f"The model '{own.name}' does not make pixels {fusion.factor} times as fine, so it is not used behind the "
            "fusion."
        )
    elif own.any_bands or own.per_band:
        steps, left = [SharpeningStep(own, tuple(left))], []
    else:
        finest = [band for band in layer if band.number - 1 in result and band.number - 1 < fine]
        found = match_bands(own.input_bands, finest)
        alike = [b.name for b in own.input_bands] == [b.name for b in own.output_bands or own.input_bands]
        if found is not None and alike:
            steps.append(SharpeningStep(own, tuple(list(result).index(number - 1) for number in found)))
            left = [position for position in left if position not in steps[0].bands]
    if left:
        card = find(fusion.band_model or f"any-x{fusion.factor}")
        if card.kind != SINGLE_IMAGE or card.scale != fusion.factor or not (card.any_bands or card.per_band):
            raise ParameterError(
                f"The model '{card.name}' does not make any single band {fusion.factor} times as fine.",
                f"Choose a model of one band and that factor, such as any-x{fusion.factor}.",
            )
        steps.append(SharpeningStep(card, tuple(left)))
    for step in steps:
        if step.card.tiles.fixed or step.card.reach is None:
            raise ParameterError(
                f"The model '{step.card.name}' takes tiles of one size only, so it cannot follow a band fusion.",
                f"Choose a model with a finite reach, such as any-x{fusion.factor}.",
            )
    if any(step.card.generative for step in steps):
        feedback.warning(INVENTION_WARNING)
    return tuple(steps)


def spec_of(band: LayerBand, steps: Sequence[FusionStep]) -> BandSpec:
    """What the models call a band."""
    for step in steps:
        numbers = [number for group in step.inputs for number in group]
        if band.number - 1 in numbers:
            return step.card.input_bands[numbers.index(band.number - 1)]
    return BandSpec(band.description or f"band {band.number}", "", band.wavelength_um)
