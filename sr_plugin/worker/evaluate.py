"""Evaluation of one window at a time: samples, measures of cells, and land cover.

A request carries the rasters of one window with its halo and the part to keep; see
:meth:`sr_plugin.core.session.ModelSession.evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sr_plugin.core.errors import ParameterError, ProtocolError
from sr_plugin.core.evaluation import BICUBIC, BINS, EvaluationSettings, measure_names
from sr_plugin.core.grid import Window
from sr_plugin.core.point_spread import gaussian_sigma, reduce_image
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import TileResult
from sr_plugin.worker.edges import require_scikit_image
from sr_plugin.worker.gaps import without_gaps
from sr_plugin.worker.land_cover import LandCover
from sr_plugin.worker.uncertainty_rank import judge_uncertainty

if TYPE_CHECKING:
    from sr_plugin.worker.metrics import CellSums

#: Names that arrays beside the rasters begin with.
_VALID, _MATCH = "valid_", "match_"


class _Scene:
    """The rasters of one request in float64, without gaps.

    Attributes:
        fine: ``(bands, h, w)`` by name: ``bicubic``, the results, and ``truth`` where there is one.
        unmatched: the same before the matching of histograms, by which consistency is judged.
        input: the input on its own grid; on the fine one where the grids are not nested.
        valid: ``(h, w)`` bool, pixels that all have.
    """

    def __init__(self, arrays: Sequence[NamedArray], settings: EvaluationSettings) -> None:
        by_name = {item.name: item.data for item in arrays}
        names = [n for n in by_name if n in ("input", "truth") or n.startswith("result")]
        if "input" not in names:
            raise ProtocolError("A window to evaluate came without the input.")
        self.fine: dict[str, np.ndarray] = {}
        self.unmatched: dict[str, np.ndarray] = {}
        valids = []
        for name in names:
            pixels = np.asarray(by_name[name], np.float64)
            valid = np.isfinite(pixels).all(axis=0)
            if _VALID + name in by_name:
                valid &= by_name[_VALID + name].astype(bool)
            pixels = np.stack([without_gaps(band, valid) for band in pixels])
            if name == "input":
                self.input = pixels
                scale = max(1, settings.ratio)
                pixels = enlarge_cubic(pixels, scale) if scale > 1 else pixels
                valid, name = enlarge_nearest(valid, scale), BICUBIC
            self.unmatched[name] = pixels
            matching = by_name.get(_MATCH + name)
            self.fine[name] = pixels if matching is None else _matched(pixels, matching)
            valids.append(valid)
        shapes = {image.shape for image in self.fine.values()} | {(settings.bands, *v.shape) for v in valids}
        if len(shapes) != 1:
            raise ParameterError(f"The rasters to evaluate do not cover one grid ({sorted(shapes)}).")
        self.valid = np.logical_and.reduce(valids)
        self.ratio, self.psf = settings.ratio, settings.psf

    @property
    def candidates(self) -> dict[str, np.ndarray]:
        """What is judged."""
        return {name: image for name, image in self.fine.items() if name != "truth"}

    def brought_back(self, name: str) -> np.ndarray:
        """A candidate as the input's sensor would see it, ``(bands, h / ratio, w / ratio)``."""
        return reduce_image(self.unmatched[name], self.ratio, self.psf)

    def valid_back(self) -> np.ndarray:
        """Pixels of the input all of whose surroundings, as far as the sensor sees, are valid."""
        from scipy.ndimage import minimum_filter

        rows, columns = (length // self.ratio for length in self.valid.shape)
        whole = self.valid.reshape(rows, self.ratio, columns, self.ratio).all(axis=(1, 3))
        if self.psf.kind == "box" or self.ratio == 1:
            return whole
        reach = int(np.ceil(4 * gaussian_sigma(self.ratio, self.psf.mtf_nyquist) / self.ratio))
        # What lies beyond a raster's rim is left out of the blur, so it is no gap.
        return minimum_filter(whole, 2 * reach + 1, mode="constant", cval=True)


def _matched(pixels: np.ndarray, matching: np.ndarray) -> np.ndarray:
    """Values of each band moved along a curve: ``(bands, 2, n)``, from and to."""
    return np.stack([np.interp(band, *curve) for band, curve in zip(pixels, matching.astype(np.float64), strict=True)])


def _kept(image: np.ndarray, crop: Window) -> np.ndarray:
    return image[..., crop.row : crop.bottom, crop.col : crop.right]


class Evaluator:
    """Answers the parts of an evaluation; keeps forests between requests."""

    def __init__(self) -> None:
        self._land_cover: LandCover | None = None

    def answer(
        self, part: str, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window
    ) -> TileResult:
        """Answer one request; see :meth:`sr_plugin.core.session.ModelSession.evaluate`.

        Raises:
            RuntimeMissing: when a package is missing.
            ParameterError, ProtocolError: when the arrays do not fit together.
        """
        require_scikit_image()
        parts = {"sample": self._sample, "measure": self._measure, "fit": self._fit, "classify": self._classify}
        parts["rank"] = self._rank
        if part not in parts:
            raise ProtocolError(f"The worker knows no part '{part[:100]}' of an evaluation.")
        return parts[part](arrays, settings, crop)

    def _sample(self, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window) -> TileResult:
        scene = _Scene(arrays, EvaluationSettings.from_wire(settings))
        chosen = next((item.data.astype(bool) for item in arrays if item.name == "chosen"), None)
        wanted = _kept(scene.valid, crop) if chosen is None else _kept(scene.valid & chosen, crop)
        answers = [NamedArray(name, _kept(image, crop)[:, wanted]) for name, image in scene.fine.items()]
        if chosen is not None:
            coarse = enlarge_nearest(scene.input, max(1, scene.ratio))
            answers.append(NamedArray("input", _kept(coarse, crop)[:, wanted]))
        answers.append(NamedArray("positions", np.flatnonzero(wanted)))
        return TileResult(tuple(answers), {} if chosen is not None else _shifts(scene))

    def _measure(self, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window) -> TileResult:
        from sr_plugin.worker.metrics import CellSums, Masks, measure

        chosen = EvaluationSettings.from_wire(settings)
        scene = _Scene(arrays, chosen)
        numbers = {name: place for place, name in enumerate(measure_names(chosen))}
        box = (crop.row, crop.col, crop.height, crop.width)
        valid_back = scene.valid_back() if chosen.ratio else None
        reference = scene.fine["truth"] if chosen.against_truth else scene.input
        masks = Masks(scene.valid if chosen.against_truth else valid_back)
        sums = []
        for name, image in scene.candidates.items():
            cells = CellSums(numbers, box, chosen.cell)

            def add(name: str, image: np.ndarray, step: int, cells: CellSums = cells) -> None:
                cells.add(name, image, step * chosen.step)

            back = scene.brought_back(name) if valid_back is not None else None
            measure(reference, image if chosen.against_truth else back, masks, chosen, add)
            if back is not None:
                _measure_back(scene.input, back, valid_back, cells, chosen.ratio)
            if chosen.against_truth:
                _measure_correctness(scene, name, chosen.floor, cells)
            sums.append(cells.values)
        histograms = _histograms(scene, crop, chosen)
        return TileResult((NamedArray("sums", np.stack(sums, axis=2)), *histograms))

    def _fit(self, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window) -> TileResult:
        by_name = {item.name: item.data for item in arrays}
        classes, train = by_name.pop("classes"), by_name.pop("train").astype(bool)
        self._land_cover = LandCover(by_name, classes, train)
        return TileResult((), self._land_cover.scores)

    def _classify(self, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window) -> TileResult:
        if self._land_cover is None:
            raise ProtocolError("Land cover is to be classified before it was learnt.")
        count = int(settings["classes"])
        scene = _Scene(arrays, EvaluationSettings.from_wire(settings["evaluation"]))
        images = {"input": enlarge_nearest(scene.input, max(1, scene.ratio)), **scene.fine}
        kept = {name: _kept(image, crop) for name, image in images.items()}
        return TileResult((), self._land_cover.classify(kept, _kept(scene.valid, crop), count))

    def _rank(self, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window) -> TileResult:
        by_name = {item.name: item.data for item in arrays}
        if not {"uncertainty", "error", "tiles"} <= set(by_name):
            raise ProtocolError("An uncertainty to judge came without its sample.")
        told = judge_uncertainty(by_name["uncertainty"], by_name["error"], by_name["tiles"])
        return TileResult(tuple(NamedArray(name, data) for name, data in told.items()))


def _measure_back(given: np.ndarray, back: np.ndarray, valid: np.ndarray, cells: CellSums, ratio: int) -> None:
    """Consistency: the candidate brought back, against the input."""
    from sr_plugin.worker.metrics import spectral_angles

    cells.add("back", valid.astype(float), ratio)
    for band, (right, seen) in enumerate(zip(given, back, strict=True)):
        error = np.where(valid, seen - right, 0)
        cells.add(f"back_absolute.{band}", np.abs(error), ratio)
        cells.add(f"back_squared.{band}", error * error, ratio)
    if len(given) > 1:
        angles, there = spectral_angles(given, back)
        cells.add("back_angles", (valid & there).astype(float), ratio)
        cells.add("back_angle", np.where(valid & there, angles, 0), ratio)


def _measure_correctness(scene: _Scene, name: str, floor: float, cells: CellSums) -> None:
    from sr_plugin.worker.correctness import distances, memberships

    image, enlarged = scene.fine[name], scene.fine[BICUBIC]
    found = distances(enlarged, image, scene.fine["truth"])
    shares, there = memberships(found)
    judged = scene.valid & there & (found.largest > floor)
    cells.add("judged", judged.astype(float))
    for key, share in zip(("improvement", "omission", "hallucination"), shares, strict=True):
        cells.add(key, np.where(judged, share, 0))
    cells.add("synthesis", np.where(scene.valid, np.abs(image - enlarged).mean(axis=0), 0))


def _histograms(scene: _Scene, crop: Window, settings: EvaluationSettings) -> list[NamedArray]:
    """Counts of values by band and bin of every raster on the fine grid; values beyond the limits count at the end."""
    if not settings.limits:
        return []
    valid = _kept(scene.valid, crop)
    answers = []
    for name, image in scene.fine.items():
        counts = []
        for band, (low, high) in zip(_kept(image, crop), settings.limits, strict=True):
            places = ((band[valid] - low) / max(high - low, 1e-300) * BINS).astype(np.int64)
            counts.append(np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS))
        answers.append(NamedArray(f"histogram_{name}", np.stack(counts)))
    return answers


