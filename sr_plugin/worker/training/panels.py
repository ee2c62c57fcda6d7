"""Pictures of input, result and target side by side, to see what the figures do not tell."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from sr_plugin.core.card import BandSpec

_GAP = 4
_LARGEST_SIDE = 256
_PERCENTILES = (1.0, 99.0)


def shown_bands(bands: Sequence[BandSpec]) -> tuple[int, int, int]:
    """Which bands are shown as red, green and blue: those of these names, else the first three, else the first one."""
    by_name = {band.common_name: number for number, band in enumerate(bands)}
    if all(colour in by_name for colour in ("red", "green", "blue")):
        return by_name["red"], by_name["green"], by_name["blue"]
    return (0, 1, 2) if len(bands) >= 3 else (0, 0, 0)


def _grown(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``(h, w, 3)`` to another size by repeating or leaving out pixels, as a screen does."""
    rows, columns = (np.arange(wanted) * given // wanted for wanted, given in zip(size, image.shape[:2], strict=True))
    return image[rows][:, columns]


def _stretched(image: np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, high = ends
    scaled = (image.astype(np.float64) - low) / np.maximum(high - low, 1e-12)
    return (np.clip(scaled, 0, 1) * 255 + 0.5).astype(np.uint8)


def _colours(image: np.ndarray, bands: Sequence[int]) -> np.ndarray:
    return np.moveaxis(image[list(bands)], 0, -1)


def _input_bands(count: int, bands: Sequence[int]) -> Sequence[int]:
    return bands if count > max(bands) else (0, 0, 0)


def write_panel(path: str, rows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], bands: Sequence[int]) -> None:
    """Write a picture with a row for each example: input, result, target.

    The contrast of a row is that of its target; an input of other bands, such as a photograph beside a map, its own.

    Args:
        path: PNG file, which appears under its name when it is whole.
        rows: ``(bands, h, w)`` of each.
        bands: which of them are red, green and blue.
    """
    from PIL import Image

    lines = []
    for given, result, target in rows:
        size = tuple(min(_LARGEST_SIDE, side) for side in target.shape[-2:])
        shown = _colours(target, bands)
        ends = tuple(np.percentile(shown, _PERCENTILES, axis=(0, 1)))
        own = _colours(given, _input_bands(given.shape[0], bands))
        alike = given.shape[0] == target.shape[0]
        own_ends = ends if alike else tuple(np.percentile(own, _PERCENTILES, axis=(0, 1)))
        cells = [_stretched(own, own_ends), _stretched(_colours(result, bands), ends), _stretched(shown, ends)]
        gap = np.full((size[0], _GAP, 3), 255, np.uint8)
        cells = [_grown(cell, size) for cell in cells]
        lines.append(np.concatenate([cells[0], gap, cells[1], gap, cells[2]], axis=1))
    between = np.full((_GAP, lines[0].shape[1], 3), 255, np.uint8)
    picture = np.concatenate([part for line in lines for part in (line, between)][:-1], axis=0)
    temporary = f"{path}.part"
    Image.fromarray(picture).save(temporary, "PNG")
    os.replace(temporary, path)
