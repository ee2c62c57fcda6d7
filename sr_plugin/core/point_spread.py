"""From a result back to its input: point spread functions, and the smallest change that makes both agree.

With ``D`` the blur-and-decimate matrix along one axis, an image ``y`` on the fine grid is seen on the coarse one
as ``D_r y D_c^T``. The correction of least norm that makes this equal to the input ``x`` is
``U_r (x - D_r y D_c^T) U_c^T`` with the pseudo-inverse ``U = D^T (D D^T)^-1``. Both matrices are banded, so a tile
with a small margin suffices.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Tuple

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.resampling import BandedMatrix, apply_both

#: Entries of the pseudo-inverse below this share of its largest one are dropped: under a tenth of a DN for 16 bits.
_NEGLIGIBLE = 1e-6
#: Entries below this share do not count as reach: they move a result by less than a thousandth of a DN.
_OUT_OF_REACH = 1e-5


def gaussian_sigma(scale: int, mtf_nyquist: float) -> float:
    """Standard deviation in fine pixels of the Gaussian with this modulation transfer at the coarse Nyquist frequency.

    Raises:
        ValueError: unless ``0 < mtf_nyquist < 1``.
    """
    if not 0 < mtf_nyquist < 1:
        raise ValueError(f"the modulation transfer must lie between 0 and 1, not {mtf_nyquist}")
    return scale * math.sqrt(-2.0 * math.log(mtf_nyquist)) / math.pi


def _dense_reduction(length: int, scale: int, psf: PointSpread) -> np.ndarray:
    """``(length, length * scale)`` matrix whose rows sum to one; what lies outside the image is left out."""
    fine = np.arange(length * scale) + 0.5
    centre = (np.arange(length) + 0.5) * scale
    distance = np.abs(fine[None, :] - centre[:, None])
    if psf.kind == "box":
        weights = (distance < scale / 2).astype(float)
    elif psf.kind == "gaussian":
        sigma = gaussian_sigma(scale, psf.mtf_nyquist)
        weights = np.where(distance <= 4 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)
    else:
        raise ValueError(f"unknown point spread function {psf.kind!r}")
    return weights / weights.sum(axis=1, keepdims=True)


@lru_cache(maxsize=32)
def _operators(length: int, scale: int, psf: PointSpread) -> Tuple[BandedMatrix, BandedMatrix]:
    reduction = _dense_reduction(length, scale, psf)
    restoration = np.linalg.solve(reduction @ reduction.T, reduction).T
    restoration[np.abs(restoration) < _NEGLIGIBLE * np.abs(restoration).max()] = 0.0
    return BandedMatrix(reduction), BandedMatrix(restoration)


def reduce_image(image: np.ndarray, scale: int, psf: PointSpread) -> np.ndarray:
    """What the coarse sensor sees of ``(..., h * scale, w * scale)``, float32 or float64; gives ``(..., h, w)``."""
    if psf.kind == "box":
        return _block_means(image, scale)
    rows, _ = _operators(image.shape[-2] // scale, scale, psf)
    columns, _ = _operators(image.shape[-1] // scale, scale, psf)
    return apply_both(rows, columns, image)


def _block_means(image: np.ndarray, scale: int) -> np.ndarray:
    """Means of blocks of ``scale`` x ``scale`` pixels; several times as fast as the matrices, which give the same."""
    rows = image[..., 0::scale, :].copy()
    for offset in range(1, scale):
        rows += image[..., offset::scale, :]
    means = rows[..., 0::scale].copy()
    for offset in range(1, scale):
        means += rows[..., offset::scale]
    means /= scale**2
    return means


def blur_reach(scale: int, psf: PointSpread) -> int:
    """Coarse pixels around a place whose fine pixels the sensor blurs into it."""
    return 0 if psf.kind == "box" else int(math.ceil(4 * gaussian_sigma(scale, psf.mtf_nyquist) / scale))


def make_consistent(result: np.ndarray, source: np.ndarray, scale: int, psf: PointSpread) -> np.ndarray:
    """The image nearest to ``result`` that, brought back to the coarse grid, equals ``source``.

    Args:
        result: ``(..., h * scale, w * scale)`` float32 or float64.
        source: ``(..., h, w)``, same units.
    """
    _, rows = _operators(source.shape[-2], scale, psf)
    _, columns = _operators(source.shape[-1], scale, psf)
    residual = source.astype(result.dtype) - reduce_image(result, scale, psf)
    return result + apply_both(rows, columns, residual)


@lru_cache(maxsize=32)
def consistency_reach(scale: int, psf: PointSpread) -> int:
    """Coarse pixels around a place that the consistency step looks at."""
    if psf.kind == "box":
        return 1
    length = 128
    reduction = _dense_reduction(length, scale, psf)
    restoration = np.linalg.solve(reduction @ reduction.T, reduction).T
    middle = length // 2
    used = np.flatnonzero(np.abs(restoration[middle * scale]) > _OUT_OF_REACH * np.abs(restoration).max())
    return int(max(middle - used[0], used[-1] - middle)) + blur_reach(scale, psf)
