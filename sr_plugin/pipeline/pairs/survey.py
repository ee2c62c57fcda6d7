"""The first pass over a scene: which of its patches are fit to learn from."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Callable, FrozenSet, List, Optional, Sequence, Tuple
from typing import Counter as CounterType

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import Cancelled
from sr_plugin.core.grid import Window
from sr_plugin.core.histogram_matching import histogram_map
from sr_plugin.core.patch_fingerprint import FingerprintIndex, fingerprint, levels
from sr_plugin.core.place_split import generator
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.strata import dominant_class
from sr_plugin.pipeline.pairs.coregistration import Aligner, Alignment, plane_of
from sr_plugin.pipeline.pairs.layouts import SceneSpec
from sr_plugin.pipeline.pairs.masks import ClassReader, CloudFilter, at_high_resolution
from sr_plugin.pipeline.pairs.raster_view import PatchPixels
from sr_plugin.pipeline.pairs.request import FUSION, PairRequest
from sr_plugin.pipeline.pairs.scene import Corrections, PairScene, open_scene
from sr_plugin.raster.block_cache import limited_block_cache

#: Reasons why a patch is left out, with what they mean.
REASONS = {
    "unreadable": "the picture cannot be read or used",
    "size": "the picture is smaller than a patch, or the sizes of a pair do not fit",
    "dates": "the images lie too many days apart, or a date is unknown",
    "apart": "the rasters do not overlap",
    "no data": "too many pixels without data",
    "cloud": "too many pixels under clouds",
    "flat": "no detail at all",
    "misaligned": "the images are displaced against each other",
    "unmatched": "no ground is clear in both images, so their histograms cannot be matched",
    "unlike": "the images do not resemble each other",
    "duplicate": "another patch shows the same",
    "border": "it lies on ground of two splits, or too close to it",
    "surplus": "its stratum has enough patches",
}
#: Patches whose pixels are enough for a histogram.
_HISTOGRAM_WINDOWS = 64
_BATCH = 16
_ROUNDS = 3


@dataclass(frozen=True)
class Rejection:
    """A patch, or a whole pair of pictures, that was left out.

    Attributes:
        reason: one of :data:`REASONS`.
        scene: number of the scene.
        window: of the patch, None for the whole scene.
        detail: figures or a sentence.
    """

    reason: str
    scene: int
    window: Optional[Window] = None
    detail: str = ""


@dataclass(frozen=True)
class Candidate:
    """A patch that passed the survey.

    Attributes:
        scene: number of its scene.
        window: in pixels of the low resolution.
        stratum: class that covers most of it.
        alignment: None where it was not measured.
        cells: places that it touches; filled in later.
        reach: places that it and its surroundings touch; filled in later.
        home: the place that it counts for; filled in later.
    """

    scene: int
    window: Window
    stratum: str = ""
    alignment: Optional[Alignment] = None
    cells: FrozenSet[str] = frozenset()
    reach: FrozenSet[str] = frozenset()
    home: str = ""


@dataclass
class SceneState:
    """What is known about a scene between the passes.

    Attributes:
        spec: what it is.
        corrections: what was found out about it.
    """

    spec: SceneSpec
    corrections: Corrections = Corrections()

    def open(self, request: PairRequest) -> PairScene:
        """The scene with what was found out about it."""
        return open_scene(self.spec, request, self.corrections)

    def correct(self, **found: Any) -> None:
        """Keep more of what was found out; names as in :class:`Corrections`."""
        self.corrections = replace(self.corrections, **found)


@dataclass
class Survey:
    """What the first pass found.

    Attributes:
        candidates: in the order in which they were found.
        rejections: what was left out.
        fingerprints: of all candidates.
    """

    candidates: List[Candidate] = field(default_factory=list)
    rejections: List[Rejection] = field(default_factory=list)
    fingerprints: FingerprintIndex = field(default_factory=FingerprintIndex)

    @property
    def counts(self) -> CounterType[str]:
        """Rejections by reason."""
        return Counter(rejection.reason for rejection in self.rejections)


class SceneFilters:
    """Class rasters of one scene, opened together.

    Args:
        scene: what they lie over.
        request: names them.
    """

    def __init__(self, scene: PairScene, request: PairRequest) -> None:
        self._stack = ExitStack()
        self._scale = request.scale
        try:
            names = [name for name in (scene.spec.high_mask, scene.spec.low_mask) if name]
            readers = [self._open(name, scene) for name in dict.fromkeys(names)]
            self._clouds = CloudFilter(readers, request.cloud_values, request.bright)
            self._active = bool(readers) or request.bright is not None
            self._classes = self._open(request.classes, scene) if request.classes else None
        except BaseException:
            self.close()
            raise

    def _open(self, name: str, scene: PairScene) -> ClassReader:
        reader = ClassReader(name, scene.grid)
        self._stack.callback(reader.close)
        return reader

    def clear_of_clouds(
        self, window: Window, low: Optional[PatchPixels], high: PatchPixels
    ) -> Tuple[Optional[PatchPixels], PatchPixels, float]:
        """The same pixels with clouds made gaps, and the share of pixels under clouds."""
        clouds = self._cloudy(window, low, high)
        if clouds is None:
            return low, high, 0.0
        fine = at_high_resolution(clouds, self._scale)
        return low.without(clouds) if low is not None else None, high.without(fine), float(clouds.mean())

    def clear_guide(self, window: Window, guide: PatchPixels, low: PatchPixels, high: PatchPixels) -> PatchPixels:
        """The guide of a band fusion with clouds made gaps.

        Args:
            window: in pixels of the low resolution.
            guide: what is to be cleared.
            low, high: as they were read, which brightness is looked for in.
        """
        clouds = self._cloudy(window, low, high)
        return guide if clouds is None else guide.without(at_high_resolution(clouds, self._scale))

    def _cloudy(self, window: Window, low: Optional[PatchPixels], high: PatchPixels) -> Optional[np.ndarray]:
        """Pixels of the low resolution under clouds; None where there are none."""
        if not self._active:
            return None
        images = [high.data] if low is None or low.data.ndim != 3 else [high.data, low.data]
        clouds = self._clouds.clouds(window, self._scale, *images)
        return clouds if clouds.any() else None

    def stratum(self, window: Window) -> str:
        """Class that covers most of a patch, empty without a class raster."""
        return dominant_class(*self._classes.read(window)) if self._classes is not None else ""

    def close(self) -> None:
        """Give back the class rasters."""
        self._stack.close()

    def __enter__(self) -> SceneFilters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SceneSurvey:
    """Surveys one scene.

    Args:
        number: of the scene.
        state: shift and maps are filled in.
        request: what is wanted.
        found: where candidates and rejections go.
        aligner: measures displacements, None where none are wanted.
        cancelled: asked for every patch.
        advance: told of every patch.
    """

    def __init__(
        self,
        number: int,
        state: SceneState,
        request: PairRequest,
        found: Survey,
        aligner: Optional[Aligner],
        cancelled: Callable[[], bool],
        advance: Callable[[], None],
    ) -> None:
        self._number, self._state, self._request, self._found = number, state, request, found
        self._aligner, self._cancelled, self._advance = aligner, cancelled, advance

    def run(self) -> None:
        """Bring the images into line, then look at every patch.

        Raises:
            Cancelled: when the user cancelled.
            SuperResolutionError: when a raster cannot be read.
        """
        if self._aligner is not None and not self._align(self._aligner):
            return
        if self._request.matches and not self._match():
            self.reject("unmatched", None, " and ".join(self._state.spec.titles))
            return
        with ExitStack() as stack:
            scene = stack.enter_context(self._state.open(self._request))
            filters = stack.enter_context(SceneFilters(scene, self._request))
            stack.enter_context(limited_block_cache(scene.cache_bytes))
            waiting: List[Tuple[Candidate, PatchPixels, PatchPixels]] = []
            for window in scene.windows():
                self._stop_if_cancelled()
                waiting += self._look(scene, filters, window)
                if len(waiting) >= _BATCH:
                    self._take(waiting)
                    waiting = []
            self._take(waiting)

    def _stop_if_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("The preparation was cancelled.")

    def reject(self, reason: str, window: Optional[Window] = None, detail: str = "") -> None:
        """Note what was left out and why."""
        self._found.rejections.append(Rejection(reason, self._number, window, detail))

    def _align(self, aligner: Aligner) -> bool:
        """Find the common displacement; False where the images do not resemble each other anywhere."""
        request = self._request
        for _ in range(_ROUNDS):
            with self._state.open(request) as scene:
                step = aligner.common_shift(scene, scene.windows(), request.min_score, request.seed)
            # Few patches: each of them is judged by itself.
            if step is None or step == (0, 0):
                return True
            before = self._state.corrections.shift
            self._state.correct(shift=(before[0] + step[0], before[1] + step[1]))
        return True

    def _match(self) -> bool:
        """Find one map a band; False where the images show no ground that is clear in both."""
        with self._state.open(self._request) as scene, SceneFilters(scene, self._request) as filters:
            low_values, high_values = self._clear_samples(scene, filters)
        if not low_values.shape[-1]:
            return False
        self._state.correct(maps=tuple(histogram_map(*pair) for pair in zip(high_values, low_values)))
        return True

    def _clear_samples(self, scene: PairScene, filters: SceneFilters) -> Tuple[np.ndarray, np.ndarray]:
        """Clear pixels of both images at the low resolution, ``(bands, n)`` each, as many as some patches have."""
        request = self._request
        windows = scene.windows()
        lows = [np.zeros((len(scene.low_bands), 0))]
        highs = [np.zeros((len(scene.high_bands), 0))]
        missing = _HISTOGRAM_WINDOWS * request.patch**2
        for window in generator(request.seed, "histogram", self._number).sample(windows, len(windows)):
            if missing <= 0:
                break
            self._stop_if_cancelled()
            low, high, _ = filters.clear_of_clouds(
                window, scene.read_low(window, generator(0))[0], scene.read_high(window)
            )
            reduced = reduce_image(high.data.astype(np.float32), request.scale, PointSpread("box"))
            whole = reduce_image(high.valid.astype(np.float32), request.scale, PointSpread("box")) > 1 - 1e-6
            clear = low.valid & whole
            missing -= int(clear.sum())
            lows.append(low.data[:, clear])
            highs.append(reduced[:, clear])
        return np.concatenate(lows, axis=1), np.concatenate(highs, axis=1)

    def _look(
        self, scene: PairScene, filters: SceneFilters, window: Window
    ) -> List[Tuple[Candidate, PatchPixels, PatchPixels]]:
        """One patch, if it passes all filters that need no counterpart."""
        self._advance()
        request = self._request
        high = scene.read_high(window)
        low = None if request.degrades else scene.read_low(window, generator(0))[0]
        worst = max(high.gaps, low.gaps if low is not None else 0.0)
        if worst > request.max_gaps:
            self.reject("no data", window, f"{worst:.3f}")
            return []
        low, high, cloudy = filters.clear_of_clouds(window, low, high)
        if cloudy > 0 and max(high.gaps, low.gaps if low is not None else 0.0) > request.max_gaps:
            self.reject("cloud", window, f"{cloudy:.3f}")
            return []
        if all(float(np.ptp(band)) == 0 for band in high.data):
            self.reject("flat", window)
            return []
        other = low or scene.read_guide(window, generator(0)) or high
        return [(Candidate(self._number, window, filters.stratum(window)), other, high)]

    def _take(self, waiting: Sequence[Tuple[Candidate, PatchPixels, PatchPixels]]) -> None:
        """Keep what lies in line and was not seen before."""
        request = self._request
        if not waiting:
            return
        measured: List[Optional[Alignment]] = [None] * len(waiting)
        if self._aligner is not None:
            measured = list(self._aligner.measure([(low, high) for _, low, high in waiting]))
        for (candidate, low, high), alignment in zip(waiting, measured):
            if alignment is not None:
                if not alignment.score >= request.min_score:
                    self.reject("unlike", candidate.window, f"{alignment.score:.3f}")
                    continue
                if alignment.length > request.max_shift:
                    self.reject("misaligned", candidate.window, f"{alignment.shift_x:.2f} {alignment.shift_y:.2f}")
                    continue
            if request.duplicates_out and self._seen(low, high, candidate):
                continue
            self._found.candidates.append(replace(candidate, alignment=alignment))

    def _seen(self, low: PatchPixels, high: PatchPixels, candidate: Candidate) -> bool:
        """Whether another patch shows the same; both images count, so that two dates of one place are no duplicates."""
        if self._request.layout == FUSION:
            # The guide is kept on the grid of the target.
            picture = np.concatenate((plane_of(low), plane_of(high)), axis=-1)[None]
        elif self._request.degrades:
            picture = high.data
        else:
            fine = plane_of(high, self._request.scale)
            picture = np.concatenate((plane_of(low), fine), axis=-1)[None]
        hashed = fingerprint(picture)
        seen = levels(high.data) if picture is high.data else levels(low.data, high.data)
        if self._found.fingerprints.find(hashed, seen) is not None:
            self.reject("duplicate", candidate.window)
            return True
        self._found.fingerprints.add(hashed, seen)
        return False
