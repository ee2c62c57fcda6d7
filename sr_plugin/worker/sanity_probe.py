"""Does a model give back what it was shown? Catches wrong value ranges, channel orders and shuffle orders.

A smooth image with a little texture goes through the network; the result, averaged down by the scale factor, must look
like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sr_plugin.core.card import SINGLE_IMAGE, ModelCard, PointSpread
from sr_plugin.core.errors import ModelFailed
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange
from sr_plugin.worker.backends.base import Backend

#: Mean errors above this share of the image's spread are told.
TOLERATED = 0.05
#: Where the own range is good enough, another must be this much better to count as the right one.
_CLEARLY = 0.25
_SIDE = 64
#: Ranges that differ in what the network sees, tried in this order after the card's own.
CANDIDATES = {name: VALUE_RANGES[name] for name in ("unit", "byte", "signed", "imagenet-signed", "s2-2000", "s2-3000")}
#: Fractions in, and the result of a final tanh out.
CANDIDATES["tanh-unit"] = ValueRange("tanh-unit", "unit", out_gain=0.5, out_offset=0.5, valid=(0.0, 1.0))
#: Brightest part of the test image where a network expects reflectance: that of a common scene.
_BRIGHT = {"reflectance": 0.28, "unit": 0.9, "dn": 2800.0}


def test_image(bands: int, height: int, width: int, quantity: str) -> np.ndarray:
    """A smooth image with a little texture, other in every band, in units of the quantity."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    layers = []
    for band in range(bands):
        slow = np.sin(rows / (11 + 2 * band) + band) + np.cos(columns / (14 + band) + 2 * band)
        layers.append(0.5 + 0.2 * slow + 0.1 * (band % 3 - 1))
    texture = rng.normal(0, 0.01, (bands, height, width))
    image = np.clip(np.stack(layers) + texture, 0.0, 1.0)
    return (_BRIGHT[quantity] * (0.1 + 0.9 * image)).astype(np.float32)


test_image.__test__ = False  # type: ignore[attr-defined]


def _side(card: ModelCard) -> tuple[int, int]:
    if card.tiles.fixed:
        return card.tiles.fixed
    multiple = card.tiles.multiple_of
    side = -(-max(_SIDE, card.tiles.minimum) // multiple) * multiple
    return side, side


def _error(image: np.ndarray, back: np.ndarray) -> float:
    """Mean difference without the border, as a share of the image's spread."""
    inside = slice(4, -4) if min(image.shape[1:]) > 16 else slice(None)
    difference = np.abs(image[:, inside, inside] - back[:, inside, inside])
    return float(difference.mean() / max(float(np.ptp(image)), 1e-9))


def _through(backend: Backend, card: ModelCard, candidate: ValueRange, image: np.ndarray) -> np.ndarray:
    own = candidate.for_bands(image.shape[0])
    shape = (-1, 1, 1)
    fed = image * np.reshape(own.in_gain, shape) + np.reshape(own.in_offset, shape)
    fed = np.ascontiguousarray(fed, dtype=np.float32)
    output = backend.forward(fed[:, None] if card.per_band else fed[None])
    output = output[:, 0] if card.per_band else output[0]
    expected = (image.shape[0], image.shape[1] * card.scale, image.shape[2] * card.scale)
    if output.shape != expected:
        raise ModelFailed(f"The model gave an image of shape {output.shape} where its card promises {expected}.")
    return reduce_image(output.astype(np.float32) * own.out_gain + own.out_offset, card.scale, PointSpread("box"))


def _candidates(card: ModelCard) -> Sequence[ValueRange]:
    found = [card.value_range]
    for candidate in CANDIDATES.values():
        fits = len(candidate.in_gain) in (1, max(1, len(card.input_bands)))
        if fits and candidate.name != card.value_range.name:
            found.append(candidate)
    return found


def _warning(own: str, errors: dict[str, float], best: str, reversed_error: float) -> str:
    error = errors[own]
    if error <= TOLERATED:
        return ""
    told = f"On a test image the result differs from the input by {100 * min(error, 99.99):.0f} % of its spread"
    if reversed_error <= TOLERATED:
        return f"{told}; with the bands of the result in reverse order it would fit."
    if best != own and errors[best] <= TOLERATED:
        return f"{told}; with the value range '{best}' ({100 * errors[best]:.1f} %) it would fit."
    return f"{told}: the value range, the band order or the network itself may be wrong."


def probe_backend(backend: Backend, card: ModelCard, thorough: bool = False) -> dict[str, Any]:
    """Try the card's value range and, where that is not good enough, the usual others.

    Args:
        backend: the network.
        card: what is known of it.
        thorough: try the others in any case, because the card's own range is a mere guess.

    Returns:
        ``errors`` (mean error as a share of the image's spread, by range), ``best`` (the card's own where that is
        good enough), ``error`` of the card's own, ``warning`` (a sentence, or empty), ``skipped`` (why nothing was
        tried, or empty).
    """
    bands = len(card.input_bands) or 3
    comparable = not card.output_bands or len(card.output_bands) == len(card.input_bands)
    if card.kind != SINGLE_IMAGE or not comparable:
        return {"errors": {}, "best": "", "error": None, "warning": "", "skipped": "Its result shows something else."}
    height, width = _side(card)
    errors: dict[str, float] = {}
    reversed_error = float("inf")
    own = card.value_range.name
    for candidate in _candidates(card):
        image = test_image(bands, height, width, candidate.quantity)
        back = _through(backend, card, candidate, image)
        error = _error(image, back)
        errors[candidate.name] = error if np.isfinite(error) else 1e9
        if candidate.name == own and bands > 1:
            reversed_error = _error(image, back[::-1])
        if candidate.name == own and error <= TOLERATED and not thorough:
            # Bias-free networks pass with every range, so the card's own wins where it passes.
            break
    best = min(errors, key=lambda name: errors[name])
    if errors[own] <= TOLERATED and errors[best] > _CLEARLY * errors[own]:
        best = own
    return {
        "errors": {name: round(value, 5) for name, value in errors.items()},
        "best": best,
        "error": round(errors[own], 5),
        "warning": _warning(own, errors, best, reversed_error),
        "skipped": "",
    }
