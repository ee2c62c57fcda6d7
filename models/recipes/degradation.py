"""Make low-resolution images from high-resolution ones, for a whole family of point spread functions.

Every point spread function here is separable, so that a reduction is a product with one matrix for the rows and one for
the columns. Lengths are in high-resolution pixels unless said otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Tuple

import numpy as np

#: Low-resolution pixels that a crop must have on each side so that no kernel is cut off.
MARGIN = 3
#: Modulation transfer at the low-resolution Nyquist frequency of the Gaussian protocols.
MTF_PROTOCOLS = (0.25, 0.35, 0.45, 0.55)
_TRAINING_MTF = (0.2, 0.6)
_SHARE_OF_BOX = 0.25
_SHARE_OF_NOISY = 0.4
_LARGEST_NOISE = 0.0008
_ANISOTROPY = 0.06


@dataclass(frozen=True)
class Blur:
    """Point spread along one axis: a Gaussian sampled at block centres, or a Gaussian followed by a block mean.

    Attributes:
        sigma: standard deviation of the Gaussian in high-resolution pixels.
        box: True where the Gaussian is followed by the mean over each block.
    """

    sigma: float
    box: bool


def gaussian_blur(scale: int, mtf: float) -> Blur:
    """The Gaussian that lets ``mtf`` (0 to 1) of the amplitude pass at the low-resolution Nyquist frequency."""
    return Blur(scale * math.sqrt(-2.0 * math.log(mtf)) / math.pi, False)


def transfer_of(blur: Blur, scale: int) -> float:
    """Inverse of :func:`gaussian_blur`; NaN for a block mean, which is no Gaussian."""
    return float("nan") if blur.box else math.exp(-0.5 * (blur.sigma * math.pi / scale) ** 2)


def dsen2_blur(scale: int) -> Blur:
    """What DSen2 trains with: a Gaussian of 1 / scale pixels, then the mean over blocks."""
    return Blur(1.0 / scale, True)


def protocols(scale: int) -> dict[str, Blur]:
    """The point spread functions that figures are given for, by name."""
    named = {f"mtf-{mtf:.2f}": gaussian_blur(scale, mtf) for mtf in MTF_PROTOCOLS}
    return {"dsen2": dsen2_blur(scale), **named}


def reduction_matrix(length: int, scale: int, blur: Blur) -> np.ndarray:
    """Float64 ``(length, length * scale)`` matrix from high to low resolution, rows summing to one."""
    fine = np.arange(length * scale)
    if blur.box:
        gauss = np.exp(-0.5 * ((fine[:, None] - fine[None, :]) / blur.sigma) ** 2)
        gauss /= gauss.sum(axis=1, keepdims=True)
        return gauss.reshape(length, scale, length * scale).mean(axis=1)
    centre = (np.arange(length) + 0.5) * scale - 0.5
    matrix = np.exp(-0.5 * ((fine[None, :] - centre[:, None]) / blur.sigma) ** 2)
    return matrix / matrix.sum(axis=1, keepdims=True)


def reduce_image(image: np.ndarray, scale: int, blur: Blur) -> np.ndarray:
    """``(..., h * scale, w * scale)`` reflectance to ``(..., h, w)`` float64; what lies outside is left out."""
    rows = reduction_matrix(image.shape[-2] // scale, scale, blur)
    columns = reduction_matrix(image.shape[-1] // scale, scale, blur)
    return rows @ image.astype(np.float64) @ columns.T


def random_blurs(scale: int, rng: np.random.Generator, skew: float) -> Tuple[Blur, Blur]:
    """A point spread for the rows, another much like it for the columns; ``skew`` above 1 favours strong blur."""
    stretch = np.exp(rng.normal(0.0, _ANISOTROPY, 2))
    box = rng.random() < _SHARE_OF_BOX
    weakest, strongest = _TRAINING_MTF
    mtf = weakest + (strongest - weakest) * rng.random() ** skew
    base = dsen2_blur(scale) if box else gaussian_blur(scale, mtf)
    return Blur(base.sigma * stretch[0], box), Blur(base.sigma * stretch[1], box)


def inner_pair(crops: np.ndarray, scale: int, blurs: Tuple[Blur, Blur]) -> Tuple[np.ndarray, np.ndarray]:
    """Crops reduced by a point spread for rows and one for columns, without the margin that the kernels need.

    Args:
        crops: ``(..., bands, (p + 2 * MARGIN) * scale, same)`` float32 reflectance.
        scale: high-resolution pixels a low-resolution pixel, along each axis.
        blurs: along rows and columns.

    Returns:
        The low-resolution input ``(..., bands, p, p)`` and the target ``(..., bands, p * scale, p * scale)``, float32.
    """
    length = crops.shape[-1] // scale
    keep = slice(MARGIN, length - MARGIN)
    rows, columns = (reduction_matrix(length, scale, blur)[keep].astype(np.float32) for blur in blurs)
    inner = slice(MARGIN * scale, (length - MARGIN) * scale)
    return rows @ crops @ columns.T, crops[..., inner, inner]


def with_random_noise(low: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The low-resolution images with one level of noise, which most often is none; float32."""
    if rng.random() < _SHARE_OF_NOISY:
        return low + rng.normal(0.0, rng.uniform(0.0, _LARGEST_NOISE), low.shape).astype(np.float32)
    return low


def degrade(
    crops: np.ndarray, scale: int, rng: np.random.Generator, skew: float = 1.0
) -> Tuple[np.ndarray, np.ndarray]:
    """One random point spread and noise for all of ``crops``; otherwise as :func:`inner_pair`.

    Args:
        crops, scale: as there.
        rng: of all that is random here.
        skew: as for :func:`random_blurs`.
    """
    low, high = inner_pair(crops, scale, random_blurs(scale, rng, skew))
    return with_random_noise(low, rng), high
