"""Separable linear resampling as banded matrices: exact, reusable, and fast through plain matrix products."""

from __future__ import annotations

from functools import lru_cache
from typing import List, Tuple

import numpy as np

#: Rows of a banded matrix that are multiplied together.
_CHUNK = 64


def keys_cubic(distance: np.ndarray) -> np.ndarray:
    """Cubic convolution kernel with a = -0.5 (Keys 1981, doi:10.1109/TASSP.1981.1163711, equation 15).

    Args:
        distance: distance from the sample in input pixels, any shape.
    """
    x = np.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


class BandedMatrix:
    """A matrix whose rows are zero but for a short run, applied along the last or the last but one axis.

    Args:
        dense: ``(rows, columns)`` matrix, float64.
    """

    def __init__(self, dense: np.ndarray) -> None:
        self.shape: Tuple[int, int] = (int(dense.shape[0]), int(dense.shape[1]))
        self._chunks: List[Tuple[slice, slice, np.ndarray]] = []
        for start in range(0, dense.shape[0], _CHUNK):
            rows = slice(start, min(start + _CHUNK, dense.shape[0]))
            used = np.flatnonzero(np.any(dense[rows] != 0, axis=0))
            columns = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
            self._chunks.append((rows, columns, np.ascontiguousarray(dense[rows, columns])))
        self._by_dtype = {np.dtype(np.float64): self._chunks}

    def _for(self, dtype: np.dtype) -> List[Tuple[slice, slice, np.ndarray]]:
        if dtype not in self._by_dtype:
            self._by_dtype[dtype] = [(r, c, m.astype(dtype)) for r, c, m in self._chunks]
        return self._by_dtype[dtype]

    def apply_rows(self, image: np.ndarray) -> np.ndarray:
        """``matrix @ image`` along the row axis: ``(..., columns, w)`` -> ``(..., rows, w)``, float32 or float64."""
        out = np.empty(image.shape[:-2] + (self.shape[0], image.shape[-1]), image.dtype)
        for rows, columns, block in self._for(image.dtype):
            np.matmul(block, image[..., columns, :], out=out[..., rows, :])
        return out

    def apply_columns(self, image: np.ndarray) -> np.ndarray:
        """``image @ matrix.T`` along the column axis: ``(..., h, columns)`` -> ``(..., h, rows)``."""
        out = np.empty(image.shape[:-1] + (self.shape[0],), image.dtype)
        for rows, columns, block in self._for(image.dtype):
            out[..., rows] = np.matmul(image[..., columns], block.T)
        return out


def apply_both(rows: BandedMatrix, columns: BandedMatrix, image: np.ndarray) -> np.ndarray:
    """Resample ``(..., h, w)`` along both axes, the shrinking one first."""
    if rows.shape[0] <= rows.shape[1]:
        return columns.apply_columns(rows.apply_rows(image))
    return rows.apply_rows(columns.apply_columns(image))


@lru_cache(maxsize=32)
def cubic_enlargement(length: int, scale: int) -> BandedMatrix:
    """Matrix ``(length * scale, length)`` of cubic convolution with half-pixel centres and replicated edges."""
    out = np.arange(length * scale)
    position = (out + 0.5) / scale - 0.5
    first = np.floor(position).astype(int) - 1
    dense = np.zeros((length * scale, length))
    for tap in range(4):
        source = first + tap
        np.add.at(dense, (out, np.clip(source, 0, length - 1)), keys_cubic(position - source))
    return BandedMatrix(dense)


def enlarge_cubic(image: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge ``(..., h, w)`` float32 or float64 by cubic convolution (a = -0.5)."""
    return apply_both(cubic_enlargement(image.shape[-2], scale), cubic_enlargement(image.shape[-1], scale), image)


def enlarge_nearest(image: np.ndarray, scale: int) -> np.ndarray:
    """Repeat every pixel of ``(..., h, w)`` ``scale`` times along both axes; the dtype is kept."""
    return np.repeat(np.repeat(image, scale, axis=-2), scale, axis=-1)
