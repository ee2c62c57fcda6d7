"""Measures what a black-box model does not tell: scale, bands, tile rules, reach, and the values it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sr_plugin.core.architectures.family import bands as named_bands
from sr_plugin.core.card import ModelCard
from sr_plugin.core.description import UNMEASURED, VERSION
from sr_plugin.core.errors import ModelFailed, ModelUnreadable, OutOfMemory
from sr_plugin.core.onnx_file import read_onnx_header
from sr_plugin.core.onnx_layout import onnx_image
from sr_plugin.core.radiometry import Radiometry
from sr_plugin.core.range_json import range_to_json
from sr_plugin.core.session import RunSettings
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.choose import open_reference
from sr_plugin.worker.impulse import Forward, measure_reach, measure_reach_in_tile, textured_tile
from sr_plugin.worker.sanity_probe import CANDIDATES, TOLERATED, probe_backend

_SIZES = (64, 128, 256)
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_MINIMA = (8, 16, 32)
#: Band counts to try where the file leaves it open.
_BAND_COUNTS = (3, 1, 4, 6, 10, 12, 13, 2, 8)

#: Value ranges that may be chosen by how well they fit; others would also change what the numbers mean.
_GUESSED = ("unit", "byte", "signed", "tanh-unit", "imagenet-signed")


@dataclass(frozen=True)
class _Form:
    """What the first successful tile showed.

    Attributes:
        bands: taken.
        given: bands given.
        scale: output pixels per input pixel.
        size: side of the tile that worked, or height and width of the only one.
    """

    bands: int
    given: int
    scale: int
    size: tuple[int, int]


def cpu_settings(precision: str = "float32") -> RunSettings:
    """Settings under which measurements are made: exact, and the same on every machine."""
    neutral = Radiometry((1.0,), (0.0,), (1.0,), (0.0,))
    return RunSettings(neutral, "float32", device="cpu", precision=precision)


def _forward(backend: Backend) -> Forward:
    return lambda tile: backend.forward(tile[None])[0]


def _form_of(tile: np.ndarray, result: np.ndarray) -> _Form:
    height, width = tile.shape[1:]
    scale = result.shape[1] // height
    if result.ndim != 3 or scale < 1 or result.shape[1:] != (height * scale, width * scale):
        raise ModelUnreadable(
            f"The model makes {result.shape[1:]} pixels from {tile.shape[1:]}, which is no whole enlargement.",
            "Only models that enlarge by a whole factor can be run.",
        )
    return _Form(tile.shape[0], result.shape[0], scale, (height, width))


def _first_tile(forward: Forward, counts: Sequence[int], sizes: Sequence[tuple[int, int]]) -> _Form:
    problem: ModelFailed | None = None
    for height, width in sizes:
        for count in counts:
            tile = textured_tile(count, height, width)
            try:
                return _form_of(tile, forward(tile))
            except ModelFailed as error:
                problem = problem or error
            except OutOfMemory:
                break
    tried = ", ".join(f"{h} x {w}" for h, w in sizes)
    raise ModelUnreadable(
        f"The model runs on none of the tiles that were tried ({tried}): {problem.message if problem else 'no memory'}",
        "Put a model card (JSON) of the same name beside it that tells bands and tile size.",
    ) from problem


def _works(forward: Forward, form: _Form, height: int, width: int) -> bool:
    tile = textured_tile(form.bands, height, width)
    try:
        result = forward(tile)
    except ModelFailed:
        return False
    return result.shape == (form.given, height * form.scale, width * form.scale)


def _multiple_and_minimum(forward: Forward, form: _Form) -> tuple[int, int] | None:
    """The sizes that it takes; None where it takes no size but the first that worked."""
    side = max(form.size)
    for multiple in _MULTIPLES:
        odd = (side // multiple | 1) * multiple
        if _works(forward, form, odd, odd + 2 * multiple):
            candidates = sorted({-(-small // multiple) * multiple for small in _MINIMA})
            smallest = next((s for s in candidates if _works(forward, form, s, s)), min(odd, side))
            return multiple, smallest
    return None


def _fixed_sizes(card: ModelCard) -> tuple[Sequence[int], tuple[int, int] | None]:
    """Band counts to try, and the only size that the file accepts, by an ONNX file's shapes."""
    counts: Sequence[int] = (len(card.input_bands),) if card.input_bands else _BAND_COUNTS
    onnx = next((w for w in card.weights if w.container == "onnx"), None)
    if onnx is not None:
        image = onnx_image(read_onnx_header(onnx.path).inputs[0].shape)
        if image is not None:
            counts = (image.bands,) if image.bands else counts
            if image.height and image.width:
                return counts, (image.height, image.width)
    return counts, card.tiles.fixed


