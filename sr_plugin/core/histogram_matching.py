"""Bringing the values of one sensor to those of another by their histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

#: Quantiles at which two histograms are compared: dense, but steps of a noisy tail do not count.
_QUANTILES = np.concatenate(([0.002, 0.005, 0.01, 0.02], np.linspace(0.04, 0.96, 24), [0.98, 0.99, 0.995, 0.998]))


@dataclass(frozen=True)
class HistogramMap:
    """A rising, piecewise linear map of values; beyond its ends it goes on with the slope of the whole.

    Attributes:
        source, target: values at the same quantiles, rising.
    """

    source: Tuple[float, ...]
    target: Tuple[float, ...]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Mapped values, float64, any shape."""
        x = np.asarray(values, np.float64)
        first, last = self.source[0], self.source[-1]
        slope = (self.target[-1] - self.target[0]) / (last - first) if last > first else 1.0
        mapped = np.interp(x, self.source, self.target)
        return mapped + slope * (np.minimum(x - first, 0) + np.maximum(x - last, 0))


def histogram_map(values: np.ndarray, reference: np.ndarray) -> HistogramMap:
    """The map that gives ``values`` the histogram of ``reference`` (Gonzalez and Woods, Digital Image Processing, 3.3).

    Args:
        values, reference: samples of any shape and at least one value, not NaN; of the same ground and resolution, else
            what differs in resolution is taken for a difference of the sensors.
    """
    source = np.quantile(np.asarray(values, np.float64), _QUANTILES)
    target = np.quantile(np.asarray(reference, np.float64), _QUANTILES)
    # Several quantiles may share one value; such a step is mapped to the middle of what it stands for.
    distinct, where = np.unique(source, return_inverse=True)
    means = np.bincount(where, target) / np.bincount(where)
    return HistogramMap(tuple(float(v) for v in distinct), tuple(float(v) for v in means))
