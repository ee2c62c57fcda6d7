"""Rank correlation and calibration of an uncertainty against the error that it should foretell."""

from __future__ import annotations

import numpy as np

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.uncertainty_figures import GROUPS

#: Pixels of a tile below which a rank correlation would be chance.
_FEWEST_OF_TILE = 50


def rank_correlation(uncertainty: np.ndarray, error: np.ndarray) -> float:
    """Spearman's rank correlation of two ``(n,)`` arrays; NaN where one of them is the same everywhere."""
    from scipy.stats import spearmanr

    if len(uncertainty) < 2 or np.ptp(uncertainty) == 0 or np.ptp(error) == 0:
        return float("nan")
    found, _ = spearmanr(uncertainty, error)
    return float(found)


def calibration(uncertainty: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of uncertainty and of absolute error, and sums of squared error, by tenths of one band's pixels.

    Pixels of equal uncertainty have no order among themselves: each counts with the mean of all of them, which is what
    a random order would give on average.

    Args:
        uncertainty: ``(n,)``, at least :data:`GROUPS` values.
        error: ``(n,)``, absolute.

    Returns:
        Three arrays ``(GROUPS,)``, the most certain pixels first.
    """
    ordered, place = np.unique(uncertainty, return_inverse=True)
    place = place.ravel()
    counts = np.bincount(place)
    means = [np.repeat(np.bincount(place, values) / counts, counts) for values in (error, error * error)]
    parts = [np.array_split(values, GROUPS) for values in (np.repeat(ordered, counts), *means)]
    levels, errors, squares = parts
    return (
        np.array([part.mean() for part in levels]),
        np.array([part.mean() for part in errors]),
        np.array([part.sum() for part in squares]),
    )


def judge_uncertainty(uncertainty: np.ndarray, error: np.ndarray, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """All that is told of an uncertainty.

    Args:
        uncertainty: ``(bands, n)``.
        error: ``(bands, n)``, absolute.
        tiles: ``(n,)``, number of the tile of each pixel, from 0.

    Returns:
        ``ranks`` ``(bands,)``; ``uncertainties``, ``errors`` and ``squares`` ``(bands, GROUPS)``, see
        :func:`calibration`; ``largest`` ``(bands,)``, the squared error of as many pixels as the last group has, with
        the largest errors; ``tile_ranks``, by number the mean over the bands, NaN where too few pixels are known.

    Raises:
        ParameterError: when the shapes do not fit or there are fewer pixels than groups.
    """
    if uncertainty.ndim != 2 or uncertainty.shape != error.shape or tiles.shape != error.shape[1:]:
        raise ParameterError("The sample of uncertainty and error does not fit together.")
    if len(tiles) < GROUPS:
        raise ParameterError(
            f"Only {len(tiles)} pixel(s) are there to judge the uncertainty by.", "Choose a larger extent or mask."
        )
    uncertainty, error = uncertainty.astype(np.float64), error.astype(np.float64)
    bands = list(zip(uncertainty, error, strict=True))
    levels, errors, squares = (np.stack(parts) for parts in zip(*(calibration(*band) for band in bands), strict=True))
    last = len(np.array_split(tiles, GROUPS)[-1])
    return {
        "ranks": np.array([rank_correlation(*band) for band in bands]),
        "uncertainties": levels,
        "errors": errors,
        "squares": squares,
        "largest": np.square(np.sort(error, axis=1)[:, -last:]).sum(axis=1),
        "tile_ranks": _tile_ranks(uncertainty, error, tiles),
    }


def _tile_ranks(uncertainty: np.ndarray, error: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    order = np.argsort(tiles, kind="stable")
    counts = np.bincount(tiles)
    found = np.full(len(counts), np.nan)
    for number, pixels in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        if len(pixels) >= _FEWEST_OF_TILE:
            ranks = [rank_correlation(u[pixels], e[pixels]) for u, e in zip(uncertainty, error, strict=True)]
            known = [rank for rank in ranks if not np.isnan(rank)]
            found[number] = np.mean(known) if known else np.nan
    return found