def measure(
    backend: Backend, counts: Sequence[int], fixed: tuple[int, int] | None, local: bool = True
) -> dict[str, Any]:
    """Run a network on dummy tiles.

    Args:
        backend: the network.
        counts: band counts to try.
        fixed: the only size that it accepts, if that is known.
        local: False where it is known that every pixel sees the whole tile.

    Returns:
        ``scale``, ``input_bands``, ``output_bands``, ``reach``, ``multiple_of``, ``minimum``, ``fixed``, ``notes``.

    Raises:
        ModelUnreadable: when it runs on no tile, or does not enlarge by a whole factor.
    """
    forward = _forward(backend)
    form = _first_tile(forward, counts, [fixed] if fixed else [(s, s) for s in _SIZES])
    found = {"scale": form.scale, "input_bands": form.bands, "output_bands": form.given, "notes": []}
    sizes = None if fixed else _multiple_and_minimum(forward, form)
    if sizes is None:
        reach = measure_reach_in_tile(forward, form.bands, form.scale, *form.size) if local else None
        return {**found, "reach": reach, "multiple_of": 1, "minimum": 1, "fixed": list(form.size)}
    multiple, minimum = sizes
    if not local:
        return {**found, "reach": None, "multiple_of": multiple, "minimum": minimum, "fixed": None}
    reached = measure_reach(forward, form.bands, form.scale, multiple, minimum)
    return {
        **found,
        "reach": reached.pixels,
        "multiple_of": reached.multiple_of,
        "minimum": max(minimum, reached.multiple_of),
        "fixed": None,
    }


def _with_range(card: ModelCard, found: Mapping[str, Any], backend: Backend) -> dict[str, Any]:
    """The value range that fits best, where the file tells none."""
    trial = replace(
        card,
        scale=found["scale"],
        input_bands=named_bands(found["input_bands"]),
        output_bands=named_bands(found["output_bands"]),
    )
    if found["fixed"]:
        trial = replace(trial, tiles=replace(trial.tiles, fixed=tuple(found["fixed"])))
    result = probe_backend(backend, trial, thorough=True)
    notes = list(found["notes"])
    best = result["best"]
    if best in _GUESSED and best != card.value_range.name and result["errors"][best] <= TOLERATED:
        notes.append(f"The file does not tell its value range; '{best}' fitted best on a test image.")
        return {**found, "range": range_to_json(CANDIDATES[best]), "notes": notes}
    return {**found, "range": range_to_json(card.value_range), "notes": notes}


def describe_model(card: ModelCard) -> dict[str, Any]:
    """Measure a model; a JSON-serialisable description (see :mod:`sr_plugin.core.description`).

    Raises:
        ModelNotRecognised: when the file is of no architecture that any installed library knows.
        ModelUnreadable, RuntimeMissing: when it cannot be run.
    """
    if card.family == "spandrel":
        from sr_plugin.worker.architectures.spandrel_bridge import describe_checkpoint

        told = describe_checkpoint(card)
        if told["square"]:
            fixed: tuple[int, int] | None = (told["training_tile"],) * 2
        else:
            fixed = None
        backend = open_reference(card, cpu_settings())
        found = measure(backend, (told["input_bands"],), fixed, told["local"])
        if not fixed:
            multiple = int(np.lcm(found["multiple_of"], told["multiple_of"]))
            minimum = -(-max(found["minimum"], told["minimum"]) // multiple) * multiple
            found = {**found, "multiple_of": multiple, "minimum": minimum}
        keep = ("title", "citation", "training_tile")
        found = {**found, **{name: told[name] for name in keep}, "notes": told["notes"]}
    else:
        counts, fixed = _fixed_sizes(card)
        backend = open_reference(card, cpu_settings())
        found = measure(backend, counts, fixed)
    if "range" in (card.hyperparameters.get(UNMEASURED) or ()):
        found = _with_range(card, found, backend)
    precision = backend.describe().precision
    return {**found, "element_type": precision, "sha256": card.sha256, "version": VERSION}
