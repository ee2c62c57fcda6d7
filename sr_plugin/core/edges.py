"""Edges of a raster and of its enlargement: settings, classes, and figures from counts that add up over tiles."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.errors import ParameterError

METHODS = ("canny", "sobel")

#: Pixels of the fine grid along which hysteresis may join an edge to a strong one beyond a tile's core.
HYSTERESIS_REACH = 64
#: Standard deviations at which a Gaussian is cut off, as in scikit-image.
_TRUNCATE = 4.0
#: Columns and rows that Sobel, the thinning and the erosion of the mask look at around a pixel.
_STENCIL = 3
#: Input pixels on each side that cubic convolution looks at.
_CUBIC_REACH = 2
#: Least threshold as a share of the largest gradient, and of the largest value.
_FLAT, _ROUNDING = 1e-3, 1e-5
_MOST_SIGMA, _MOST_TOLERANCE = 20.0, 50


@dataclass(frozen=True)
class EdgeClass:
    """One class of the map of edges.

    Attributes:
        code: value in the raster.
        name: stable short name.
        title: what a legend says.
        colour: red, green, blue, alpha, 0 to 255.
    """

    code: int
    name: str
    title: str
    colour: Tuple[int, int, int, int]


NONE = EdgeClass(0, "none", "no edge", (255, 255, 255, 0))
KEPT = EdgeClass(1, "kept", "kept: in the input and in the result", (0, 158, 115, 255))
NEW = EdgeClass(2, "new", "new: not in the input; a generative model may invent detail", (213, 94, 0, 255))
LOST = EdgeClass(3, "lost", "lost: in the input only", (0, 114, 178, 255))
#: Value of pixels that are not valid in all compared rasters, in class rasters and edge rasters.
NODATA_CODE = 255
#: What a legend shows, in this order. The colours can be told apart by colour-blind readers (Okabe and Ito).
EDGE_CLASSES = (KEPT, NEW, LOST)


@dataclass(frozen=True)
class EdgeSettings:
    """How edges are found and compared.

    Attributes:
        method: ``canny`` (thin lines) or ``sobel`` (all pixels of a strong gradient).
        sigma: standard deviation of the Gaussian that smooths first, in pixels of the fine grid; 0 for none.
        low, high: hysteresis thresholds. An edge is a run of pixels whose gradient is at least ``low`` and somewhere at
            least ``high``. With ``quantiles``, shares (0 to 1) of the reference's pixels that have a smaller gradient;
            else gradients in data units per pixel of the fine grid.
        quantiles: see above. Tiles are computed with absolute thresholds only (:meth:`resolved`).
        tolerance: how far, in pixels of the fine grid, two edges may lie apart and still count as one.
    """

    method: str = "canny"
    sigma: float = 1.5
    low: float = 0.8
    high: float = 0.92
    quantiles: bool = True
    tolerance: int = 2

    def checked(self) -> EdgeSettings:
        """The settings themselves.

        Raises:
            ParameterError: when a value cannot be used.
        """
        if self.method not in METHODS:
            raise ParameterError(f"There is no edge method '{self.method}'.", f"Use one of {', '.join(METHODS)}.")
        if not (math.isfinite(self.sigma) and 0 <= self.sigma <= _MOST_SIGMA):
            raise ParameterError("The smoothing of edges is out of range.", f"Use a sigma from 0 to {_MOST_SIGMA:g}.")
        if not 0 <= self.tolerance <= _MOST_TOLERANCE:
            raise ParameterError("The tolerance is out of range.", f"Use 0 to {_MOST_TOLERANCE} pixels.")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and 0 <= self.low <= self.high):
            raise ParameterError(
                "The low threshold must not be negative, nor above the high one.", "Exchange the two, or lower it."
            )
        if self.quantiles and self.high > 1:
            raise ParameterError("Thresholds given as shares lie between 0 and 1.", "Use for example 0.8 and 0.92.")
        return self

    def resolved(self, gradients: np.ndarray, largest: float = 0.0) -> EdgeSettings:
        """The same settings with absolute thresholds.

        Args:
            gradients: gradients of a sample of the reference's valid pixels, any shape; not used where the thresholds
                are absolute already.
            largest: largest absolute value of these pixels.
        """
        if not self.quantiles:
            return self
        if gradients.size == 0:
            most = float(np.finfo(np.float32).max)
            return replace(self, low=most, high=most, quantiles=False)
        low, high = np.quantile(gradients, (self.low, self.high))
        # With a threshold of 0, rounding would make edges in flat areas.
        least = max(_FLAT * float(gradients.max()), _ROUNDING * largest, float(np.finfo(np.float32).tiny))
        return replace(self, low=max(float(low), least), high=max(float(high), least), quantiles=False)

    def halo(self, ratio: int = 1) -> int:
        """Pixels of the fine grid to read around a window, so that what is computed inside is as without tiles.

        Smoothing, gradient, thinning and tolerance are exact with it. Hysteresis is not: a weak edge that hangs on a
        strong one by a line longer than :data:`HYSTERESIS_REACH` is missed.

        Args:
            ratio: how many times coarser the input is; the halo is a multiple of it.
        """
        smoothing = int(_TRUNCATE * self.sigma + 0.5)
        enlarging = _CUBIC_REACH * ratio if ratio > 1 else 0
        pixels = smoothing + _STENCIL + self.tolerance + HYSTERESIS_REACH + enlarging
        return -(-pixels // ratio) * ratio

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> EdgeSettings:
        """Inverse of :meth:`to_wire`."""
        return cls(**values).checked()


@dataclass(frozen=True)
class EdgeCounts:
    """Sums over pixels that are valid in all compared rasters; the counts of tiles add up with ``+``.

    Attributes:
        pixels: valid pixels.
        edges_input, edges_result, edges_truth: edge pixels of each.
        kept: edge pixels of the result with an edge of the input within the tolerance.
        new: edge pixels of the result without one.
        lost: edge pixels of the input without an edge of the result within the tolerance.
        right: edge pixels of the result with an edge of the truth within the tolerance.
        found: edge pixels of the truth with an edge of the result within the tolerance.
        right_input, found_input: the same for the input in place of the result.
        new_right: pixels of ``new`` with an edge of the truth within the tolerance.
        squares_input, squares_result, squares_truth: squared gradients, without smoothing, summed.
    """

    pixels: int = 0
    edges_input: int = 0
    edges_result: int = 0
    edges_truth: int = 0
    kept: int = 0
    new: int = 0
    lost: int = 0
    right: int = 0
    found: int = 0
    right_input: int = 0
    found_input: int = 0
    new_right: int = 0
    squares_input: float = 0.0
    squares_result: float = 0.0
    squares_truth: float = 0.0

    def __add__(self, other: EdgeCounts) -> EdgeCounts:
        return EdgeCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def to_wire(self) -> Dict[str, float]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> EdgeCounts:
        """Inverse of :meth:`to_wire`; other keys, such as ``seconds``, are left out."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _f1(precision: float, recall: float) -> float:
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else (math.nan if math.isnan(total) else 0.0)


