"""What an evaluation has to know of the whole before it goes through the tiles, from a bounded sample of windows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import EmptyExtent
from sr_plugin.core.evaluation import BICUBIC, EvaluationSettings
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.edge_planes import expanded, other_windows, sample_windows, wait
from sr_plugin.pipeline.evaluation_rasters import EvaluationRasters

#: Pixels of a window that are kept, and points of a curve that matches histograms.
_PIXELS_KEPT, _CURVE = 20000, 513
#: Pixels that a sample should have; where windows spread evenly saw fewer, because of gaps, more are read.
_PIXELS_NEEDED = 5000
#: Share of the pixels whose enlarged input lies nearer to the truth than the floor of :class:`EvaluationSettings`.
_FLOOR_SHARE = 0.75
#: Shifts of the truth below this, in pixels of the fine grid, are not told from none.
LEAST_SHIFT = 0.02
_LIMITS = (0.2, 99.8)
#: Values up to this are shares of 1, and 16-bit values up to this are reflectance x 10000.
_UNIT_MOST, _REFLECTANCE_MOST = 2.0, 20000.0


@dataclass(frozen=True)
class Sample:
    """Pixels and shifts of windows that are spread over the area.

    Attributes:
        pixels: ``(bands, n)`` by name, the same pixels of all rasters: ``bicubic``, results, ``truth``.
        shifts: by name, the median over the windows of rows and columns; see :meth:`ModelSession.evaluate`.
        spread: by name, the median distance of single windows from it; NaN where only one window tells it.
    """

    pixels: Mapping[str, np.ndarray]
    shifts: Mapping[str, Tuple[float, float]]
    spread: Mapping[str, float]


def take_sample(
    rasters: EvaluationRasters,
    area: Window,
    settings: EvaluationSettings,
    session: ModelSession,
    cancelled: Callable[[], bool],
) -> Sample:
    """Read windows spread over the area; where these show little but gaps, more until there is enough.

    Raises:
        EmptyExtent: when there is no pixel that all rasters have.
        SuperResolutionError: when a raster cannot be read or the worker fails.
    """
    pixels: Dict[str, List[np.ndarray]] = {}
    shifts: Dict[str, List[Tuple[float, float]]] = {}
    sampled = sample_windows(area, rasters.ratio, rasters.reduction)
    more = other_windows(area, rasters.ratio, rasters.reduction)
    readable = rasters.readable(area, settings.unit)
    for number, core in enumerate(chain(sampled, more)):
        if number >= len(sampled) and sum(part.shape[1] for part in pixels.get(BICUBIC, [])) >= _PIXELS_NEEDED:
            break
        window, crop = expanded(core, settings.halo // rasters.ratio * rasters.ratio, readable)
        asked = session.evaluate("sample", rasters.read_all(window), settings.to_wire(), crop)
        result = wait(asked, session, cancelled)
        for item in result.arrays:
            if item.name != "positions":
                step = max(1, item.data.shape[1] // _PIXELS_KEPT)
                pixels.setdefault(item.name, []).append(item.data[:, ::step])
        told = result.statistics
        for name in {key.rpartition(".")[0] for key in told}:
            shifts.setdefault(name, []).append((told[f"{name}.row"], told[f"{name}.column"]))
    together = {name: np.concatenate(parts, axis=1) for name, parts in pixels.items()}
    if not together or not together[BICUBIC].size:
        raise EmptyExtent("The rasters have no valid pixel in common.", "Evaluate rasters of the same place.")
    middles = {name: np.median(found, axis=0) for name, found in shifts.items()}
    spread = {
        name: float(np.median(np.hypot(*(np.array(found) - middles[name]).T))) if len(found) > 1 else math.nan
        for name, found in shifts.items()
    }
    return Sample(together, {name: (float(m[0]), float(m[1])) for name, m in middles.items()}, spread)


def usual_peak(rasters: EvaluationRasters, sample: Sample) -> float:
    """The range of the values where the user gives none: 255 for 8 bits, 1 for shares of 1, 10000 for reflectance."""
    scaled = any(info.scale not in (None, 1.0) or info.offset for info in rasters.info)
    if not scaled and all(info.pixel_type == "uint8" for info in rasters.info):
        return 255.0
    most = max(float(np.percentile(values, 99.9)) for values in sample.pixels.values())
    if most <= _UNIT_MOST:
        return 1.0
    if not scaled and most <= _REFLECTANCE_MOST:
        return 10000.0
    return 65535.0 if most <= 65535 else most


def matching_curves(sample: Sample) -> Dict[str, np.ndarray]:
    """For each candidate the curves ``(bands, 2, n)`` that give it the histogram of the truth.

    The curves join equal quantiles; beyond the outermost ones values keep their distance to them.
    """
    curves = {}
    # Close together at the ends, where histograms have long tails.
    tails = np.geomspace(1e-5, 1e-3, 9)
    shares = np.unique(np.concatenate([np.linspace(0, 1, _CURVE), tails, 1 - tails]))
    for name, pixels in sample.pixels.items():
        if name == "truth":
            continue
        bands = []
        for values, right in zip(pixels, sample.pixels["truth"]):
            source, target = np.quantile(values, shares), np.quantile(right, shares)
            reach = 10 * max(1e-6, float(source[-1] - source[0]))
            source = np.concatenate([[source[0] - reach], source, [source[-1] + reach]])
            target = np.concatenate([[target[0] - reach], target, [target[-1] + reach]])
            # Where many pixels have one value, its quantiles are equal: their targets are averaged.
            unique, place = np.unique(source, return_inverse=True)
            means = np.bincount(place, target) / np.bincount(place)
            padding = len(source) - len(unique)
            unique = np.concatenate([unique, unique[-1] + reach * np.arange(1, padding + 1)])
            means = np.concatenate([means, means[-1] + reach * np.arange(1, padding + 1)])
            bands.append(np.stack([unique, means]))
        curves[name] = np.stack(bands)
    return curves


def matching_arrays(curves: Mapping[str, np.ndarray]) -> List[NamedArray]:
    """The curves in the form that a session takes."""
    return [NamedArray(f"match_{name}", curve) for name, curve in curves.items()]


def matched_pixels(sample: Sample, curves: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """The sample's pixels after the matching."""
    return {name: matched_bands(pixels, curves.get(name)) for name, pixels in sample.pixels.items()}


