"""Minimum, maximum, mean and standard deviation of each band, gathered while a result is written."""

from __future__ import annotations

import math
from typing import Dict, List, Optional

import numpy as np


class BandStatistics:
    """Running statistics of the valid pixels of each band.

    Args:
        bands: number of bands.
    """

    def __init__(self, bands: int) -> None:
        self._count = np.zeros(bands)
        self._sum = np.zeros(bands)
        self._squares = np.zeros(bands)
        self._least = np.full(bands, math.inf)
        self._most = np.full(bands, -math.inf)
        # Squares are summed around a first value, because the difference of two large sums would lose the variance.
        self._shift: Optional[np.ndarray] = None

    def add(self, pixels: np.ndarray, nodata: Optional[float], mask: Optional[np.ndarray] = None) -> None:
        """Add ``(bands, h, w)`` pixels, but not those equal to ``nodata``, not finite, or 0 in the ``(h, w)`` mask."""
        for band, plane in enumerate(pixels):
            valid = plane
            if mask is not None:
                valid = plane[mask != 0]
            elif nodata is not None and not math.isnan(nodata):
                valid = plane[plane != plane.dtype.type(nodata)]
            elif plane.dtype.kind == "f":
                valid = plane[np.isfinite(plane)]
            if valid.size == 0:
                continue
            if self._shift is None:
                self._shift = np.full(len(pixels), float(valid.flat[0]))
            centred = valid.astype(np.float64) - self._shift[band]
            self._count[band] += valid.size
            self._sum[band] += centred.sum()
            self._squares[band] += np.dot(centred.ravel(), centred.ravel())
            self._least[band] = min(self._least[band], float(valid.min()))
            self._most[band] = max(self._most[band], float(valid.max()))

    def metadata(self) -> List[Dict[str, str]]:
        """GDAL's STATISTICS items per band; empty for a band without valid pixels."""
        items: List[Dict[str, str]] = []
        for band, count in enumerate(self._count):
            if count == 0 or self._shift is None:
                items.append({})
                continue
            centre = self._sum[band] / count
            variance = max(0.0, self._squares[band] / count - centre**2)
            items.append(
                {
                    "STATISTICS_MINIMUM": repr(float(self._least[band])),
                    "STATISTICS_MAXIMUM": repr(float(self._most[band])),
                    "STATISTICS_MEAN": repr(float(self._shift[band] + centre)),
                    "STATISTICS_STDDEV": repr(float(math.sqrt(variance))),
                }
            )
        return items
