"""Evaluation of results: settings, the sums that add up over tiles, and the figures that follow from them.

A *candidate* is what is judged: the input enlarged by bicubic (``bicubic``), and the results (``result``, ``result2``,
...). The *reference* is what it is judged by: the truth on the fine grid, or, without one, the input on its own grid,
to which the candidates are then brought back.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.evaluation_metrics import METRICS

BICUBIC = "bicubic"
#: Exponents of the five scales of MS-SSIM (Wang, Simoncelli and Bovik 2003, doi:10.1109/ACSSC.2003.1292216).
MS_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: Windows and cells begin at multiples of this, so that halving their pixels four times leaves whole ones.
MS_UNIT = 1 << (len(MS_EXPONENTS) - 1)
#: Radius of the Gaussian window of SSIM (sigma 1.5), in pixels.
WINDOW_RADIUS = 5
#: Bins of the histograms of values.
BINS = 64


@dataclass(frozen=True)
class EvaluationSettings:
    """How candidates are judged; serialisable.

    Attributes:
        bands: number of bands.
        ratio: pixels of the fine grid per pixel of the input along a side; 0 where the two grids are not nested.
        against_truth: whether the reference is a truth; else it is the input.
        peak: range of the values, in their units, for PSNR, SSIM and MS-SSIM.
        cell: side of a cell of the table, in pixels of the fine grid; a multiple of :attr:`unit`.
        psf: how a pixel of the input sees the fine grid.
        indices: names of indices and the positions of their two bands.
        floor: least distance, of the three distances of a pixel, that makes it count for hallucination, omission and
            improvement.
        limits: lowest and highest value of the histogram of each band.
        span: length of a pixel of the input in pixels of the fine grid, where the grids are not nested, too; 0 for
            that of :attr:`ratio`.
    """

    bands: int
    ratio: int
    against_truth: bool
    peak: float = 1.0
    cell: int = 256
    psf: PointSpread = PointSpread()
    indices: Tuple[Tuple[str, int, int], ...] = ()
    floor: float = 0.0
    limits: Tuple[Tuple[float, float], ...] = ()
    span: float = 0.0

    def checked(self) -> EvaluationSettings:
        """The settings themselves.

        Raises:
            ParameterError: when a value cannot be used.
        """
        if not (math.isfinite(self.peak) and self.peak > 0):
            raise ParameterError("The range of the values must be positive.", "Give for example 255, 10000 or 1.")
        if self.psf.kind not in ("box", "gaussian") or not 0 < self.psf.mtf_nyquist < 1:
            raise ParameterError("The modulation transfer must lie between 0 and 1.", "Use for example 0.3.")
        if not self.against_truth and self.ratio < 1:
            raise ParameterError(
                "Without a truth the grids of input and result must be nested.",
                "Use a result whose pixels divide those of the input, or give a truth.",
            )
        if self.cell < 1 or self.cell % self.unit:
            raise ParameterError(f"The side of a tile must be a multiple of {self.unit} pixels.")
        return self

    @property
    def unit(self) -> int:
        """Windows and cells begin and end at multiples of this, in pixels of the fine grid."""
        if self.against_truth:
            return math.lcm(MS_UNIT, max(1, self.ratio))
        return MS_UNIT * self.ratio

    @property
    def halo(self) -> int:
        """Pixels of the fine grid to read around a window; a multiple of :attr:`unit`."""
        reach = WINDOW_RADIUS * MS_UNIT * (1 if self.against_truth else self.ratio)
        return -(-reach // self.unit) * self.unit

    @property
    def enlargement(self) -> float:
        """By how much the fine grid's pixels are smaller than those of the input, whole or not."""
        return float(self.ratio or self.span or 1)

    @property
    def step(self) -> int:
        """Pixels of the fine grid per pixel of the reference along a side."""
        return 1 if self.against_truth else self.ratio

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> EvaluationSettings:
        """Inverse of :meth:`to_wire`."""
        indices = tuple((str(name), int(first), int(second)) for name, first, second in values["indices"])
        limits = tuple((float(low), float(high)) for low, high in values["limits"])
        plain = {**values, "psf": PointSpread(**values["psf"]), "indices": indices, "limits": limits}
        return cls(**plain).checked()

    def with_cell_near(self, side: int) -> EvaluationSettings:
        """The same settings with the cell that is nearest to a side."""
        return replace(self, cell=max(1, round(side / self.unit)) * self.unit)


