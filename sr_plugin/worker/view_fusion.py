"""Classical multi-image super-resolution: shift-and-add, then iterative back projection.

M. Irani and S. Peleg, Improving resolution by image registration, CVGIP 53, 1991, doi:10.1016/1049-9652(91)90045-L.
Every view is blurred and sampled along rows and columns on their own, so that all steps are products with banded
matrices, and views are used at the very pixels that the sensor recorded: none is interpolated before it is fused.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.point_spread import gaussian_sigma
from sr_plugin.core.resampling import BandedMatrix, apply_both, keys_cubic

#: Rounds of back projection; more fit noise.
ITERATIONS = 10
#: Least weight of a fine pixel, in views; below it a correction fades out instead of growing without bounds.
_LEAST_WEIGHT = 0.05
#: Digits of a shift that a matrix is made for: a ten-thousandth of a pixel.
_DIGITS = 4
#: Weight of a pixel in an interpolation below which it has no say.
LEAST_SHARE = 1e-3


def _positions(length: int, scale: int, shift: float) -> np.ndarray:
    """Centres of the fine pixels in pixels of a view."""
    return (np.arange(length * scale) + 0.5) / scale - 0.5 - shift


@lru_cache(maxsize=256)
def _enlargement(length: int, scale: int, shift: float, linear: bool) -> BandedMatrix:
    """``(length * scale, length)``: a view onto the fine grid at its true place, borders repeated."""
    return BandedMatrix(_interpolation(length, scale, shift, linear))


@lru_cache(maxsize=256)
def _influence(length: int, shift: float) -> BandedMatrix:
    """``(length, length)``: how much each pixel of a view has a say in cubic convolution, whatever the sign."""
    return BandedMatrix(np.abs(_interpolation(length, 1, shift, False)))


def _interpolation(length: int, scale: int, shift: float, linear: bool) -> np.ndarray:
    position = _positions(length, scale, shift)
    first, taps = (0, 2) if linear else (-1, 4)
    start = np.floor(position).astype(int) + first
    dense = np.zeros((length * scale, length))
    for tap in range(taps):
        source = start + tap
        weight = np.maximum(0.0, 1.0 - np.abs(position - source)) if linear else keys_cubic(position - source)
        np.add.at(dense, (np.arange(length * scale), np.clip(source, 0, length - 1)), weight)
    return dense


@lru_cache(maxsize=256)
def _observation(length: int, scale: int, shift: float, psf: PointSpread) -> tuple[BandedMatrix, BandedMatrix]:
    """``(length, length * scale)``: what a view's pixels see of the fine grid, rows of sum one; and its transpose."""
    fine = np.arange(length * scale) + 0.5
    centre = (np.arange(length) + 0.5 + shift) * scale
    distance = np.abs(fine[None, :] - np.clip(centre, 0.5, length * scale - 0.5)[:, None])
    if psf.kind == "gaussian":
        sigma = gaussian_sigma(scale, psf.mtf_nyquist)
        weights = np.where(distance <= 4 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)
    else:
        # The share of each fine pixel that lies within the view's pixel.
        weights = np.clip(scale / 2 + 0.5 - distance, 0.0, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return BandedMatrix(weights), BandedMatrix(np.ascontiguousarray(weights.T))


def enlarge_view(view: np.ndarray, scale: int, shift: tuple[float, float], linear: bool = False) -> np.ndarray:
    """A view on the fine grid of the reference.

    Args:
        view: ``(..., h, w)`` float32.
        scale: fine pixels a pixel.
        shift: rows and columns from a view's pixel to its place on the reference's grid.
        linear: by linear interpolation, for weights; else by cubic convolution.

    Returns:
        ``(..., h * scale, w * scale)`` float32.
    """
    rows, columns = (
        _enlargement(length, scale, round(moved, _DIGITS), linear)
        for length, moved in zip(view.shape[-2:], shift, strict=True)
    )
    return apply_both(rows, columns, view)


def wholly_seen(valid: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Where cubic convolution of a view onto the reference's pixels takes valid pixels only, ``(h, w)`` bool.

    Args:
        valid: ``(h, w)`` bool, of the view.
        shift: see :func:`enlarge_view`.
    """
    rows, columns = (
        _influence(length, round(moved, _DIGITS)) for length, moved in zip(valid.shape, shift, strict=True)
    )
    return apply_both(rows, columns, (~valid).astype(np.float32)) < LEAST_SHARE


def observe(image: np.ndarray, scale: int, shift: tuple[float, float], psf: PointSpread) -> np.ndarray:
    """What a view with this shift sees of ``(..., h * scale, w * scale)``; gives ``(..., h, w)``."""
    rows, columns = (
        _observation(length // scale, scale, round(moved, _DIGITS), psf)[0]
        for length, moved in zip(image.shape[-2:], shift, strict=True)
    )
    return apply_both(rows, columns, image)


def project_back(view: np.ndarray, scale: int, shift: tuple[float, float], psf: PointSpread) -> np.ndarray:
    """The transpose of :func:`observe`: ``(..., h, w)`` to ``(..., h * scale, w * scale)``."""
    rows, columns = (
        _observation(length, scale, round(moved, _DIGITS), psf)[1]
        for length, moved in zip(view.shape[-2:], shift, strict=True)
    )
    return apply_both(rows, columns, view)


def shift_and_add(
    views: np.ndarray, weights: np.ndarray, shifts: list[tuple[float, float]], base: np.ndarray, scale: int
) -> np.ndarray:
    """The weighted mean of all views, each enlarged at its true place.

    Args:
        views: ``(views, bands, h, w)`` float32, finite and filled where they have no data.
        weights: ``(views, h, w)`` float32 from 0 to 1.
        shifts: of each view, see :func:`enlarge_view`.
        base: ``(bands, h, w)`` float32, what is taken where no view has weight.
        scale: fine pixels a pixel.

    Returns:
        ``(bands, h * scale, w * scale)`` float32.
    """
    # A trace of the base keeps the mean defined everywhere.
    trace = 1e-3
    total = trace * enlarge_view(base, scale, (0.0, 0.0))
    weight = np.full(total.shape[1:], trace, np.float32)
    for view, part, shift in zip(views, weights, shifts, strict=True):
        share = np.clip(enlarge_view(part, scale, shift, linear=True), 0.0, 1.0)
        total += share * enlarge_view(view, scale, shift)
        weight += share
    return total / weight


def back_projected(
    image: np.ndarray,
    views: np.ndarray,
    weights: np.ndarray,
    shifts: list[tuple[float, float]],
    scale: int,
    psf: PointSpread,
    iterations: int = ITERATIONS,
) -> np.ndarray:
    """An image that explains all views: each round sees it as every view does and gives the differences back.

    Each fine pixel takes the mean of the differences of the pixels that see it, weighted by how much they do. Rounds
    carry the momentum of those before (Y. Nesterov, 1983), so a dozen does what fifty would do without.

    Args:
        image: ``(bands, h * scale, w * scale)`` float32 to begin with.
        views, weights, shifts, scale: as for :func:`shift_and_add`.
        psf: how a view's pixel sees the fine grid.
        iterations: rounds.
    """
    seen = sum(project_back(part, scale, shift, psf) for part, shift in zip(weights, shifts, strict=True))
    norm = 1.0 / np.maximum(seen, _LEAST_WEIGHT / scale**2)
    ahead, momentum = image, 1.0
    for _ in range(iterations):
        change = np.zeros_like(image)
        for view, part, shift in zip(views, weights, shifts, strict=True):
            change += project_back(part * (view - observe(ahead, scale, shift, psf)), scale, shift, psf)
        moved = ahead + norm * change
        following = (1.0 + math.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + np.float32((momentum - 1.0) / following) * (moved - image)
        image, momentum = moved, following
    return image


def fusion_reach(scale: int, psf: PointSpread) -> int:
    """Pixels of the reference around a place beyond which the result changes by less than one part in a thousand.

    Each round reaches two point spreads further, but what arrives falls off fast (measured on images of noise).
    """
    blur = 4 * gaussian_sigma(scale, psf.mtf_nyquist) / scale if psf.kind == "gaussian" else 1.0
    return int(math.ceil(5 * blur)) + 3