@dataclass(frozen=True)
class EdgeFigures:
    """What a comparison says in numbers; shares from 0 to 1, NaN where there is nothing to divide by.

    Attributes:
        density_input, density_result, density_truth: edge pixels per valid pixel.
        sharpness_input, sharpness_result, sharpness_truth: root of the Tenengrad (Krotkov 1988,
            doi:10.1007/BF00127822): root mean square of the Sobel gradient without smoothing, in data units per pixel
            of the fine grid. Noise raises it as detail does.
        kept, new, lost: shares of the pixels of the class map that are kept, new and lost; they add up to 1.
        precision: share of the result's edges that the truth has within the tolerance.
        recall: share of the truth's edges that the result has.
        f1: harmonic mean of both.
        precision_input, recall_input, f1_input: the same for the enlarged input, the yardstick.
        new_right: share of the new edges that the truth has.
    """

    density_input: float
    density_result: float
    density_truth: float
    sharpness_input: float
    sharpness_result: float
    sharpness_truth: float
    kept: float
    new: float
    lost: float
    precision: float
    recall: float
    f1: float
    precision_input: float
    recall_input: float
    f1_input: float
    new_right: float

    def to_record(self) -> Dict[str, Optional[float]]:
        """JSON-serialisable form; None in place of NaN."""
        return {key: None if math.isnan(value) else value for key, value in asdict(self).items()}


