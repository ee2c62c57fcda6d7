"""Models that work on one tile after another: band fusion first, then whatever makes all bands finer still.

A chain is wrapped into a card, so that plan, journal, tiles and the wire to the worker treat it as one model.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from sr_plugin.core.card import (
    BAND_FUSION,
    BandSpec,
    ModelCard,
    PointSpread,
    TileConstraints,
    WeightFile,
    card_from_wire,
    card_to_wire,
)
from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import ModelMismatch

#: Family of the cards that hold a chain.
FUSION_CHAIN = "fusion-chain"


@dataclass(frozen=True)
class FusionStep:
    """One band-fusion model.

    Attributes:
        card: the model; it takes its groups of bands all on the finest grid.
        inputs: for each group the numbers of its bands among all bands of the run, from 0.
        outputs: numbers of the coarse bands that it makes fine, in the order in which it gives them.
    """

    card: ModelCard
    inputs: Tuple[Tuple[int, ...], ...]
    outputs: Tuple[int, ...]


@dataclass(frozen=True)
class SharpeningStep:
    """One single-image model behind the fusion.

    Attributes:
        card: the model.
        bands: positions among the bands of the result that go through it, from 0.
    """

    card: ModelCard
    bands: Tuple[int, ...]


@dataclass(frozen=True)
class FusionChain:
    """What is done to every tile.

    Attributes:
        bands: all bands that are read, raster by raster, the finest raster first.
        fine: how many of them are on the finest grid.
        fusions: band-fusion models; each works on what was read, not on another one's result.
        result: numbers of the bands of the result: fine ones, and coarse ones that a fusion makes fine.
        sharpening: models of one and the same factor that share the bands of the result between them; or none.
    """

    bands: Tuple[BandSpec, ...]
    fine: int
    fusions: Tuple[FusionStep, ...]
    result: Tuple[int, ...]
    sharpening: Tuple[SharpeningStep, ...] = ()

    @property
    def scale(self) -> int:
        """Pixels of the result per pixel of the finest input."""
        return self.sharpening[0].card.scale if self.sharpening else 1

    @property
    def steps(self) -> Tuple[ModelCard, ...]:
        """All models in the order of their work."""
        return tuple(step.card for step in (*self.fusions, *self.sharpening))


def fused_groups(card: ModelCard) -> Tuple[int, ...]:
    """Number of bands of each group of inputs of a band-fusion model, the finest first.

    Raises:
        ModelMismatch: when it is none, or its card does not tell.
    """
    groups = card.hyperparameters.get("groups")
    try:
        counts = tuple(int(group[0]) for group in groups)  # type: ignore[union-attr]
    except (TypeError, ValueError, LookupError):
        counts = ()
    known = card.kind == BAND_FUSION and len(counts) > 1 and sum(counts) == len(card.input_bands)
    if not known or not card.output_bands or card.scale != 1 or card.reach is None or card.tiles.fixed:
        raise ModelMismatch(
            f"The model '{card.name}' does not make coarse bands finer with the help of fine ones (its card tells no "
            "groups of bands, or no finite reach).",
            "Choose a band-fusion model such as s2-fuse-20m.",
        )
    return counts


def chain_card(chain: FusionChain, exact: bool) -> ModelCard:
    """A card that stands for the chain.

    Args:
        chain: at least one model.
        exact: reckon with the full reach of models for which a narrower one was measured to do.
    """
    steps = chain.steps
    sharpening = [step.card for step in chain.sharpening]
    reach = max((_reach(step.card, exact) for step in chain.fusions), default=0)
    reach += max((_reach(card, exact) for card in sharpening), default=0)
    return ModelCard(
        name=" + ".join(dict.fromkeys(card.name for card in steps)),
        title=", then ".join(dict.fromkeys(card.title for card in steps)),
        family=FUSION_CHAIN,
        scale=chain.scale,
        kind=BAND_FUSION,
        hyperparameters=_to_wire(chain),
        input_bands=chain.bands,
        output_bands=tuple(chain.bands[number] for number in chain.result),
        value_range=steps[0].value_range,
        reach=reach,
        psf=PointSpread("box"),
        tiles=TileConstraints(
            multiple_of=math.lcm(*(card.tiles.multiple_of for card in sharpening)) if sharpening else 1,
            minimum=max((card.tiles.minimum for card in sharpening), default=1),
        ),
        weights=_weights(steps),
        licence=", ".join(dict.fromkeys(card.licence for card in steps if card.licence)),
        generative=any(card.generative for card in steps),
        verified=all(card.verified for card in steps),
    )


def _reach(card: ModelCard, exact: bool) -> int:
    if card.reach is None:
        raise ModelMismatch(
            f"The model '{card.name}' sees its whole tile, so it cannot follow a band fusion.",
            "Choose a model with a finite reach.",
        )
    if exact or card.effective_reach is None:
        return card.reach
    return min(card.reach, card.effective_reach)


def _weights(steps: Sequence[ModelCard]) -> Tuple[WeightFile, ...]:
    """One file that stands for all: its digest is made of theirs, its kind tells what the worker must have."""
    stored = [card for card in steps if card.weights]
    if not stored:
        return ()
    light = all(any(weight.container == "onnx" for weight in card.weights) for card in stored)
    first = stored[0].weights[0]
    digest = sha256_of_json([card.sha256 for card in steps])
    return (WeightFile(first.path, "onnx" if light else "checkpoint", digest),)


def _to_wire(chain: FusionChain) -> Dict[str, Any]:
    fusions = [
        {"card": card_to_wire(s.card), "inputs": [list(g) for g in s.inputs], "outputs": list(s.outputs)}
        for s in chain.fusions
    ]
    sharpening = [{"card": card_to_wire(s.card), "bands": list(s.bands)} for s in chain.sharpening]
    values = {"fine": chain.fine, "fusions": fusions, "result": list(chain.result), "sharpening": sharpening}
    # In the form in which they come back from a journal or another process, so that equal chains are equal.
    return json.loads(json.dumps(values))


def chain_of(card: ModelCard) -> FusionChain:
    """The chain that a card of :func:`chain_card` stands for.

    Raises:
        ModelMismatch: when it stands for none.
    """
    values = card.hyperparameters
    try:
        return FusionChain(
            bands=card.input_bands,
            fine=int(values["fine"]),
            fusions=tuple(_fusion(step) for step in values["fusions"]),
            result=_numbers(values["result"]),
            sharpening=tuple(
                SharpeningStep(card_from_wire(step["card"]), _numbers(step["bands"])) for step in values["sharpening"]
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMismatch(f"The card '{card.name}' does not describe a chain of models.") from error


def _fusion(step: Mapping[str, Any]) -> FusionStep:
    inputs: List[Tuple[int, ...]] = [_numbers(group) for group in step["inputs"]]
    return FusionStep(card_from_wire(step["card"]), tuple(inputs), _numbers(step["outputs"]))


def _numbers(values: Sequence[Any]) -> Tuple[int, ...]:
    return tuple(int(value) for value in values)
