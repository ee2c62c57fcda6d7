"""What :class:`~sr_plugin.worker.architectures.seriesnet.SeriesNet` is told about each view of a series."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from sr_plugin.core.card import PointSpread
from sr_plugin.worker.view_fusion import enlarge_view, observe

#: The network sees differences in this unit of the model's range: what detail of land differs by in reflectance.
UNIT = 0.03
#: Smoothing that takes the brightness of the surroundings off, in pixels, and how many of them it reaches.
_SURROUNDINGS, _REACH = 2.0, 3.0


def to_phases(fine: np.ndarray, scale: int) -> np.ndarray:
    """``(..., h * scale, w * scale)`` to ``(..., scale ** 2, h, w)``, in the order of a pixel shuffle."""
    *lead, height, width = fine.shape
    parts = fine.reshape(*lead, height // scale, scale, width // scale, scale)
    order = (*range(len(lead)), len(lead) + 1, len(lead) + 3, len(lead), len(lead) + 2)
    return parts.transpose(order).reshape(*lead, scale**2, height // scale, width // scale)


def view_features(
    fused: np.ndarray,
    views: np.ndarray,
    weights: np.ndarray,
    shifts: list[tuple[float, float]],
    scale: int,
    psf: PointSpread,
) -> np.ndarray:
    """Features of all views of one band.

    For each view: how it differs from the fusion on the fine grid, and at its own pixels; its weight; its shift; and
    the fusion without the brightness of its surroundings, the same for all.

    Args:
        fused: ``(h * scale, w * scale)`` float32, the classical fusion in the model's range.
        views: ``(views, h, w)`` float32 in the model's range.
        weights, shifts, scale, psf: as for :func:`~sr_plugin.worker.view_fusion.back_projected`.

    Returns:
        ``(views, 2 * scale ** 2 + 4, h, w)`` float32.
    """
    count, height, width = views.shape
    fine = to_phases(fused, scale)
    middle = fine.mean(axis=0)
    own = (fine - gaussian_filter(middle, _SURROUNDINGS, truncate=_REACH, mode="nearest")) / UNIT
    features = np.empty((count, 2 * scale**2 + 4, height, width), np.float32)
    for number, (view, weight, shift) in enumerate(zip(views, weights, shifts, strict=False)):
        apart = to_phases(enlarge_view(view, scale, shift) - fused, scale)
        features[number, : scale**2] = weight * apart / UNIT
        features[number, scale**2] = weight * (view - observe(fused, scale, shift, psf)) / UNIT
        features[number, scale**2 + 1] = weight
        features[number, scale**2 + 2] = shift[0]
        features[number, scale**2 + 3] = shift[1]
        features[number, scale**2 + 4 :] = own
    return features
