"""Bringing two images of a pair into line: measured patch by patch, corrected as a whole."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import Cancelled
from sr_plugin.core.grid import Window
from sr_plugin.core.place_split import generator
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.pairs.raster_view import PatchPixels
from sr_plugin.pipeline.pairs.scene import PairScene

#: Patches that are measured to find the displacement of the whole pair.
_SAMPLE = 48
#: Fewer patches than these with a clear displacement tell nothing about the whole.
_FEWEST = 3
_BATCH = 16
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Alignment:
    """How a patch of ``low`` lies against ``high``.

    Attributes:
        shift_x, shift_y: pixels of the low resolution by which ``low`` shows things further right and down.
        score: correlation of both at the low resolution, moved by the nearest whole pixels, -1 to 1; NaN where one has
            no detail. It tells what is displaced from what has changed.
    """

    shift_x: float
    shift_y: float
    score: float

    @property
    def length(self) -> float:
        """Length of the displacement in pixels of the low resolution."""
        return float(np.hypot(self.shift_x, self.shift_y))


def plane_of(pixels: PatchPixels, scale: int = 1) -> np.ndarray:
    """One plane to align by, float32 ``(h / scale, w / scale)``: mean of the bands, each with unit variance."""
    data = pixels.data.astype(np.float32)
    if scale > 1:
        data = reduce_image(data, scale, PointSpread("gaussian", 0.35))
    spread = data.std(axis=(-2, -1), keepdims=True)
    return ((data - data.mean(axis=(-2, -1), keepdims=True)) / np.maximum(spread, 1e-6)).mean(axis=0)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two planes; NaN where one has no variance."""
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.sqrt(np.square(a, dtype=np.float64).sum() * np.square(b, dtype=np.float64).sum()))
    return float((a * b).sum(dtype=np.float64)) / norm if norm > 0 else float("nan")


def correlation_when_moved(moved: np.ndarray, reference: np.ndarray, dx: float, dy: float) -> float:
    """Correlation over what both show once ``moved`` is brought back by the nearest whole pixels.

    NaN where less than half of a side is left.
    """
    columns, rows = round(dx), round(dy)
    height, width = moved.shape
    if 2 * abs(columns) > width or 2 * abs(rows) > height:
        return float("nan")
    here = moved[max(0, rows) : height + min(0, rows), max(0, columns) : width + min(0, columns)]
    there = reference[max(0, -rows) : height + min(0, -rows), max(0, -columns) : width + min(0, -columns)]
    return correlation(here, there)


class Aligner:
    """Measures displacements with a session.

    Args:
        session: a worker with scikit-image.
        scale: of the pairs.
        cancelled: asked while the worker computes.
    """

    def __init__(self, session: ModelSession, scale: int, cancelled: Callable[[], bool]) -> None:
        self._session, self._scale, self._cancelled = session, scale, cancelled

    def measure(self, pairs: Sequence[Tuple[PatchPixels, PatchPixels]]) -> List[Alignment]:
        """Alignment of each pair of ``low`` and ``high``.

        Raises:
            Cancelled: when the user cancelled.
            RuntimeMissing: when the worker has no scikit-image.
        """
        found: List[Alignment] = []
        for start in range(0, len(pairs), _BATCH):
            batch = pairs[start : start + _BATCH]
            low = np.stack([plane_of(first) for first, _ in batch])
            high = np.stack([plane_of(second, self._scale) for _, second in batch])
            shifts = self._shifts(low, high)
            for index, (dx, dy) in enumerate(shifts):
                score = correlation_when_moved(low[index], high[index], dx, dy)
                found.append(Alignment(float(dx), float(dy), score))
        return found

    def _shifts(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        future = self._session.patch_shifts([NamedArray("reference", high), NamedArray("moved", low)])
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS).arrays[0].data
            except FutureTimeout:
                if self._cancelled():
                    self._session.kill()
                    raise Cancelled("The preparation was cancelled.") from None

    def common_shift(
        self, scene: PairScene, windows: Sequence[Window], min_score: float, seed: int
    ) -> Optional[Tuple[int, int]]:
        """Columns and rows of the high resolution by which ``high`` has to be read further right and down.

        The median over a sample of patches, so that clouds and changes in some of them do not count. Whole pixels, so
        that ``high`` is never interpolated for it.

        Returns:
            None where too few patches resemble each other.
        """
        sample = list(windows)
        if len(sample) > _SAMPLE:
            sample = generator(seed, "align", *scene.spec.titles).sample(sample, _SAMPLE)
        rng = generator(seed, "none")
        found: List[Alignment] = []
        for start in range(0, len(sample), _BATCH):
            if self._cancelled():
                raise Cancelled("The preparation was cancelled.")
            pairs = [(scene.read_low(w, rng)[0], scene.read_high(w)) for w in sample[start : start + _BATCH]]
            found += self.measure([pair for pair in pairs if max(pair[0].gaps, pair[1].gaps) < 0.5])
        clear = [a for a in found if a.score >= min_score]
        if len(clear) < _FEWEST:
            return None
        dx = float(np.median([a.shift_x for a in clear]))
        dy = float(np.median([a.shift_y for a in clear]))
        return -round(dx * self._scale), -round(dy * self._scale)
