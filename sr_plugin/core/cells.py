"""Coarse cells on a finer grid: where they lie, their values between them, and images whose means are theirs.

Grids of different resolution need not nest, so position alone decides: a cell may begin at any pixel of the finer grid,
and even within one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Tuple

import numpy as np

from sr_plugin.core.resampling import BandedMatrix, apply_both

#: Places that differ by less than this share of a fine pixel are the same.
_SAME = 1e-6
#: Entries of the restoration below this share of its largest one are dropped: under a tenth of a DN for 16 bits.
_NEGLIGIBLE = 1e-6
#: Cells that are no whole pixels share some, so a cell's correction leads to one of its neighbours', ever weaker by a
#: factor of 6 or more. After so many cells it is below a thousandth of a DN.
_SHARING_REACH = 8
#: How often what lies beyond the ends is shared out among the pixels that are still between them.
_SHARES = 12
#: Cells with fewer pixels between the ends, as a share, are left as they are.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class CellPlace:
    """Where the cells of a coarse array lie, in pixels of a finer one.

    Attributes:
        left, top: upper-left corner of the first cell; ``(0, 0)`` is the upper-left corner of the first fine pixel.
        width, height: size of a cell.
    """

    left: float
    top: float
    width: float
    height: float

    def shifted(self, columns: float, rows: float) -> CellPlace:
        """The place after the cells moved by fine pixels."""
        return CellPlace(self.left + columns, self.top + rows, self.width, self.height)

    @property
    def whole(self) -> bool:
        """True where every cell is made of whole fine pixels."""
        return all(abs(v - round(v)) < _SAME for v in (self.left, self.top, self.width, self.height))

    @property
    def reach(self) -> int:
        """Fine pixels around a place that :func:`make_means_agree` looks at."""
        cells = 1 if self.whole else _SHARING_REACH
        return int(np.ceil(cells * max(self.width, self.height)))


@lru_cache(maxsize=64)
def _linear(fine: int, cells: int, start: float, size: float) -> BandedMatrix:
    """Matrix ``(fine, cells)`` of linear interpolation between the centres of cells, the outer ones repeated."""
    out = np.arange(fine)
    position = (out + 0.5 - start) / size - 0.5
    first = np.floor(position).astype(int)
    share = position - first
    dense = np.zeros((fine, cells))
    np.add.at(dense, (out, np.clip(first, 0, cells - 1)), 1 - share)
    np.add.at(dense, (out, np.clip(first + 1, 0, cells - 1)), share)
    return BandedMatrix(dense)


def enlarge_linear(cells: np.ndarray, place: CellPlace, shape: Tuple[int, int]) -> np.ndarray:
    """Cells on the fine grid, bilinear about their centres, as DSen2 was trained (Lanaras et al. 2018, section 3).

    Args:
        cells: ``(..., h, w)`` float32 or float64.
        place: where they lie; fine pixels beyond the outer centres take the outer cells' values.
        shape: rows and columns of the fine grid.

    Returns:
        ``(..., *shape)`` of the same type.
    """
    rows = _linear(shape[0], cells.shape[-2], place.top, place.height)
    columns = _linear(shape[1], cells.shape[-1], place.left, place.width)
    return apply_both(rows, columns, cells)


def _spread_index(fine: int, cells: int, start: float, size: float) -> Tuple[np.ndarray, np.ndarray]:
    index = np.floor((np.arange(fine) + 0.5 - start) / size).astype(int)
    return np.clip(index, 0, cells - 1), (index >= 0) & (index < cells)


def spread_valid(valid: np.ndarray, place: CellPlace, shape: Tuple[int, int]) -> np.ndarray:
    """Which fine pixels have their centre in a valid cell: ``(..., h, w)`` bool to ``(..., *shape)`` bool."""
    rows, row_inside = _spread_index(shape[0], valid.shape[-2], place.top, place.height)
    columns, column_inside = _spread_index(shape[1], valid.shape[-1], place.left, place.width)
    return valid[..., rows, :][..., columns] & row_inside[:, None] & column_inside


@dataclass(frozen=True)
class _Means:
    """Means over the whole cells along one axis: which cells these are, and the matrices there and back."""

    cells: slice
    mean: BandedMatrix
    restoration: BandedMatrix


@lru_cache(maxsize=64)
def _means(fine: int, cells: int, start: float, size: float) -> Optional[_Means]:
    """None where no cell lies within the fine grid."""
    first = max(0, int(np.ceil(-start / size - _SAME)))
    last = min(cells, int(np.floor((fine - start) / size + _SAME)))
    if last <= first:
        return None
    low = (start + np.arange(first, last) * size)[:, None]
    pixels = np.arange(fine)[None]
    overlap = np.minimum(low + size, pixels + 1) - np.maximum(low, pixels)
    mean = np.where(overlap > _SAME, overlap, 0.0)
    mean /= mean.sum(axis=1, keepdims=True)
    restoration = np.linalg.solve(mean @ mean.T, mean).T
    restoration[np.abs(restoration) < _NEGLIGIBLE * np.abs(restoration).max()] = 0.0
    return _Means(slice(first, last), BandedMatrix(mean), BandedMatrix(restoration))


def _both_means(image: np.ndarray, cells: Tuple[int, ...], place: CellPlace) -> Optional[Tuple[_Means, _Means]]:
    rows = _means(image.shape[-2], cells[-2], place.top, place.height)
    columns = _means(image.shape[-1], cells[-1], place.left, place.width)
    return None if rows is None or columns is None else (rows, columns)


def differences(image: np.ndarray, cells: np.ndarray, place: CellPlace) -> Tuple[np.ndarray, Tuple[int, int]]:
    """What cells that lie whole within an image have above the image's mean over them.

    Args:
        image: ``(..., h, w)`` float32 or float64.
        cells: ``(..., rows, columns)``, same units.
        place: where the cells lie on the image.

    Returns:
        The differences, and row and column of the first of these cells. There may be none.
    """
    means = _both_means(image, cells.shape, place)
    if means is None:
        return np.empty(cells.shape[:-2] + (0, 0), image.dtype), (0, 0)
    rows, columns = means
    whole = cells[..., rows.cells, columns.cells].astype(image.dtype)
    return whole - apply_both(rows.mean, columns.mean, image), (rows.cells.start, columns.cells.start)


def make_means_agree(
    image: np.ndarray,
    cells: np.ndarray,
    place: CellPlace,
    ends: Optional[Tuple[float, float]] = None,
    allowed: Optional[np.ndarray] = None,
) -> np.ndarray:
    """The image nearest to the given one whose mean over every cell is that cell's value.

    Cells that the image holds in part only are left alone. The correction of least norm is that of
    :mod:`sr_plugin.core.point_spread` with the mean over a cell's area as point spread function.

    Args:
        image: ``(..., h, w)`` float32 or float64.
        cells: ``(..., rows, columns)``, same units.
        place: where the cells lie on the image.
        ends: lowest and highest value that a pixel may have, if there are any; what would lie beyond is taken from the
            other pixels of its cell.
        allowed: ``(..., rows, columns)``, by how much each mean may differ; only what goes beyond is corrected.
    """
    means = _both_means(image, cells.shape, place)
    if means is None:
        return image
    rows, columns = means

    def restored(residual: np.ndarray) -> np.ndarray:
        return apply_both(rows.restoration, columns.restoration, residual)

    def residual_of(image: np.ndarray) -> np.ndarray:
        residual, _ = differences(image, cells, place)
        if allowed is None:
            return residual
        slack = allowed[..., rows.cells, columns.cells].astype(image.dtype)
        return residual - np.clip(residual, -slack, slack)

    image = image + restored(residual_of(image))
    for _ in range(_SHARES if ends else 0):
        low, high = ends  # type: ignore[misc]
        if image.min() >= low and image.max() <= high:
            break
        image = np.clip(image, low, high)
        residual = residual_of(image)
        free = np.where(restored(residual) < 0, image > low, image < high).astype(image.dtype)
        share = apply_both(rows.mean, columns.mean, free)
        image += free * restored(residual / np.maximum(share, _LEAST_SHARE))
    return image
