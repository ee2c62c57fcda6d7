"""Edges of an enlarged input, its results and the truth, on one grid, and how they agree.

The detectors are scikit-image's. A request carries the planes of one window with its halo and the part to keep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sr_plugin.core.edges import NODATA_CODE, EdgeCounts, EdgeSettings, class_map
from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import TileResult
from sr_plugin.worker.gaps import without_gaps

#: A unit ramp gives 8 in the Sobel filter that scikit-image's Canny uses, and the root of 2 in its ``filters.sobel``.
_CANNY_GAIN = 8.0
_SOBEL_GAIN = math.sqrt(2.0)


def require_scikit_image() -> None:
    """Make sure that scikit-image is there.

    Raises:
        RuntimeMissing: when it is not.
    """
    try:
        import skimage  # noqa: F401 - looked for only
    except ImportError as error:
        raise RuntimeMissing(
            f"Comparing edges needs the package scikit-image, which the worker's Python does not have ({error}).",
            "Create it with: python -m sr_plugin environment --create light",
        ) from error


@dataclass(frozen=True)
class _Plane:
    """One raster on the fine grid, ``(h, w)``, without gaps, and which of its pixels are real."""

    pixels: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class _Edges:
    """Edges of a plane, the gradient that they were found in, and the gradient without smoothing."""

    edges: np.ndarray
    gradient: np.ndarray
    sharpness: np.ndarray


def _planes(arrays: Sequence[NamedArray]) -> dict[str, _Plane]:
    """The planes of a request by name, enlarged to the fine grid."""
    by_name = {item.name: item for item in arrays}
    planes: dict[str, _Plane] = {}
    for name, item in by_name.items():
        if name.startswith("valid_"):
            continue
        pixels = np.asarray(item.data, np.float32)
        valid = np.isfinite(pixels)
        mask = by_name.get(f"valid_{name}")
        if mask is not None:
            valid &= mask.data.astype(bool)
        pixels, ratio = without_gaps(pixels, valid), int(item.ratio)
        if ratio > 1:
            pixels, valid = enlarge_cubic(pixels, ratio), enlarge_nearest(valid, ratio)
        planes[name] = _Plane(pixels, valid)
    shapes = {plane.pixels.shape for plane in planes.values()}
    if "input" not in planes or len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ParameterError(f"The planes to compare do not cover one grid ({sorted(shapes)}).")
    return planes


def _canny(plane: _Plane, settings: EdgeSettings) -> np.ndarray:
    from skimage.feature import canny

    mask = None if plane.valid.all() else plane.valid
    low, high = settings.low * _CANNY_GAIN, settings.high * _CANNY_GAIN
    return canny(plane.pixels, settings.sigma, low, high, mask, mode="nearest")


def _find(plane: _Plane, settings: EdgeSettings, inside: np.ndarray, with_edges: bool) -> _Edges:
    from skimage.filters import apply_hysteresis_threshold, gaussian, sobel

    sharpness = sobel(plane.pixels) / _SOBEL_GAIN
    gradient = sharpness
    if settings.sigma > 0:
        smooth = gaussian(plane.pixels, settings.sigma, mode="nearest", preserve_range=True)
        gradient = sobel(smooth) / _SOBEL_GAIN
    gradient = np.where(inside, gradient, 0).astype(np.float32)
    if not with_edges:
        edges = np.zeros(plane.pixels.shape, bool)
    elif settings.method == "canny":
        edges = _canny(plane, settings) & inside
    else:
        edges = apply_hysteresis_threshold(gradient, settings.low, settings.high) & inside
    return _Edges(edges, gradient, sharpness)


def _near(edges: np.ndarray, tolerance: int) -> np.ndarray:
    """Pixels within the tolerance of an edge."""
    if tolerance == 0 or not edges.any():
        return edges
    from skimage.morphology import isotropic_dilation

    return isotropic_dilation(edges, tolerance)


def _inside(valid: np.ndarray) -> np.ndarray:
    """Valid pixels all of whose neighbours are valid; beyond the window, all are taken for valid."""
    if valid.all():
        return valid
    from skimage.morphology import isotropic_erosion

    # A distance of 1.5 pixels reaches the diagonal neighbours.
    return isotropic_erosion(np.pad(valid, 2, mode="edge"), 1.5)[2:-2, 2:-2]


def _kept_part(image: np.ndarray, crop: Window) -> np.ndarray:
    return image[crop.row : crop.bottom, crop.col : crop.right]


def _sums(found: Mapping[str, _Edges], near: Mapping[str, np.ndarray], name: str, counted: np.ndarray) -> EdgeCounts:
    """Counts of a result against input and truth over the pixels of ``counted``."""

    def count(mask: np.ndarray) -> int:
        return int(np.count_nonzero(mask & counted))

    def squares(key: str) -> float:
        return float(np.square(found[key].sharpness[counted], dtype=np.float64).sum()) if key in found else 0.0

    before, after = found["input"].edges, found[name].edges
    truth = found["truth"].edges if "truth" in found else np.zeros_like(after)
    near_truth = near.get("truth", truth)
    new = after & ~near["input"]
    return EdgeCounts(
        pixels=int(np.count_nonzero(counted)),
        edges_input=count(before),
        edges_result=count(after),
        edges_truth=count(truth),
        kept=count(after & near["input"]),
        new=count(new),
        lost=count(before & ~near[name]),
        right=count(after & near_truth),
        found=count(truth & near[name]),
        right_input=count(before & near_truth),
        found_input=count(truth & near["input"]),
        new_right=count(new & near_truth),
        squares_input=squares("input"),
        squares_result=squares(name),
        squares_truth=squares("truth"),
    )


def compare_edges(
    arrays: Sequence[NamedArray], settings: EdgeSettings, crop: Window, outputs: Sequence[str]
) -> TileResult:
    """Find and compare edges in one window; see :meth:`sr_plugin.core.session.ModelSession.edges`.

    Raises:
        RuntimeMissing: when scikit-image is not installed.
        ParameterError: when the planes do not cover one grid.
    """
    require_scikit_image()
    planes = _planes(arrays)
    with_edges = not settings.quantiles
    common = np.logical_and.reduce([plane.valid for plane in planes.values()])
    own = {name: _inside(plane.valid) for name, plane in planes.items()}
    counted = np.logical_and.reduce(list(own.values()))
    found = {name: _find(plane, settings, own[name], with_edges) for name, plane in planes.items()}
    # What only one of the rasters can show is no difference between them.
    near = {name: _near(item.edges & counted, settings.tolerance) for name, item in found.items()}
    part = np.zeros(counted.shape, bool)
    _kept_part(part, crop)[...] = _kept_part(counted, crop)
    answers: list[NamedArray] = []
    statistics: dict[str, float] = {}

    def answer(name: str, image: np.ndarray) -> None:
        if name in outputs:
            answers.append(NamedArray(name, np.ascontiguousarray(_kept_part(image, crop))))

    for name, item in found.items():
        answer(f"edges_{name}", np.where(planes[name].valid, item.edges.astype(np.uint8), NODATA_CODE).astype(np.uint8))
        answer(f"gradient_{name}", item.gradient)
        answer(f"valid_{name}", own[name].astype(np.uint8))
        answer(f"enlarged_{name}", planes[name].pixels)
        if not name.startswith("result"):
            continue
        classes = class_map(near["input"], near[name], found["input"].edges & counted, item.edges & counted)
        answer(f"classes_{name}", np.where(common, classes, NODATA_CODE).astype(np.uint8))
        counts: Mapping[str, Any] = _sums(found, near, name, part).to_wire()
        statistics.update({f"{name}.{key}": value for key, value in counts.items()})
    return TileResult(tuple(answers), statistics)
