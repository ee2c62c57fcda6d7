"""What can have an uncertainty, which models it can be taken over, and what is written beside the result."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from osgeo import gdal

from sr_plugin.core.card import TRANSLATION, BandSpec, ModelCard
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.job import JobPlan
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.uncertainty import (
    BESIDE,
    DEVIATION,
    REPLACED,
    FurtherModel,
    UncertaintySettings,
    joint_constraints,
    views_of,
)
from sr_plugin.pipeline.pairs.band_order import SAME_WAVELENGTH
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.writer import OutputBand, OutputSpec

_NOTES = {
    DEVIATION: "Standard deviation of what is made of flips and quarter turns of the input, in units of the data.",
    REPLACED: "1 where bicubic interpolation took the place of the model's result, 0 elsewhere.",
}
_BAND_NAMES = {DEVIATION: "{} uncertainty", REPLACED: "{} bicubic"}
_LEAVE_OUT = "Leave the uncertainty out."


def refuse_uncertainty(request: SuperResolveRequest, what: str) -> None:
    """Refuse to compare views where nothing does it.

    Args:
        request: what is asked for.
        what: what has no uncertainty, as a sentence begins with it.

    Raises:
        ParameterError: when an uncertainty is asked for.
    """
    if request.compares_views:
        raise ParameterError(f"{what} has no uncertainty.", _LEAVE_OUT)


def check_uncertainty(request: SuperResolveRequest, card: ModelCard, fed: int) -> None:
    """Refuse what has no uncertainty, and files and limits that make no sense.

    Args:
        request: what is asked for.
        card: the model that gives the result.
        fed: number of bands that it takes.

    Raises:
        ParameterError: naming the reason.
    """
    if not request.compares_views:
        return
    if not card.takes_one_raster:
        refuse_uncertainty(request, f"The result of '{card.name}', which takes several rasters,")
    if not card.weights:
        raise ParameterError(
            f"'{card.name}' interpolates, so nothing of it is uncertain.", "Choose a model, or leave uncertainty out."
        )
    limit = request.uncertainty_limit
    if limit is not None:
        if not (math.isfinite(limit) and limit > 0):
            raise ParameterError("The limit of the uncertainty must be above 0.", "Leave it empty for none.")
        if card.kind == TRANSLATION or card.output_count(fed) != fed:
            raise ParameterError(
                f"The bands of the model '{card.name}' are not those of the input, so bicubic cannot replace them.",
                "Leave the limit of the uncertainty empty.",
            )
    elif request.uncertainty_mask:
        raise ParameterError(
            "A mask of where bicubic is used needs a limit of the uncertainty.", "Give a limit, or leave the mask out."
        )
    if not request.uncertainty and limit is None:
        raise ParameterError(
            "Further models only enter the uncertainty, which is not asked for.",
            "Give a file for it or a limit, or leave the further models out.",
        )
    paths = [os.path.normcase(os.path.abspath(path)) for path in request.outputs]
    if len(set(paths)) != len(paths):
        raise ParameterError(
            "Result, uncertainty and mask cannot have the same name.", "Give each of them a file of its own."
        )


def further_cards(
    request: SuperResolveRequest, card: ModelCard, fed: int, find: Callable[[str], ModelCard]
) -> Tuple[ModelCard, ...]:
    """Models whose answers can be compared with those of the first one.

    Args:
        request: names them.
        card: the first model.
        fed: number of bands that it takes.
        find: gives the whole card of a model.

    Raises:
        ParameterError: naming the one that does not fit, and why.
    """
    found: List[ModelCard] = []
    for name in request.uncertainty_models:
        other = find(name)
        reason = _misfit(card, other, fed, request.luminance)
        if other.weights and other.sha256 in [known.sha256 for known in (card, *found)]:
            reason = "is named twice"
        if reason:
            raise ParameterError(
                f"The model '{other.name}' cannot enter the uncertainty of '{card.name}': it {reason}.",
                "Choose further models of the same kind, scale and bands, or leave them out.",
            )
        found.append(other)
    joint_constraints((card, *found))
    return tuple(found)


def _misfit(card: ModelCard, other: ModelCard, fed: int, luminance: bool) -> str:
    """Why the answers of two models cannot be compared, said of the other one; empty where they can."""
    if not other.weights:
        return "interpolates"
    if other.kind != card.kind:
        return f"is of the kind {other.kind}, not {card.kind}"
    if other.scale != card.scale:
        return f"enlarges {other.scale} times, not {card.scale} times"
    flexible = other.any_bands or other.per_band
    if (not flexible and len(other.input_bands) != fed) or other.output_count(fed) != card.output_count(fed):
        return f"takes {_listed(other.input_bands)} and gives {other.output_count(fed)} band(s)"
    if not flexible and not all(_may_be_same(*pair) for pair in zip(card.input_bands, other.input_bands)):
        alike = _listed(other.input_bands) == _listed(card.input_bands)
        return f"takes {_listed(other.input_bands, alike)}, not {_listed(card.input_bands, alike)}"
    if luminance and not other.per_band:
        return "is no model of one band, which luminance needs"
    if card.reach is None or other.reach is None:
        return "and the first one would see different windows, as one of them sees its whole tile"
    return ""


def _listed(bands: Sequence[BandSpec], wavelengths: bool = False) -> str:
    """Bands by name; their wavelengths too where names do not tell them apart, and where they have no name."""
    return ", ".join(_called(band, wavelengths) for band in bands) or "any bands"


def _called(band: BandSpec, wavelength: bool) -> str:
    name = band.name or band.common_name
    if not band.wavelength_um or (name and not wavelength):
        return name or "a band without a name"
    return f"{name} {1000 * band.wavelength_um:.0f} nm".strip()


def _may_be_same(one: BandSpec, other: BandSpec) -> bool:
    """False where both bands are known and are not the same."""
    if one.wavelength_um and other.wavelength_um:
        return abs(one.wavelength_um - other.wavelength_um) <= SAME_WAVELENGTH
    same_name = bool(one.name) and one.name == other.name
    if one.common_name and other.common_name:
        return same_name or one.common_name == other.common_name
    known = all(band.common_name or band.wavelength_um for band in (one, other))
    # A colour and a wavelength alone cannot be compared.
    return not known or same_name or not (one.name or other.name)


def uncertainty_settings(
    request: SuperResolveRequest, cards: Sequence[ModelCard], radiometries: Sequence[Radiometry]
) -> Optional[UncertaintySettings]:
    """What a tile is asked for; None where the request wants no uncertainty.

    Args:
        request: what is asked for, checked.
        cards: further models.
        radiometries: the maps between the data and each of them.
    """
    if not request.compares_views:
        return None
    wanted = ((DEVIATION, request.uncertainty), (REPLACED, request.uncertainty_mask))
    models = tuple(FurtherModel(card, radiometry) for card, radiometry in zip(cards, radiometries))
    return UncertaintySettings(tuple(name for name, path in wanted if path), request.uncertainty_limit or 0.0, models)


def provenance(request: SuperResolveRequest, plan: JobPlan) -> Dict[str, Any]:
    """What the result's own account of its settings says of the uncertainty."""
    found: Dict[str, Any] = {}
    if request.uncertainty_limit is not None:
        found["bicubic_above_uncertainty"] = request.uncertainty_limit
    if request.uncertainty_models:
        found["uncertainty_models"] = {card.name: card.sha256 for card in plan.cards[1:]}
    return found