def measure_names(settings: EvaluationSettings) -> Tuple[str, ...]:
    """Names of the sums of one candidate over one cell, in the order in which they travel.

    ``NAME.B`` is of band ``B``. ``pixels`` count pixels that all rasters have; ``windows``, ``scales.J`` and
    ``details`` those whose whole neighbourhood is such, for SSIM and UQI, the scales of MS-SSIM, and SCC.
    """
    bands = range(settings.bands)
    names = ["pixels", "windows", "details", "angles", "angle"]
    names += [f"{name}.{band}" for name in ("reference", "error", "absolute", "squared") for band in bands]
    names += [f"{name}.{band}" for name in ("ssim", "uqi", "scc") for band in bands]
    for scale in range(len(MS_EXPONENTS)):
        names += [f"scales.{scale}"] + [f"contrast{scale}.{band}" for band in bands]
    names += [f"luminance.{band}" for band in bands]
    if settings.ratio:
        names += ["back", "back_angles", "back_angle"]
        names += [f"back_{name}.{band}" for name in ("absolute", "squared") for band in bands]
    if settings.against_truth:
        names += ["judged", "improvement", "omission", "hallucination", "synthesis"]
    for name, _, _ in settings.indices:
        names += [f"{name}.pixels", f"{name}.error", f"{name}.absolute", f"{name}.squared"]
    return tuple(names)