def matched_bands(bands: np.ndarray, curve: Optional[np.ndarray]) -> np.ndarray:
    """Bands ``(bands, ...)`` with their values moved along a curve of :func:`matching_curves`; as they are without."""
    return bands if curve is None else np.stack([np.interp(values, *ends) for values, ends in zip(bands, curve)])


def completed_settings(
    settings: EvaluationSettings, pixels: Mapping[str, np.ndarray], peak: float
) -> EvaluationSettings:
    """The settings with what the sample tells: peak, floor and limits of the histograms."""
    floor = 0.0
    if settings.against_truth:
        first, second = pixels[BICUBIC], pixels["truth"]
        distance = np.abs(first - second) / np.maximum(np.abs(first + second), 1e-8)
        floor = float(np.quantile(distance.mean(axis=0), _FLOOR_SHARE))
    limits = []
    for band in range(settings.bands):
        ends = [np.percentile(values[band], _LIMITS) for values in pixels.values()]
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        limits.append((float(low), float(high if high > low else low + 1)))
    return replace(settings, peak=peak, floor=floor, limits=tuple(limits)).checked()


def sensible_shift(shift: Tuple[float, float], spread: float, enlargement: float) -> bool:
    """Whether a shift of the truth is worth applying: larger than what windows differ by, and no mismatch.

    Args:
        shift: rows and columns of the fine grid.
        spread: median distance of single windows from it; NaN where too few windows tell it.
        enlargement: pixels of the fine grid per pixel of the input, whole or not.
    """
    least = LEAST_SHIFT if math.isnan(spread) else max(LEAST_SHIFT, spread)
    return least <= float(np.hypot(*shift)) <= 4 * max(1.0, enlargement)


def names_of(planes: Sequence[str]) -> Tuple[str, ...]:
    """Candidates in the order in which their sums travel."""
    return (BICUBIC, *(name for name in planes if name.startswith("result")))
