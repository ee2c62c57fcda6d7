"""The network that a training begins with, and the card that it will have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from sr_plugin.core.architectures.registry import recognise
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, TRANSLATION, ModelCard, PointSpread, card_from_wire
from sr_plugin.core.dataset_card import DatasetCard
from sr_plugin.core.errors import BandError, ModelMismatch, ParameterError
from sr_plugin.core.training_plan import TrainingPlan
from sr_plugin.core.value_range import ValueRange
from sr_plugin.worker.architectures.build import build_network, load_network
from sr_plugin.worker.training.fresh_network import (
    begin_at_interpolation,
    family_named,
    fresh_hyperparameters,
    traits_of,
)
from sr_plugin.worker.training.value_map import range_for, translation_range


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes:
        network: with the weights of the starting model, or fresh ones.
        card: all but weights and quality of the model that will come out.
        per_band: every band of the data passes through the network on its own.
        input_bands: bands that the network takes in each of its inputs.
        trained: whether the weights come from a model.
        target_scaling: gain and offset from the numbers of targets to their quantity.
    """

    network: nn.Module
    card: ModelCard
    per_band: bool
    input_bands: tuple[int, ...]
    trained: bool
    target_scaling: tuple[float, float] = (1.0, 0.0)


@dataclass(frozen=True)
class Contrasts:
    """Lowest and highest usual value of the inputs and of the targets."""

    inputs: tuple[float, float]
    target: tuple[float, float]


def tensors_of(network: nn.Module) -> dict[str, Any]:
    """The tensors of a network as model files hold them: arrays, without the counters of batches."""
    state = network.state_dict()
    return {n: t.detach().cpu().numpy() for n, t in state.items() if not n.endswith(".num_batches_tracked")}