@dataclass(frozen=True)
class Figures:
    """What was measured of one candidate.

    Attributes:
        overall: by key of :data:`METRICS`; NaN where a figure does not apply.
        per_band: PSNR, SSIM, MS-SSIM, UQI, SCC, RMSE, MAE and bias of each band, and ``reflectance`` where known.
        indices: by name of the index: ``mae``, ``bias`` and ``rmse``.
        pixels: pixels that were compared, of the grid of the reference.
    """

    overall: Mapping[str, float]
    per_band: Mapping[str, Tuple[float, ...]]
    indices: Mapping[str, Mapping[str, float]]
    pixels: int

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable form; None in place of NaN and infinity."""
        return {
            "pixels": self.pixels,
            "overall": {key: _plain(value) for key, value in self.overall.items()},
            "per_band": {key: [_plain(value) for value in values] for key, values in self.per_band.items()},
            "indices": {
                name: {key: _plain(value) for key, value in values.items()} for name, values in self.indices.items()
            },
        }


def _plain(value: float) -> Optional[float]:
    return float(value) if math.isfinite(value) else None


def _psnr(mean_square: float, peak: float) -> float:
    if math.isnan(mean_square):
        return math.nan
    return math.inf if mean_square == 0 else 10 * math.log10(peak * peak / mean_square)


class _Sums:
    """The sums of one candidate by name."""

    def __init__(self, values: np.ndarray, settings: EvaluationSettings) -> None:
        self._values = dict(zip(measure_names(settings), (float(value) for value in values)))
        self._bands = range(settings.bands)

    def __getitem__(self, name: str) -> float:
        return self._values.get(name, math.nan)

    def mean(self, name: str, count: str) -> float:
        """A sum over a count; NaN where nothing was counted."""
        number = self[count]
        return self[name] / number if number > 0 else math.nan

    def means(self, name: str, count: str) -> Tuple[float, ...]:
        """The same for each band."""
        return tuple(self.mean(f"{name}.{band}", count) for band in self._bands)


def _multi_scale(sums: _Sums, bands: int) -> Tuple[float, ...]:
    """MS-SSIM of each band; negative means of a scale count as 0, since a root of them does not exist."""
    last = len(MS_EXPONENTS) - 1
    found = []
    for band in range(bands):
        product = 1.0
        for scale, exponent in enumerate(MS_EXPONENTS):
            name = f"luminance.{band}" if scale == last else f"contrast{scale}.{band}"
            product *= max(0.0, sums.mean(name, f"scales.{scale}")) ** exponent
        found.append(product if sums[f"scales.{last}"] > 0 else math.nan)
    return tuple(found)


def _average(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def figures_of(values: np.ndarray, settings: EvaluationSettings) -> Figures:
    """The figures of summed measures.

    Args:
        values: sums in the order of :func:`measure_names`, of one cell or of all together.
        settings: those that the sums were made with.
    """
    sums = _Sums(values, settings)
    squared, absolute = sums.means("squared", "pixels"), sums.means("absolute", "pixels")
    bias, reference = sums.means("error", "pixels"), sums.means("reference", "pixels")
    per_band: Dict[str, Tuple[float, ...]] = {
        "psnr": tuple(_psnr(value, settings.peak) for value in squared),
        "ssim": sums.means("ssim", "windows"),
        "ms_ssim": _multi_scale(sums, settings.bands),
        "uqi": sums.means("uqi", "windows"),
        "scc": sums.means("scc", "details"),
        "rmse": tuple(math.sqrt(value) for value in squared),
        "mae": absolute,
        "bias": bias,
    }
    back = sums.means("back_absolute", "back")
    if settings.ratio:
        per_band["reflectance"] = back
    relative = [square / (mean * mean) if mean else math.nan for square, mean in zip(squared, reference)]
    fineness = 1 / settings.enlargement if settings.against_truth else 1.0
    overall = {metric.key: math.nan for metric in METRICS}
    overall.update({key: _average(per_band[key]) for key in ("ssim", "ms_ssim", "uqi", "scc", "mae", "bias")})
    overall.update(
        psnr=_psnr(_average(squared), settings.peak),
        rmse=math.sqrt(_average(squared)),
        sam=sums.mean("angle", "angles"),
        ergas=100 * fineness * math.sqrt(_average(relative)),
        reflectance=_average(back) if settings.ratio else math.nan,
        spectral=sums.mean("back_angle", "back_angles"),
    )
    if settings.against_truth:
        for key in ("improvement", "omission", "hallucination"):
            overall[key] = sums.mean(key, "judged")
        overall["synthesis"] = sums.mean("synthesis", "pixels")
    return Figures(overall, per_band, _index_figures(sums, settings), int(sums["pixels"]))


def _index_figures(sums: _Sums, settings: EvaluationSettings) -> Dict[str, Dict[str, float]]:
    found = {}
    for name, _, _ in settings.indices:
        count = f"{name}.pixels"
        found[name] = {
            "mae": sums.mean(f"{name}.absolute", count),
            "bias": sums.mean(f"{name}.error", count),
            "rmse": math.sqrt(sums.mean(f"{name}.squared", count)),
        }
    return found


def mean_ranks(figures: Mapping[str, Figures]) -> Dict[str, float]:
    """Mean place (1 is best) of each candidate over the metrics that count; equal values share a place."""
    places: Dict[str, List[float]] = {name: [] for name in figures}
    for metric in METRICS:
        values = {name: item.overall[metric.key] for name, item in figures.items()}
        if not metric.ranked or any(math.isnan(value) for value in values.values()):
            continue
        sign = -1 if metric.best == "high" else 1
        for name, value in values.items():
            better = sum(sign * other < sign * value for other in values.values())
            equal = sum(other == value for other in values.values())
            places[name].append(better + (equal + 1) / 2)
    return {name: _average(found) for name, found in places.items()}


def ranking(figures: Mapping[str, Figures]) -> List[Tuple[str, float]]:
    """Candidates with their mean places, the best first; PSNR decides where places are equal."""
    ranks = mean_ranks(figures)

    def key(name: str) -> Tuple[float, float]:
        psnr = figures[name].overall["psnr"]
        place = ranks[name]
        return (math.inf if math.isnan(place) else place, -psnr if not math.isnan(psnr) else math.inf)

    return [(name, ranks[name]) for name in sorted(figures, key=key)]
