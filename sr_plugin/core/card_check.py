"""What a card may say at most: bounds far beyond every sensible model, so that no card exhausts the machine."""

from __future__ import annotations

import math
import re
from typing import Optional, Tuple

from sr_plugin.core.card import KINDS, BandSpec, ModelCard, PointSpread, TileConstraints
from sr_plugin.core.pixel_type import PIXEL_TYPES
from sr_plugin.core.value_range import ValueRange

MAX_SCALE = 64
MAX_BANDS = 1000
_MAX_REACH = 1 << 16
_MAX_SIDE = 1 << 14
_MAX_MULTIPLE = 1 << 12
#: Factors beyond this leave nothing of a number in float32.
_MAX_FACTOR = 1e30
_CONTAINERS = ("onnx", "safetensors", "checkpoint")
_SPREADS = ("box", "gaussian")


def _between(value: Optional[float], low: float, high: float, what: str) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{what} of {value} is out of range")


def _check_bands(bands: Tuple[BandSpec, ...]) -> None:
    _between(len(bands), 0, MAX_BANDS, "a number of bands")
    for band in bands:
        _between(band.wavelength_um, 0.0, 1e9, "a wavelength")


def _check_range(known: ValueRange, bands: int) -> None:
    for factor in (*known.in_gain, known.out_gain):
        _between(abs(factor), 1 / _MAX_FACTOR, _MAX_FACTOR, "a factor of the value range")
    for shift in (*known.in_offset, known.out_offset):
        _between(abs(shift), 0.0, _MAX_FACTOR, "an offset of the value range")
    for values in (known.in_gain, known.in_offset):
        if len(values) not in (1, bands or len(values)):
            raise ValueError(f"a value range of {len(values)} bands for {bands} bands")
    if not bands and len(known.in_gain) != len(known.in_offset) and 1 not in (len(known.in_gain), len(known.in_offset)):
        raise ValueError("a value range whose factors and offsets do not go together")
    if known.valid is not None and not -math.inf < known.valid[0] < known.valid[1] < math.inf:
        raise ValueError("a value range without an extent")
    if known.out_type and known.out_type not in PIXEL_TYPES:
        raise ValueError(f"results of the pixel type '{known.out_type}'")


def _check_tiles(tiles: TileConstraints, training_tile: int, blended: bool) -> None:
    _between(tiles.multiple_of, 1, _MAX_MULTIPLE, "a multiple")
    _between(tiles.minimum, 1, _MAX_SIDE, "a smallest tile")
    _between(training_tile, 1, _MAX_SIDE, "a tile")
    _between(tiles.border, 0, _MAX_SIDE, "a border")
    sides = tiles.fixed or (training_tile, training_tile)
    for side in sides:
        _between(side, 1, _MAX_SIDE, "a tile")
    if blended and 2 * tiles.border >= min(sides):
        raise ValueError(f"a border of {tiles.border} leaves nothing of a tile")


def _check_spread(psf: PointSpread) -> None:
    if psf.kind not in _SPREADS or not 0 < psf.mtf_nyquist < 1:
        raise ValueError(f"the point spread '{psf.kind}' with {psf.mtf_nyquist} is not known")


def checked_card(card: ModelCard) -> ModelCard:
    """The card as it is.

    Raises:
        ValueError: when a value is beyond what any model needs, or contradicts another.
    """
    if card.family == "builtin" or card.kind not in KINDS:
        raise ValueError(f"'{card.family}', '{card.kind}' is no kind of model file")
    _between(card.scale, 1, MAX_SCALE, "a scale")
    _between(card.reach, 0, _MAX_REACH, "a reach")
    _between(card.effective_reach, 0, _MAX_REACH, "a reach")
    for metres in card.gsd_m or ():
        _between(metres, 1e-6, 1e9, "a pixel size")
    _check_bands(card.input_bands)
    _check_bands(card.output_bands)
    _check_range(card.value_range, len(card.input_bands))
    _check_tiles(card.tiles, card.training_tile, card.reach is None)
    _check_spread(card.psf)
    for weight in card.weights:
        if weight.container not in _CONTAINERS:
            raise ValueError(f"'{weight.container}' is no form of model file")
        # Names of files in the cache are made of it.
        if weight.sha256 and not re.fullmatch("[0-9a-zA-Z]{1,64}", weight.sha256):
            raise ValueError("a checksum that is none")
    return card
