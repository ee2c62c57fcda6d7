"""How well the uncertainty of a result tells where the result is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

#: Groups of equally many pixels, from the most to the least certain ones.
GROUPS = 10


@dataclass(frozen=True)
class UncertaintyFigures:
    """Uncertainty against the absolute error of the first result, on a sample of valid pixels.

    Bands are ranked and grouped on their own. What is told of the whole is the mean over the bands (of squared errors
    the sum), so that it is not raised by some bands having more contrast, and with it more error and more uncertainty,
    than others.

    Attributes:
        rank: Spearman's rank correlation of uncertainty and absolute error, mean over the bands; NaN where either is
            the same everywhere.
        band_ranks: the same of each band.
        uncertainties: mean uncertainty of each tenth of the pixels, the most certain first, in units of the values.
        errors: mean absolute error of the same tenths.
        share: part of the squared error that the least certain tenth holds; a tenth where nothing is told.
        band_shares: the same of each band.
        best_share: part of the squared error that the tenth with the largest errors holds: no uncertainty finds more.
        pixels: pixels of the sample.
    """

    rank: float
    band_ranks: Tuple[float, ...]
    uncertainties: Tuple[float, ...]
    errors: Tuple[float, ...]
    share: float
    band_shares: Tuple[float, ...]
    best_share: float
    pixels: int

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], pixels: int) -> UncertaintyFigures:
        """Figures of what the part ``rank`` of :meth:`sr_plugin.core.session.ModelSession.evaluate` answers."""
        squares, largest = arrays["squares"], arrays["largest"]
        ranks = [float(value) for value in arrays["ranks"]]
        known = [value for value in ranks if not math.isnan(value)]
        totals = squares.sum(axis=1)
        return cls(
            rank=float(np.mean(known)) if known else math.nan,
            band_ranks=tuple(ranks),
            uncertainties=tuple(arrays["uncertainties"].mean(axis=0).tolist()),
            errors=tuple(arrays["errors"].mean(axis=0).tolist()),
            share=_share(squares[:, -1].sum(), totals.sum()),
            band_shares=tuple(_share(last, total) for last, total in zip(squares[:, -1], totals)),
            best_share=_share(largest.sum(), totals.sum()),
            pixels=pixels,
        )

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable form; None in place of NaN."""
        return {
            "rank": _plain(self.rank),
            "rank_per_band": _all_plain(self.band_ranks),
            "mean_uncertainty_by_tenth": _all_plain(self.uncertainties),
            "mean_absolute_error_by_tenth": _all_plain(self.errors),
            "squared_error_share_of_least_certain_tenth": _plain(self.share),
            "squared_error_share_per_band": _all_plain(self.band_shares),
            "squared_error_share_of_largest_errors": _plain(self.best_share),
            "pixels": self.pixels,
        }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan


def _plain(value: float) -> Optional[float]:
    return float(value) if math.isfinite(value) else None


def _all_plain(values: Sequence[float]) -> List[Optional[float]]:
    return [_plain(value) for value in values]
