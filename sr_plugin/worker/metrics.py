"""Full-reference metrics as maps of pixels, summed by cells, so that the figures of tiles add up to those of the whole.

The similarity maps are scikit-image's. Only neighbourhoods inside the rasters count, so nothing depends on padding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage
from skimage.metrics import structural_similarity

from sr_plugin.core.evaluation import MS_EXPONENTS, WINDOW_RADIUS, EvaluationSettings
from sr_plugin.core.spectral_indices import index_named, index_values

#: With so large a K1 the luminance term of SSIM is 1 to double precision, which leaves contrast and structure.
_NO_LUMINANCE = 1e12
#: Keeps flat areas from 0 / 0 in UQI: a tenth of a millionth of the range is no structure.
_UQI_K2 = 1e-7
_LAPLACIAN = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], float)
#: Side of the windows in which details are correlated.
_DETAIL_WINDOW = 8
#: Adds the sums of a map to the named measure; the number says how many pixels of the reference one of its pixels
#: spans along a side.
Add = Callable[[str, np.ndarray, int], None]


def similarity_map(reference: np.ndarray, image: np.ndarray, peak: float, k1: float, k2: float) -> np.ndarray:
    """SSIM of every pixel of two ``(h, w)`` arrays; rims of :data:`WINDOW_RADIUS` pixels depend on padding."""
    # Two black areas divide nothing by nothing; callers know what that means.
    with np.errstate(invalid="ignore", divide="ignore"):
        found = structural_similarity(
            reference,
            image,
            data_range=peak,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            K1=k1,
            K2=k2,
            full=True,
        )
    return np.asarray(found[1])


def inside(valid: np.ndarray, size: int) -> np.ndarray:
    """Pixels around which a square of ``size`` pixels is all valid; it begins ``size // 2`` pixels before them."""
    return ndimage.minimum_filter(valid, size, mode="constant", cval=False)