def _ratios(dataset: DatasetCard) -> list[list[int]]:
    """Bands, and pixel size in pixels of the finest input, of every input."""
    finest = max(spec.height for spec in dataset.inputs)
    return [[len(spec.bands), finest // spec.height] for spec in dataset.inputs]


def _network_scale(dataset: DatasetCard) -> int:
    """The scale as networks count it: from the finest input."""
    return dataset.target.height // max(spec.height for spec in dataset.inputs)


def _check(card: ModelCard, dataset: DatasetCard) -> None:
    """Refuse a model that does not fit the dataset.

    Raises:
        ParameterError: when kind or scale differ.
        BandError: when the bands differ.
    """
    if card.kind != dataset.kind:
        raise ParameterError(
            f"The model is of the kind '{card.kind}', but the dataset of the kind '{dataset.kind}'.",
            "Choose a model or an architecture of the dataset's kind.",
        )
    if card.scale != _network_scale(dataset):
        raise ParameterError(
            f"The model enlarges by {card.scale}, but the dataset asks for {_network_scale(dataset)}.",
            "Choose another model or architecture, or make a dataset of this scale.",
        )
    if card.kind == BAND_FUSION:
        groups = [list(group) for group in card.hyperparameters.get("groups", ())]
        if groups != _ratios(dataset):
            raise BandError(
                f"The model takes the groups of bands and pixel sizes {groups}, the dataset has {_ratios(dataset)}.",
                "Order the inputs of the dataset from the finest to the coarsest.",
            )
    taken, given = len(dataset.low.bands), len(dataset.target.bands)
    in_bands, out_bands = len(card.input_bands), len(card.output_bands or card.input_bands)
    if card.kind != BAND_FUSION and not (card.per_band and taken == given) and (in_bands, out_bands) != (taken, given):
        raise BandError(
            f"The model makes {out_bands} bands of {in_bands}, but the dataset has {given} of {taken}.",
            "Make a dataset with the model's bands, or begin with fresh weights.",
        )


def _fresh(plan: TrainingPlan, dataset: DatasetCard, side: int) -> tuple[nn.Module, ModelCard]:
    given = dict(plan.hyperparameters)
    if dataset.kind == BAND_FUSION:
        given.setdefault("groups", _ratios(dataset))
    if dataset.kind == MULTI_IMAGE and dataset.views:
        given.setdefault("views", dataset.views)
    if plan.family == "pix2pix":
        # No level may be smaller than a pixel.
        given.setdefault("depth", max(2, min(8, side.bit_length() - 1)))
    scale = _network_scale(dataset)
    h = fresh_hyperparameters(plan.family, scale, len(dataset.low.bands), len(dataset.target.bands), given)
    traits = traits_of(plan.family, h)
    if traits.scale != scale:
        raise ModelMismatch(
            f"The architecture '{plan.family}' cannot enlarge by {scale}.", "Choose another architecture."
        )
    torch.manual_seed(plan.seed)
    network = build_network(plan.family, h).float()
    begin_at_interpolation(plan.family, network)
    # Some names stand for an architecture that is recognised under another name.
    known = recognise(tensors_of(network), h)
    card = ModelCard(
        name=plan.name,
        title=plan.name,
        family=known.family,
        scale=known.scale,
        kind=known.kind,
        hyperparameters={**known.hyperparameters, **{n: v for n, v in h.items() if n in known.hyperparameters}},
        input_bands=known.input_bands,
        output_bands=known.output_bands,
        value_range=traits.value_range,
        reach=known.reach,
        # What was measured on published weights says nothing about fresh ones.
        effective_reach=None,
        training_tile=known.training_tile,
        tiles=known.tiles,
        citation=family_named(known.family).citation,
    )
    return network, card


def _point_spread(dataset: DatasetCard, known: PointSpread) -> PointSpread:
    told = dataset.point_spread
    if told.get("kind") == "box":
        return PointSpread("box")
    transfer = told.get("mtf_nyquist")
    if told.get("kind") == "gaussian" and transfer:
        values = [float(v) for v in (transfer if isinstance(transfer, (list, tuple)) else [transfer])]
        return PointSpread("gaussian", sum(values) / len(values))
    return known


def _range(card: ModelCard, plan: TrainingPlan, dataset: DatasetCard, contrasts: Contrasts) -> ValueRange:
    trained, name = plan.start is not None, f"{plan.name}-values"
    known = card.value_range
    if dataset.kind != TRANSLATION:
        return range_for(known, dataset.quantity, contrasts.target, name, trained)
    inside = replace(range_for(known, dataset.quantity, contrasts.inputs, name, trained), name=name)
    plain = traits_of(card.family, card.hyperparameters).value_range
    return translation_range(known, plain, inside, dataset.target, contrasts.target, trained)


def _described(card: ModelCard, plan: TrainingPlan, dataset: DatasetCard, contrasts: Contrasts) -> ModelCard:
    """The card with what the dataset tells."""
    finest = min((s.gsd_m for s in dataset.inputs if s.gsd_m), default=None)
    licences = sorted({source.licence for source in dataset.sources if source.licence})
    sources = "1 source" if len(dataset.sources) == 1 else f"{len(dataset.sources)} sources"
    patches = f"{dataset.counts.get('train', 0)} patches of {sources}"
    trained_on = f"{dataset.name}: {patches}" + (f" ({', '.join(licences)})" if licences else "")
    if dataset.credit:
        trained_on += f". {dataset.credit}"
    bands: dict[str, Any] = {}
    if card.kind != BAND_FUSION and len(card.input_bands) == len(dataset.low.bands):
        bands["input_bands"] = tuple(dataset.low.bands)
    if len(card.output_bands or card.input_bands) == len(dataset.target.bands):
        bands["output_bands"] = tuple(dataset.target.bands)
    if card.per_band:
        bands = {}
    earlier = f"{card.training_data}; then " if card.training_data else ""
    return replace(
        card,
        name=plan.name,
        title=f"{plan.name} ({family_named(card.family).title}, x{card.scale})",
        gsd_m=(finest, finest) if finest else card.gsd_m,
        value_range=_range(card, plan, dataset, contrasts),
        psf=_point_spread(dataset, card.psf),
        weights=(),
        licence=plan.licence,
        source="Trained with superres:train" + (f", going on from {card.name}" if plan.start is not None else ""),
        training_data=earlier + trained_on,
        quality={},
        generative=card.generative or plan.adversarial.active,
        verified=True,
        **bands,
    )


def start_of(plan: TrainingPlan, dataset: DatasetCard, side: int, contrasts: Contrasts) -> Start:
    """The network and card that a plan begins with on a dataset.

    Args:
        plan: architecture or starting model.
        dataset: what it is trained on.
        side: side of the examples in pixels of the coarsest input.
        contrasts: between what the values of the dataset lie.

    Raises:
        SuperResolutionError: when the model cannot be loaded, or does not fit the dataset.
    """
    if plan.start is not None:
        try:
            card = card_from_wire(plan.start)
        except (TypeError, KeyError, ValueError) as error:
            raise ParameterError(f"The plan's starting model is no model card ({error}).") from error
        tensors = tuple(w for w in card.weights if w.container != "onnx")
        if not tensors:
            raise ParameterError(
                f"The model '{card.name}' is there as ONNX only, which cannot be trained.",
                "Choose a model with a checkpoint, or begin with fresh weights.",
            )
        _check(card, dataset)
        network = load_network(replace(card, weights=tensors))
        known = recognise(tensors_of(network), card.hyperparameters)
        card = replace(card, family=known.family, hyperparameters=known.hyperparameters)
    else:
        network, card = _fresh(plan, dataset, side)
        _check(card, dataset)
    network.requires_grad_(True)
    per_band = card.kind != BAND_FUSION and card.per_band and len(dataset.low.bands) > 1
    bands = tuple(len(spec.bands) for spec in dataset.inputs)
    return Start(
        network,
        _described(card, plan, dataset, contrasts),
        per_band,
        (1,) if per_band else bands,
        plan.start is not None,
        (dataset.target.gain, dataset.target.offset),
    )
