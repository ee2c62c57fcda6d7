"""Pixels added around a tile that is too small for a network."""

from __future__ import annotations

import numpy as np


def pad_by_reflection(image: np.ndarray, pad: tuple[int, int, int, int]) -> np.ndarray:
    """``(bands, h, w)`` with pixels added on the left, top, right, bottom; one-pixel sides are repeated."""
    left, top, right, bottom = pad
    if not any(pad):
        return image
    for axis, before, after in ((1, top, bottom), (2, left, right)):
        widths = [(0, 0)] * 3
        widths[axis] = (before, after)
        mode = "reflect" if image.shape[axis] > 1 else "edge"
        image = np.pad(image, widths, mode=mode)
    return image
