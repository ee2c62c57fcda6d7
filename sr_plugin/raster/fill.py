"""Filling gaps before a network sees them, in a way that does not depend on the tiling."""

from __future__ import annotations

from typing import Sequence

import numpy as np

#: Gaps are grown shut over this many pixels from their rim; deeper inside they get the scene's typical value. Beyond a
#: margin of this width the filled values around a tile do not depend on where the tile lies.
FILL_DISTANCE = 8


def _neighbour_sum(values: np.ndarray) -> np.ndarray:
    """Sum over each pixel's 3 x 3 neighbourhood in ``(h, w)``; outside counts as zero."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def fill_gaps(data: np.ndarray, valid: np.ndarray, typical: Sequence[float]) -> np.ndarray:
    """A copy of the pixels in which invalid ones have plausible values.

    Args:
        data: ``(bands, h, w)`` of any pixel type.
        valid: ``(bands, h, w)`` bool.
        typical: per band the value used far from any valid pixel.

    Returns:
        ``(bands, h, w)`` of the same type, finite everywhere.
    """
    filled = data.copy()
    for band in range(data.shape[0]):
        known = valid[band].copy()
        if known.all():
            continue
        values = np.where(known, data[band], 0).astype(np.float64)
        for _ in range(FILL_DISTANCE):
            if known.all():
                break
            weight = _neighbour_sum(known.astype(np.float64))
            grown = ~known & (weight > 0)
            values[grown] = _neighbour_sum(values)[grown] / weight[grown]
            known |= grown
        values[~known] = typical[band]
        if data.dtype.kind in "iu":
            np.rint(values, out=values)
        filled[band] = np.where(valid[band], data[band], values.astype(data.dtype))
    return filled


def typical_values(data: np.ndarray, valid: np.ndarray) -> tuple[float, ...]:
    """Median of the valid pixels per band (0 where there is none)."""
    medians = []
    for pixels, mask in zip(data, valid):
        chosen = pixels[mask]
        medians.append(float(np.median(chosen)) if chosen.size else 0.0)
    return tuple(medians)