def _shifts(scene: _Scene) -> dict[str, float]:
    """Shift of the truth against the enlarged input, and of each candidate brought back against the input.

    ``truth.row`` and ``truth.column`` in pixels of the fine grid, ``NAME.row`` and ``NAME.column`` in pixels of the
    input: what has to be added to positions in the one to reach those in the other. Left out where nothing can be told.
    """
    from sr_plugin.worker.window_shift import shift_between

    found: dict[str, tuple[float, float]] = {}
    if "truth" in scene.fine and scene.valid.mean() > 0.5:
        # Gaps filled in one image only would count as content that the other one lacks.
        enlarged, truth = (without_gaps(scene.fine[name].mean(axis=0), scene.valid) for name in (BICUBIC, "truth"))
        found["truth"] = shift_between(enlarged, truth)
    if scene.ratio and scene.valid.mean() > 0.5:
        whole = scene.valid_back()
        given = without_gaps(scene.input.mean(axis=0), whole)
        for name in scene.candidates:
            found[name] = shift_between(given, without_gaps(scene.brought_back(name).mean(axis=0), whole))
    told = {}
    for name, (row, column) in found.items():
        if np.isfinite(row) and np.isfinite(column):
            told.update({f"{name}.row": row, f"{name}.column": column})
    return told
