"""Bring the values of a view to those of another one, and tell where it shows something else."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

#: Smoothing of what views are compared by, and of the surroundings that brightness is matched in; pixels.
_FINE, _WIDE = 1.0, 5.0
#: Standard deviations that a smoothing reaches.
_TRUNCATE = 3.0
#: Registration and sharpness may differ: this share of the step to the next pixel is no change.
_EDGE_SHARE = 0.5
#: Surroundings in which detail is compared, and the share of its power that a sound view may differ by: shifted grids
#: and noise make it 0.02 to 0.3 on real scenes seen twice, seasons 0.1 to 2, fields after years 2 to 30.
_AROUND, _DETAIL_SHARE = 3.0, 0.2
#: Weight of valid pixels around below which nothing is compared.
_LEAST_SUPPORT = 0.05
#: Pixels around a place that matching and comparing look at.
MATCH_REACH = int(np.ceil(_TRUNCATE * (_FINE + _WIDE))) + 3


def masked_smooth(image: np.ndarray, valid: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian mean of the valid pixels around each pixel.

    Args:
        image: ``(bands, h, w)``; what is not valid may hold anything finite.
        valid: ``(h, w)`` bool.
        sigma: standard deviation in pixels.

    Returns:
        The means, 0 where nothing valid is in reach, and the share of the kernel that was valid, ``(h, w)``.
    """
    kind = image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)
    weight = gaussian_filter(valid.astype(kind), sigma, truncate=_TRUNCATE, mode="constant")
    total = np.stack(
        [
            gaussian_filter(np.where(valid, band, 0).astype(kind), sigma, truncate=_TRUNCATE, mode="constant")
            for band in image
        ]
    )
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-6), weight


def surroundings_offset(base: np.ndarray, view: np.ndarray, common: np.ndarray) -> np.ndarray:
    """What to add to a view so that its surroundings are as bright as those of the base, ``(bands, h, w)``.

    It fades out where the two share no valid pixels.
    """
    offset, weight = masked_smooth(base - view, common, _WIDE)
    return offset * (weight / (weight + _LEAST_SUPPORT)).astype(offset.dtype)


def difference(base: np.ndarray, view: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Smoothed difference of two matched images on one grid, ``(bands, h, w)``; 0 where they share no valid pixels."""
    return masked_smooth(view - base, common, _FINE)[0] * common


def changed_pixels(
    base: np.ndarray, view: np.ndarray, common: np.ndarray, noise: np.ndarray, threshold: float
) -> np.ndarray:
    """Where a view shows something else than the base.

    Args:
        base, view: ``(bands, h, w)`` on one grid, matched in brightness.
        common: ``(h, w)`` bool, where both are valid.
        noise: ``(bands,)`` standard deviation of their difference where nothing changed.
        threshold: how many of them a change exceeds, beyond what a misplaced edge explains.

    Returns:
        ``(h, w)`` bool, one pixel wider than what exceeds the threshold.
    """
    smooth, _ = masked_smooth(base, common, _FINE)
    slope = np.stack([np.hypot(*np.gradient(band)) if min(band.shape) > 1 else np.zeros_like(band) for band in smooth])
    limit = threshold * noise[:, None, None] + _EDGE_SHARE * slope
    exceeds = (np.abs(difference(base, view, common)) > limit).any(axis=0)
    return binary_dilation(exceeds, np.ones((3, 3), bool)) & common


def trust(base: np.ndarray, view: np.ndarray, common: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """How much the detail of a view tells about that of the base, ``(h, w)`` float32 from 0 to 1.

    The same ground seen through shifted pixels differs by a small share of its detail; where it differs by more, the
    ground is another one, and the view counts the less the more it does.

    Args:
        base, view: ``(bands, h, w)`` on one grid, matched in brightness.
        common: ``(h, w)`` bool, where both are valid; elsewhere the answer is 1.
        grain: ``(bands,)`` standard deviation of the noise of one image.
    """
    apart, _ = masked_smooth((view - base) ** 2, common, _AROUND)
    detail, _ = masked_smooth((base - masked_smooth(base, common, 1.5)[0]) ** 2, common, _AROUND)
    allowed = _DETAIL_SHARE * detail + (2.0 * grain[:, None, None]) ** 2
    excess = np.mean(apart / np.maximum(allowed, 1e-12), axis=0)
    return np.where(common, 1.0 / np.maximum(1.0, excess) ** 2, 1.0).astype(np.float32)


def robust_line(given: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Gain and offset that bring most of the given values to the wanted ones, whatever the others are.

    Least squares on what lies near the line, begun with a line through the quartiles.

    Args:
        given, wanted: ``(n,)`` values of the same pixels.

    Returns:
        Gain and offset; gain 1 and the median difference where the values tell no gain.
    """
    plain = (1.0, float(np.median(wanted - given))) if given.size else (1.0, 0.0)
    if given.size < 50:
        return plain
    low, middle, high = np.percentile(given, (25, 50, 75))
    below, centre, above = np.percentile(wanted, (25, 50, 75))
    if high - low <= 1e-9 * max(1.0, abs(middle)) or above <= below:
        return plain
    gain = (above - below) / (high - low)
    offset = centre - gain * middle
    for _ in range(10):
        apart = wanted - (gain * given + offset)
        near = np.abs(apart - np.median(apart)) <= 2.5 * 1.4826 * np.median(np.abs(apart - np.median(apart))) + 1e-12
        if near.sum() < 25:
            return plain
        x, y = given[near], wanted[near]
        spread = float(np.var(x))
        if spread <= 0:
            return plain
        gain = float(np.mean((x - x.mean()) * (y - y.mean())) / spread)
        offset = float(y.mean() - gain * x.mean())
    return (gain, offset) if 0.2 < gain < 5.0 else plain
