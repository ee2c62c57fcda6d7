"""What a result adds to its input: does it come nearer to the truth, stay where it was, or leave for elsewhere?

After Aybar et al. 2024 (doi:10.1109/LGRS.2024.3401394), with the formulas and constants of opensr-test 1.3: the
normalised difference as the distance of two pixels, all three constants 0.05, and memberships by a soft minimum of
temperature 0.25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_DECAY, _TEMPERATURE = 0.05, 0.25
_TINY = 1e-8


def pixel_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Normalised difference of two ``(bands, ...)`` arrays, mean over bands."""
    return np.mean(np.abs(first - second) / np.maximum(np.abs(first + second), _TINY), axis=0)


@dataclass(frozen=True)
class Distances:
    """Distances between enlarged input, result and truth of each pixel, any shape.

    Attributes:
        reference: enlarged input to truth.
        improvement: result to truth.
        omission: result to enlarged input.
    """

    reference: np.ndarray
    improvement: np.ndarray
    omission: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """The largest of the three: what decides whether a pixel matters."""
        return np.maximum(np.maximum(self.reference, self.improvement), self.omission)


def distances(enlarged: np.ndarray, result: np.ndarray, truth: np.ndarray) -> Distances:
    """The three distances of ``(bands, ...)`` arrays."""
    return Distances(pixel_distance(enlarged, truth), pixel_distance(result, truth), pixel_distance(result, enlarged))


def memberships(found: Distances) -> tuple[np.ndarray, np.ndarray]:
    """Shares of improvement, omission and hallucination of each pixel, ``(3, ...)``, and where they can be told.

    They add up to 1. A pixel whose enlarged input equals the truth cannot improve and is left out.
    """
    there = found.reference > _TINY
    scale = np.where(there, found.reference, 1)
    near, same = found.improvement / scale, found.omission / scale
    excess = near + same - 1
    scores = np.stack(
        [
            near + same * (1 - np.exp(-excess * _DECAY)),
            same + near * (1 - np.exp(-excess * _DECAY)),
            np.exp(-near * same * _DECAY),
        ]
    )
    # The smallest score is taken off first, which changes no share and keeps exp() from running to 0 in all three.
    weights = np.exp(-(scores - scores.min(axis=0)) / _TEMPERATURE)
    return weights / weights.sum(axis=0), there
