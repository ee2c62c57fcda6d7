"""Networks with fresh weights, of the size that a dataset asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from sr_plugin.core.architectures.family import Family, Traits
from sr_plugin.core.architectures.registry import FAMILIES
from sr_plugin.core.errors import ModelMismatch, ModelNotRecognised
from sr_plugin.worker.architectures.build import network_class

#: Scales made of several enlargements, which the names of their hyperparameters tell.
_FACTORS: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 6: (2, 3), 8: (2, 2, 2), 16: (2, 2, 2, 2)}
_RGB = 3
#: The layer that ends what a network adds to its enlarged input, by architecture.
_LAST_OF_DETAIL: dict[str, Callable[[Any], nn.Module]] = {
    "edsr_bicubic": lambda network: network.expand,
    "dsen2": lambda network: network.convs[-1],
    "vdsr": lambda network: network.output,
    "srvgg": lambda network: network.body[-1],
}


def family_named(name: str) -> Family:
    """The family with an identifier.

    Raises:
        ModelNotRecognised: when there is none.
    """
    found = next((family for family in FAMILIES if family.id == name), None)
    if found is None:
        raise ModelNotRecognised(f"There is no architecture '{name}'.", "Choose one of the list.")
    return found


def _defaults(family: str) -> dict[str, Any]:
    """The default hyperparameters of a family's network."""
    parameters = inspect.signature(network_class(family).__init__).parameters
    named = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
    if family == "rs_srgan_fusion":
        named = {**_defaults("srresnet_t"), **named}
    return named


def _scaled(defaults: Mapping[str, Any], scale: int) -> dict[str, Any]:
    if "factors" in defaults:
        return {"factors": list(_FACTORS[scale])} if scale in _FACTORS else {}
    if "upsamplings" in defaults:
        return {"upsamplings": int(math.log2(scale))}
    return {"scale": scale} if "scale" in defaults else {}


def fresh_hyperparameters(
    family: str, scale: int, in_bands: int, out_bands: int, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The usual hyperparameters of a family for a dataset, with those that are given instead.

    Args:
        family: identifier of the architecture.
        scale: target pixels for an input pixel along one axis.
        in_bands, out_bands: bands of input and target.
        given: hyperparameters that are to be others.

    Raises:
        ModelNotRecognised: when the family is not known.
        ModelMismatch: when it has no such hyperparameter.
    """
    defaults = _defaults(family)
    unknown = set(given or {}) - set(defaults)
    if unknown:
        raise ModelMismatch(
            f"The architecture '{family}' has no hyperparameter '{sorted(unknown)[0]}'.",
            f"Known are {', '.join(defaults)}.",
        )
    h = {**defaults, **_scaled(defaults, scale)}
    for name, count in (("in_bands", in_bands), ("out_bands", out_bands), ("bands", in_bands)):
        if name in h:
            h[name] = count
    if (in_bands, out_bands) != (_RGB, _RGB) and "means" in h:
        # Means of photographs in red, green and blue say nothing about other bands.
        h["means"] = "none" if isinstance(h["means"], str) else False
    if "value_range" in h and "means" in h:
        h["means"] = "none" if isinstance(h["means"], str) else False
        h["value_range"] = "unit"
    if family == "espcn" and "layers" not in (given or {}):
        *inner, last = (list(layer) for layer in h["layers"])
        h["layers"] = [*inner, [in_bands * scale**2, last[1]]]
    h.update(given or {})
    return {name: list(value) if isinstance(value, tuple) else value for name, value in h.items()}


def begin_at_interpolation(family: str, network: nn.Module) -> None:
    """Let a fresh network that adds detail to its enlarged input add none at first; others stay as they are.

    Random detail would have to be unlearned before anything is gained, which takes most of a short training.
    """
    find = _LAST_OF_DETAIL.get(family)
    if find is None:
        return
    for weights in find(network).parameters():
        nn.init.zeros_(weights)


def traits_of(family: str, hyperparameters: Mapping[str, Any]) -> Traits:
    """What follows from the hyperparameters of a network.

    Raises:
        ModelMismatch: when they make no such network.
    """
    known = family_named(family)
    try:
        return known.traits(hyperparameters)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ModelMismatch(f"The hyperparameters {dict(hyperparameters)} make no {known.title} ({error}).") from error