def edge_figures(counts: EdgeCounts, with_truth: bool = False) -> EdgeFigures:
    """The figures of summed counts.

    Args:
        counts: of one window or of all tiles together.
        with_truth: whether there was a truth; without one its figures are NaN.
    """
    c = counts
    classed = c.kept + c.new + c.lost
    precision, recall = _share(c.right, c.edges_result), _share(c.found, c.edges_truth)
    precision_input, recall_input = _share(c.right_input, c.edges_input), _share(c.found_input, c.edges_truth)

    def only_with_truth(value: float) -> float:
        return value if with_truth else math.nan

    return EdgeFigures(
        density_input=_share(c.edges_input, c.pixels),
        density_result=_share(c.edges_result, c.pixels),
        density_truth=only_with_truth(_share(c.edges_truth, c.pixels)),
        sharpness_input=math.sqrt(_share(c.squares_input, c.pixels)),
        sharpness_result=math.sqrt(_share(c.squares_result, c.pixels)),
        sharpness_truth=only_with_truth(math.sqrt(_share(c.squares_truth, c.pixels))),
        kept=_share(c.kept, classed),
        new=_share(c.new, classed),
        lost=_share(c.lost, classed),
        precision=only_with_truth(precision),
        recall=only_with_truth(recall),
        f1=only_with_truth(_f1(precision, recall)),
        precision_input=only_with_truth(precision_input),
        recall_input=only_with_truth(recall_input),
        f1_input=only_with_truth(_f1(precision_input, recall_input)),
        new_right=only_with_truth(_share(c.new_right, c.new)),
    )


def class_map(
    near_input: np.ndarray, near_result: np.ndarray, edges_input: np.ndarray, edges_result: np.ndarray
) -> np.ndarray:
    """Classes of edge pixels, ``(h, w)`` uint8 (:data:`EDGE_CLASSES`; 0 where there is no edge).

    Args:
        near_input, near_result: ``(h, w)`` bool, within the tolerance of an edge of the input or result.
        edges_input, edges_result: ``(h, w)`` bool, edges of the enlarged input and of the result.
    """
    classes = np.zeros(edges_input.shape, np.uint8)
    classes[edges_input & ~near_result] = LOST.code
    classes[edges_result & ~near_input] = NEW.code
    classes[edges_result & near_input] = KEPT.code
    return classes


def figure_rows(figures: EdgeFigures) -> List[Tuple[str, str, str, str]]:
    """The figures as a table: label, input, result, truth; empty texts where a figure does not apply."""
    f = figures

    def percent(value: float) -> str:
        return "" if math.isnan(value) else f"{100 * value:.1f} %"

    def number(value: float) -> str:
        return "" if math.isnan(value) else f"{value:.4g}"

    rows = [
        ("Edge density", percent(f.density_input), percent(f.density_result), percent(f.density_truth)),
        (
            "Sharpness (RMS gradient)",
            number(f.sharpness_input),
            number(f.sharpness_result),
            number(f.sharpness_truth),
        ),
        ("Kept edges", "", percent(f.kept), ""),
        ("New edges", "", percent(f.new), ""),
        ("Lost edges", "", percent(f.lost), ""),
        ("New edges that the truth has", "", percent(f.new_right), ""),
        ("Precision against the truth", percent(f.precision_input), percent(f.precision), ""),
        ("Recall against the truth", percent(f.recall_input), percent(f.recall), ""),
        ("F1 against the truth", percent(f.f1_input), percent(f.f1), ""),
    ]
    return [row for row in rows if any(row[1:])]
