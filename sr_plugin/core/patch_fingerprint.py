"""Finding patches that show the same picture twice: by difference hashes, then by a look at brightness and contrast."""

from __future__ import annotations

from collections import defaultdict
from typing import DefaultDict, List, Optional, Tuple

import numpy as np

#: Side of the hash in bits; it compares this many cells with their right neighbours.
SIDE = 16
_BYTES = SIDE * SIDE // 8
#: Pieces by which similar hashes are looked up. Hashes that differ in fewer bits than there are pieces share one.
_PIECES = 16
#: Most bits in which two hashes of one picture differ: re-compressed or rounded copies differ in a few.
TOLERANCE = 6
#: Standard deviations below this are rounding.
_NO_CONTRAST = 1e-6


def fingerprint(patch: np.ndarray) -> bytes:
    """Difference hash of a patch: which of two neighbouring cells is brighter, on a grid of 16 x 17 cells.

    Args:
        patch: ``(bands, h, w)`` without NaN, at least one pixel.

    Returns:
        32 bytes. Patches without any detail all have the same one.
    """
    plane = patch.mean(axis=0, dtype=np.float64)
    cells = _cell_means(_cell_means(plane, SIDE).T, SIDE + 1).T
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def _cell_means(plane: np.ndarray, count: int) -> np.ndarray:
    """Means over ``count`` strips of rows of equal height, with parts of rows: ``(h, w)`` -> ``(count, w)``."""
    sums = np.concatenate((np.zeros((1, plane.shape[1])), np.cumsum(plane, axis=0)))
    edges = np.linspace(0, plane.shape[0], count + 1)
    lower = np.minimum(edges.astype(int), plane.shape[0] - 1)
    part = (edges - lower)[:, None]
    at_edges = sums[lower] + part * (sums[lower + 1] - sums[lower])
    return np.diff(at_edges, axis=0) * (count / plane.shape[0])


def levels(*images: np.ndarray) -> np.ndarray:
    """What brightness and contrast the images of a fingerprint have, float32 ``(n, 6)``.

    For each band its mean and standard deviation, and how far the mean of each quarter lies from that of the band.

    The hash keeps signs alone: all patches of a slope have the same one. These tell them apart.

    Args:
        images: ``(bands, h, w)`` each, at least 2 pixels high and wide.
    """
    found = []
    for band in (band for image in images for band in image):
        quarters = (part for half in np.array_split(band, 2) for part in np.array_split(half, 2, axis=1))
        mean, spread = band.mean(dtype=np.float64), band.std(dtype=np.float64)
        found.append([mean, spread, *(part.mean(dtype=np.float64) - mean for part in quarters)])
    return np.array(found, np.float32)


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether brightness and contrast differ by at most half the contrast, and the quarters of it by a quarter."""
    if first.shape != second.shape:
        return False
    spread = np.maximum(first[:, 1:2], second[:, 1:2])
    shapes = [found[:, 2:] / np.maximum(found[:, 1:2], _NO_CONTRAST) for found in (first, second)]
    same_values = np.abs(first[:, :2] - second[:, :2]) <= spread / 2
    return bool(np.all(same_values) and np.all(np.abs(shapes[0] - shapes[1]) <= 1 / 4))


class FingerprintIndex:
    """Fingerprints seen so far."""

    def __init__(self) -> None:
        self._hashes: List[np.ndarray] = []
        self._levels: List[Optional[np.ndarray]] = []
        self._pieces: DefaultDict[Tuple[int, bytes], List[int]] = defaultdict(list)

    def find(self, hashed: bytes, seen: Optional[np.ndarray] = None) -> Optional[int]:
        """Number of the first fingerprint that differs in at most :data:`TOLERANCE` bits, or None.

        Args:
            hashed: the fingerprint.
            seen: its :func:`levels`; those of the other one have to be alike where both are known.
        """
        bits = np.frombuffer(hashed, np.uint8)
        numbers = {number for piece in self._keys(hashed) for number in self._pieces.get(piece, ())}
        for number in sorted(numbers):
            if int(np.unpackbits(self._hashes[number] ^ bits).sum()) > TOLERANCE:
                continue
            known = self._levels[number]
            if known is None or seen is None or _alike(known, seen):
                return number
        return None

    def add(self, hashed: bytes, seen: Optional[np.ndarray] = None) -> int:
        """Keep a fingerprint, with its :func:`levels`, and return its number, counted from 0."""
        number = len(self._hashes)
        self._levels.append(seen)
        self._hashes.append(np.frombuffer(hashed, np.uint8))
        for piece in self._keys(hashed):
            self._pieces[piece].append(number)
        return number

    def __len__(self) -> int:
        return len(self._hashes)

    def forget(self, first: int) -> None:
        """Drop all fingerprints from a number on."""
        for number in range(first, len(self._hashes)):
            for piece in self._keys(self._hashes[number].tobytes()):
                self._pieces[piece].remove(number)
        del self._hashes[first:], self._levels[first:]

    @staticmethod
    def _keys(hashed: bytes) -> List[Tuple[int, bytes]]:
        width = _BYTES // _PIECES
        return [(index, hashed[index * width : (index + 1) * width]) for index in range(_PIECES)]
