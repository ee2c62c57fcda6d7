"""Which physical quantity a raster's numbers stand for: from its metadata, its type, or the user's word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.radiometry import BandScaling
from sr_plugin.core.value_range import ValueRange
from sr_plugin.pipeline.quantity import other_quantity
from sr_plugin.raster.source import BandInfo

#: Numbers per unit of reflectance in Sentinel-2 and most other products stored as integers.
_REFLECTANCE_QUANTIFICATION = 10000.0
#: Floating values above this cannot be reflectance as a fraction.
_LARGEST_FRACTION = 3.0
_DEFAULT_PERCENTILES = (2.0, 98.0)
#: Land rarely reflects more than this; what is no reflectance is mapped to where such a model saw its examples.
_USUAL_REFLECTANCE = 0.4

#: Gives pixels and their validity, ``(bands, h, w)`` each, of a reduced copy of the whole raster.
Sampler = Callable[[], Tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ScalingChoice:
    """The scaling of each band, a sentence that says what was chosen, and what the user should be warned of."""

    bands: Tuple[BandScaling, ...]
    description: str
    warning: str = ""


def _window_scaling(low: float, high: float, top: float = 1.0) -> BandScaling:
    span = (high - low if high > low else 1.0) / top
    return BandScaling(1.0 / span, -low / span)


def _numbers(text: str, count: int, choice: str) -> List[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(np.isfinite(values)):
        raise ParameterError(
            f"The normalisation '{choice}' cannot be understood.",
            "Use auto, none, divide:K, window:LOW,HIGH or percentile:LOW,HIGH.",
        )
    return values


def _percentile_scaling(sampler: Sampler, low: float, high: float, top: float = 1.0) -> Tuple[BandScaling, ...]:
    """One window for all bands, so that their ratios survive."""
    data, valid = sampler()
    chosen = data[valid]
    if chosen.size == 0:
        return (BandScaling(),) * data.shape[0]
    ends = np.percentile(chosen.astype(np.float64), (low, high))
    return (_window_scaling(float(ends[0]), float(ends[1]), top),) * data.shape[0]


def _explicit(choice: str, count: int, sampler: Sampler) -> ScalingChoice:
    kind, _, rest = choice.partition(":")
    if kind == "none":
        return ScalingChoice((BandScaling(),) * count, "values as they are")
    if kind == "divide":
        (divisor,) = _numbers(rest, 1, choice)
        if divisor == 0:
            raise ParameterError("The normalisation cannot divide by zero.", "Use for example divide:10000.")
        return ScalingChoice((BandScaling(1 / divisor),) * count, f"values divided by {divisor:g}")
    if kind == "window":
        low, high = _numbers(rest, 2, choice)
        if high <= low:
            raise ParameterError("The normalisation window is empty.", "Give the lower value first.")
        return ScalingChoice((_window_scaling(low, high),) * count, f"{low:g} to {high:g} mapped to 0 to 1")
    if kind == "percentile":
        low, high = _numbers(rest, 2, choice) if rest else _DEFAULT_PERCENTILES
        if not 0 <= low < high <= 100:
            raise ParameterError(
                "Percentiles lie between 0 and 100, the lower one first.", "Use for example percentile:2,98."
            )
        scalings = _percentile_scaling(sampler, low, high)
        return ScalingChoice(scalings, _describe_window(scalings[0], low, high))
    _numbers("", 1, choice)
    raise ParameterError(f"The normalisation '{choice}' cannot be understood.")


def _describe_window(scaling: BandScaling, low: float, high: float, top: float = 1.0) -> str:
    start = -scaling.offset / scaling.gain
    return f"{start:g} to {start + top / scaling.gain:g} (percentiles {low:g} and {high:g}) mapped to 0 to {top:g}"


def _stand_in(quantity: str, value_range: ValueRange, bands: Sequence[BandInfo], sampler: Sampler) -> ScalingChoice:
    """Radar and elevation: the bulk of the values takes the place of what the model knows, the rest is carried."""
    if all(b.pixel_type == "uint8" for b in bands):
        choice = ScalingChoice((BandScaling(1 / 255),) * len(bands), "8-bit values divided by 255")
    else:
        top = _USUAL_REFLECTANCE if value_range.quantity == "reflectance" else 1.0
        scalings = _percentile_scaling(sampler, *_DEFAULT_PERCENTILES, top)
        choice = ScalingChoice(scalings, _describe_window(scalings[0], *_DEFAULT_PERCENTILES, top))
    warning = (
        f"The bands hold {quantity}, but the model was trained on optical images: its detail is a guess at best. "
        "Values keep their units and stay consistent with the input only with the consistency option; "
        "bicubic:K enlarges without a guess."
    )
    return replace(choice, warning=warning)


def _reflectance(bands: Sequence[BandInfo], sampler: Sampler, add_offset: Optional[float]) -> ScalingChoice:
    if all(b.scale not in (None, 0.0) and (b.scale != 1.0 or b.offset) for b in bands):
        scalings = tuple(BandScaling(float(b.scale or 1.0), float(b.offset or 0.0)) for b in bands)
        return ScalingChoice(scalings, "reflectance by the scale and offset of the bands")
    if all(b.pixel_type == "uint8" for b in bands):
        return ScalingChoice((BandScaling(1 / 255),) * len(bands), "8-bit values divided by 255")
    if all(b.pixel_type.startswith("float") for b in bands):
        data, valid = sampler()
        chosen = data[valid]
        if chosen.size and float(np.percentile(chosen, 99)) <= _LARGEST_FRACTION:
            return ScalingChoice((BandScaling(),) * len(bands), "reflectance as a fraction")
    if add_offset:
        scaling = BandScaling(1 / _REFLECTANCE_QUANTIFICATION, add_offset / _REFLECTANCE_QUANTIFICATION)
        text = f"reflectance = (value {add_offset:+g}) / 10000, by the product's radiometric add-offset"
        return ScalingChoice((scaling,) * len(bands), text)
    scaling = BandScaling(1 / _REFLECTANCE_QUANTIFICATION)
    return ScalingChoice((scaling,) * len(bands), "reflectance = value / 10000")


def _unit(bands: Sequence[BandInfo], sampler: Sampler) -> ScalingChoice:
    if all(b.pixel_type == "uint8" for b in bands):
        return ScalingChoice((BandScaling(1 / 255),) * len(bands), "8-bit values divided by 255")
    scalings = _percentile_scaling(sampler, *_DEFAULT_PERCENTILES)
    return ScalingChoice(scalings, _describe_window(scalings[0], *_DEFAULT_PERCENTILES))


def choose_scaling(
    choice: str,
    value_range: ValueRange,
    bands: Sequence[BandInfo],
    sampler: Sampler,
    add_offset: Optional[float] = None,
) -> ScalingChoice:
    """Scaling of each band for a model.

    Args:
        choice: ``auto``, ``none``, ``divide:K``, ``window:LOW,HIGH`` or ``percentile:LOW,HIGH``.
        value_range: what the model expects.
        bands: the bands that are fed in.
        sampler: called only where the values themselves must be looked at.
        add_offset: Sentinel-2's radiometric add-offset in DN, where the product tells that it applies.

    Raises:
        ParameterError: when the choice cannot be understood.
    """
    choice = (choice or "auto").strip().lower()
    if value_range.quantity == "dn" and choice in ("auto", "none"):
        return ScalingChoice((BandScaling(),) * len(bands), "values as they are")
    if choice != "auto":
        return _explicit(choice, len(bands), sampler)
    quantity = other_quantity(bands)
    if quantity:
        return _stand_in(quantity, value_range, bands, sampler)
    if value_range.quantity == "reflectance":
        return _reflectance(bands, sampler, add_offset)
    return _unit(bands, sampler)
