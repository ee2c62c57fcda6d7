"""The reach of a network, measured: change one input pixel and look which output pixels change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

#: ``(bands, h, w)`` in the network's own range -> ``(bands, h * scale, w * scale)``.
Forward = Callable[[np.ndarray], np.ndarray]

#: Long sides of the strips in which the impulse is looked for; the last one decides that the reach is the whole tile.
_LENGTHS = (192, 768)
_NARROW = 16
#: A network that does not even move along by this many pixels is treated as one that sees its whole tile.
_LARGEST_STEP = 64
#: Larger shares of the output's spread count as a change when two positions of a tile are compared.
_SAME = 1e-3
#: NaN finds every structural dependency; a large step also shows where NaN is swallowed.
_IMPULSES = (np.nan, 1e4)


@dataclass(frozen=True)
class Reach:
    """What the impulse showed.

    Attributes:
        pixels: receptive-field radius in input pixels, or None where every pixel sees the whole tile.
        multiple_of: shift of the input, in pixels, by which the result moves along unchanged.
    """

    pixels: int | None
    multiple_of: int


def textured_tile(bands: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth scene with some texture, values from 0.1 to 0.9."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [0.5 + 0.25 * np.sin(rows / (5 + b) + b) * np.cos(columns / (7 + b)) for b in range(bands)]
    noise = rng.uniform(-0.1, 0.1, (bands, height, width))
    return np.clip(np.stack(waves) + noise, 0.1, 0.9).astype(np.float32)


def _changed(before: np.ndarray, after: np.ndarray, axis: int) -> np.ndarray:
    """Places along an axis (1 rows, 2 columns) where anything changed; NaN differs from every number."""
    different = ~((before == after) | (np.isnan(before) & np.isnan(after)))
    return np.flatnonzero(different.any(axis=(0, 3 - axis)))


def _distance(
    forward: Forward,
    tile: np.ndarray,
    before: np.ndarray,
    axis: int,
    at: int,
    scale: int,
    impulses: Sequence[float] = _IMPULSES,
) -> int:
    """Farthest input pixel along ``axis`` whose output changes with the input pixel ``at``."""
    farthest = 0
    for impulse in impulses:
        changed = tile.copy()
        place = [tile.shape[1] // 2, tile.shape[2] // 2]
        place[axis - 1] = at
        changed[:, place[0], place[1]] = impulse
        places = _changed(before, forward(changed), axis) // scale
        if places.size:
            farthest = max(farthest, at - int(places[0]), int(places[-1]) - at)
    return farthest


def _phases(step: int) -> list[int]:
    """Positions inside a period: its ends reach farthest, but two more are looked at."""
    return sorted({0, 1 % step, step // 2, step - 1})


def _strip(axis: int, bands: int, length: int, narrow: int) -> np.ndarray:
    return textured_tile(bands, *((length, narrow) if axis == 1 else (narrow, length)))


def _fits(farthest: int, centre: int, length: int, step: int) -> bool:
    """True where the shorter side of the strip still has pixels that did not change."""
    return farthest < min(centre, length - centre - step) - 1


def _first_guess(forward: Forward, bands: int, scale: int, length: int, narrow: int) -> int | None:
    tile = _strip(2, bands, length, narrow)
    farthest = _distance(forward, tile, forward(tile), 2, length // 2, scale, _IMPULSES[:1])
    return farthest if _fits(farthest, length // 2, length, 1) else None


def _reach_in_strips(forward: Forward, bands: int, scale: int, step: int, length: int, narrow: int) -> int | None:
    """The reach where it fits in strips of this length, else None."""
    farthest = 0
    for axis in (2, 1):
        tile = _strip(axis, bands, length, narrow)
        before = forward(tile)
        centre = length // 2 // step * step
        for phase in _phases(step):
            # The large step is needed once only, to see whether NaN is swallowed.
            impulses = _IMPULSES if phase == 0 else _IMPULSES[:1]
            farthest = max(farthest, _distance(forward, tile, before, axis, centre + phase, scale, impulses))
            if not _fits(farthest, centre, length, step):
                return None
    return farthest


def _moves_along(forward: Forward, bands: int, scale: int, reach: int, shift: int, narrow: int) -> bool:
    """True where a tile that starts ``shift`` pixels later gives the same pixels inside."""
    length = -(-max(2 * reach + 2 * shift + 16, narrow) // shift) * shift
    tile = textured_tile(bands, narrow, length + shift)
    first, second = forward(tile[:, :, :length]), forward(tile[:, :, shift : shift + length])
    inside = slice((reach + shift) * scale, (length - reach) * scale)
    moved = slice(reach * scale, (length - reach - shift) * scale)
    one, other = first[:, :, inside], second[:, :, moved]
    return bool(np.abs(one - other).max() <= _SAME * max(float(np.ptp(one)), 1e-6))


def measure_reach(forward: Forward, bands: int, scale: int, multiple_of: int, minimum: int) -> Reach:
    """Reach and phase of a network that takes tiles of many sizes.

    Args:
        forward: the network.
        bands: bands that it takes.
        scale: its scale factor.
        multiple_of: sides must be multiples of this; networks that pad by themselves may still have a phase.
        minimum: shortest side.
    """
    narrow = -(-max(_NARROW, minimum) // multiple_of) * multiple_of
    for length in _LENGTHS:
        length = max(length, 4 * narrow) // multiple_of * multiple_of
        guess = _first_guess(forward, bands, scale, length, narrow)
        if guess is None:
            continue
        step = multiple_of
        while step <= _LARGEST_STEP and not _moves_along(forward, bands, scale, guess + step, step, narrow):
            step *= 2
        reach = _reach_in_strips(forward, bands, scale, step, length, narrow) if step <= _LARGEST_STEP else None
        if reach is not None:
            return Reach(reach, step)
    return Reach(None, multiple_of)


def measure_reach_in_tile(forward: Forward, bands: int, scale: int, height: int, width: int) -> int | None:
    """Reach of a network that takes one size only; None where it fills the tile."""
    tile = textured_tile(bands, height, width)
    before = forward(tile)
    farthest = 0
    for axis, length in ((1, height), (2, width)):
        for at in range(length // 2, min(length // 2 + 4, length)):
            farthest = max(farthest, _distance(forward, tile, before, axis, at, scale))
        if farthest >= length // 2 - 4:
            return None
    return farthest
