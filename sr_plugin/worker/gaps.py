"""Gaps filled so that filters find no rim there."""

from __future__ import annotations

import numpy as np


def without_gaps(pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """``(h, w)`` pixels in which gaps take the value of the nearest valid one; zeros where none is valid."""
    if valid.all():
        return pixels
    if not valid.any():
        return np.zeros_like(pixels)
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return pixels[tuple(nearest)]