def outputs_beside(request: SuperResolveRequest, plan: JobPlan, result: OutputSpec) -> Tuple[OutputSpec, ...]:
    """What is written beside the result, in the order in which a tile gives it.

    Gaps are those of the result, marked by a value of their own: no number of the source can mark a gap of a deviation.
    The user's creation options are for the result, and do not hold for other pixel types.
    """
    if plan.settings.uncertainty is None:
        return ()
    paths = {DEVIATION: request.uncertainty, REPLACED: request.uncertainty_mask}
    gaps = plan.nodata is not None or plan.mask_band
    specs = []
    for name, (pixel_type, count) in zip(plan.settings.uncertainty.outputs, plan.rasters[1:]):
        spec = replace(
            result,
            path=paths[name],
            bands=[_band(name, band) for band in result.bands[:count]],
            pixel_type=pixel_type,
            nodata=BESIDE[name][1] if gaps else None,
            mask_band=False,
            metadata={**result.metadata, "SR_NOTE": _NOTES[name]},
            create_options=(),
            smooth=name == DEVIATION,
        )
        specs.append(spec)
    return tuple(specs)


def stands_beside(path: str, name: str) -> bool:
    """Whether a file is one that an earlier run wrote beside its result.

    Args:
        path: the file; one that is no raster was not.
        name: what it would hold, :data:`DEVIATION` or :data:`REPLACED`.
    """
    with gdal_messages():
        try:
            dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_READONLY, allowed_drivers=["GTiff"])
        except RuntimeError:
            return False
    return dataset is not None and dataset.GetMetadataItem("SR_NOTE") == _NOTES[name]


def _band(name: str, band: OutputBand) -> OutputBand:
    """A band beside the result: a deviation has the scale of its band, but no offset, colour or wavelength."""
    described = OutputBand(_BAND_NAMES[name].format(band.description).strip())
    return replace(described, scale=band.scale, unit=band.unit) if name == DEVIATION else described


def cost_of_uncertainty(plan: JobPlan) -> str:
    """A sentence that tells how much more work the uncertainty makes; empty where there is none."""
    if plan.settings.uncertainty is None:
        return ""
    views, models = views_of(plan.constraints), len(plan.cards)
    copies = f"Uncertainty: {views} flipped and turned copies of each tile"
    names = f" through {models} models ({', '.join(card.name for card in plan.cards)})" if models > 1 else ""
    return f"{copies}{names}, {views * models} times the work of the result alone"