def spectral_angles(reference: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angles in degrees between the bands of two ``(bands, h, w)`` arrays, and where there is one."""
    dot = np.einsum("b...,b...->...", reference, image)
    lengths = np.linalg.norm(reference, axis=0) * np.linalg.norm(image, axis=0)
    there = lengths > 0
    cosine = np.divide(dot, lengths, out=np.ones_like(dot), where=there)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))), there


def detail_correlation(reference: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Local correlation of what a Laplacian filter leaves of two ``(h, w)`` arrays; 0 where one of them is flat."""
    first, second = (ndimage.correlate(item, _LAPLACIAN, mode="reflect") for item in (reference, image))

    def mean(item: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(item, _DETAIL_WINDOW, mode="constant")

    mean1, mean2 = mean(first), mean(second)
    variances = [np.maximum(mean(x * x) - m * m, 0) for x, m in ((first, mean1), (second, mean2))]
    below = np.sqrt(variances[0] * variances[1])
    # What is left of a flat area is rounding, whose correlation means nothing.
    flat = below <= 1e-12 * max(float(np.abs(first).max()), float(np.abs(second).max()), 1e-300) ** 2
    return np.divide(mean(first * second) - mean1 * mean2, below, out=np.zeros_like(below), where=~flat)


def _halved(image: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels along the last two axes; a last odd row or column is left out."""
    height, width = (length // 2 * 2 for length in image.shape[-2:])
    part = image[..., :height, :width]
    return (part[..., ::2, ::2] + part[..., 1::2, ::2] + part[..., ::2, 1::2] + part[..., 1::2, 1::2]) / 4


def _halved_mask(valid: np.ndarray) -> np.ndarray:
    height, width = (length // 2 * 2 for length in valid.shape)
    part = valid[:height, :width]
    return part[::2, ::2] & part[1::2, ::2] & part[::2, 1::2] & part[1::2, 1::2]


class Masks:
    """Where the neighbourhood that a metric looks at is valid, once for all candidates.

    Args:
        valid: ``(h, w)`` bool, pixels that all rasters have.
    """

    def __init__(self, valid: np.ndarray) -> None:
        self.pixels = valid
        # The Laplacian looks one pixel further than the window of the correlation.
        self.details = inside(valid, _DETAIL_WINDOW + 2)
        self.scales = []
        for _ in MS_EXPONENTS:
            self.scales.append(inside(valid, 2 * WINDOW_RADIUS + 1))
            valid = _halved_mask(valid)
        self.windows = self.scales[0]


def measure(reference: np.ndarray, image: np.ndarray, masks: Masks, settings: EvaluationSettings, add: Add) -> None:
    """Measure one candidate.

    Args:
        reference, image: ``(bands, h, w)`` float64 in physical units, without gaps.
        masks: of what counts.
        settings: peak and indices.
        add: takes the name of a measure, its map, and how much coarser than the reference the map is.
    """
    add("pixels", masks.pixels.astype(float), 1)
    add("windows", masks.windows.astype(float), 1)
    add("details", masks.details.astype(float), 1)
    for scale, counted in enumerate(masks.scales):
        add(f"scales.{scale}", counted.astype(float), 1 << scale)
    # The filters let other threads run, and every band has sums of its own.
    with ThreadPoolExecutor(max_workers=min(len(reference), os.cpu_count() or 1)) as pool:
        measured = [
            pool.submit(_measure_band, right, seen, band, masks, settings.peak, add)
            for band, (right, seen) in enumerate(zip(reference, image, strict=True))
        ]
        for future in measured:
            future.result()
    if len(reference) > 1:
        angles, there = spectral_angles(reference, image)
        counted = masks.pixels & there
        add("angles", counted.astype(float), 1)
        add("angle", np.where(counted, angles, 0), 1)
    for name, first, second in settings.indices:
        _measure_index(reference, image, (name, first, second), masks.pixels, add)


def _measure_band(reference: np.ndarray, image: np.ndarray, band: int, masks: Masks, peak: float, add: Add) -> None:
    error = np.where(masks.pixels, image - reference, 0)
    add(f"reference.{band}", np.where(masks.pixels, reference, 0), 1)
    add(f"error.{band}", error, 1)
    add(f"absolute.{band}", np.abs(error), 1)
    add(f"squared.{band}", error * error, 1)
    add(f"scc.{band}", np.where(masks.details, detail_correlation(reference, image), 0), 1)
    if min(reference.shape) > 2 * WINDOW_RADIUS:
        add(f"ssim.{band}", np.where(masks.windows, similarity_map(reference, image, peak, 0.01, 0.03), 0), 1)
        # Where both are black the index has no value; they are alike.
        quality = np.nan_to_num(similarity_map(reference, image, peak, 0, _UQI_K2), nan=1.0)
        add(f"uqi.{band}", np.where(masks.windows, quality, 0), 1)
    last = len(masks.scales) - 1
    for scale, counted in enumerate(masks.scales):
        if min(reference.shape) <= 2 * WINDOW_RADIUS:
            break
        contrast = similarity_map(reference, image, peak, _NO_LUMINANCE, 0.03)
        add(f"contrast{scale}.{band}", np.where(counted, contrast, 0), 1 << scale)
        if scale == last:
            whole = similarity_map(reference, image, peak, 0.01, 0.03)
            add(f"luminance.{band}", np.where(counted, whole, 0), 1 << scale)
        reference, image = _halved(reference), _halved(image)


def _measure_index(
    reference: np.ndarray, image: np.ndarray, which: tuple[str, int, int], valid: np.ndarray, add: Add
) -> None:
    name, first, second = which
    index = index_named(name)
    right, seen = (index_values(index, item[first], item[second]) for item in (reference, image))
    error = seen - right
    counted = valid & np.isfinite(error)
    error = np.where(counted, error, 0)
    add(f"{name}.pixels", counted.astype(float), 1)
    add(f"{name}.error", error, 1)
    add(f"{name}.absolute", np.abs(error), 1)
    add(f"{name}.squared", error * error, 1)


class CellSums:
    """Sums of maps over the cells of the kept part of a window.

    Args:
        names: of the measures, in their order.
        crop: row, column, height and width of the kept part.
        cell: side of a cell; the kept part begins at a cell's corner.

    Attributes:
        values: ``(rows, columns, measures)`` float64.
    """

    def __init__(self, names: Mapping[str, int], crop: tuple[int, int, int, int], cell: int) -> None:
        self._names, self._crop, self._cell = names, crop, cell
        self._cells = (-(-crop[2] // cell), -(-crop[3] // cell))
        self.values = np.zeros((*self._cells, len(names)))

    def add(self, name: str, image: np.ndarray, step: int = 1) -> None:
        """Add a map of the window each of whose pixels spans ``step`` of the fine grid along a side."""
        if name not in self._names or not image.size:
            return
        row, column = self._crop[0] // step, self._crop[1] // step
        bottom, right = (self._crop[0] + self._crop[2]) // step, (self._crop[1] + self._crop[3]) // step
        part = image[row:bottom, column:right]
        side = self._cell // step
        rows, columns = self._cells
        whole = np.zeros((rows * side, columns * side))
        whole[: part.shape[0], : part.shape[1]] = part
        self.values[..., self._names[name]] += whole.reshape(rows, side, columns, side).sum((1, 3))
