"""Simulated series: views of one crop with shifts, sensor blurs, noise, haze, gaps and clouds of their own."""

from __future__ import annotations

import glob
import math
import os
from dataclasses import dataclass
from typing import List, Tuple

import numpy as np
import torch
from osgeo import gdal
from scipy.ndimage import gaussian_filter

from models.recipes.scenes import LAND_NIR, Scene
from sr_plugin.core.card import PointSpread
from sr_plugin.worker.view_features import UNIT, view_features
from sr_plugin.worker.view_fusion import back_projected, observe, shift_and_add

#: The point spread that views are fused with, whatever blurred them.
ASSUMED = PointSpread("gaussian", 0.35)
#: Pixels at each side of a crop in which views lack part of what they should see.
MARGIN = 6
_MTF = (0.2, 0.55)
_LARGEST_NOISE = 0.003
_MOST_VIEWS = 9
_LEAST_LAND = 0.3


def aerial_scenes(data: str) -> List[Scene]:
    """NAIP chips of public domain, ``(4, rows, columns)`` from 0 to 1, for detail of another kind."""
    paths = sorted(glob.glob(os.path.join(glob.escape(data), "naip-chips", "*.tif")))
    return [Scene("naip-chips", gdal.Open(path).ReadAsArray().astype(np.float32) / 255 * 0.5) for path in paths]


@dataclass(frozen=True)
class Simulation:
    """How views of one crop differ.

    Attributes:
        noise: standard deviation of each view, drawn up to this; reflectance.
        shift_error: standard deviation of what registration is wrong by, in pixels.
        haze: largest share by which values of a view may be wrong after matching.
        gaps: how often a view has gaps.
        clouds: how often a view has a thin cloud or a change that nothing masks.
    """

    noise: float = _LARGEST_NOISE
    shift_error: float = 0.03
    haze: float = 0.03
    gaps: float = 0.3
    clouds: float = 0.15


@dataclass
class SimulatedSeries:
    """Views of one crop, as the worker has them after registration and matching.

    Attributes:
        views: ``(views, bands, h, w)`` float32, filled in gaps.
        weights: ``(views, h, w)`` float32.
        shifts: as far as they are known.
        target: ``(bands, h * scale, w * scale)`` float32.
    """

    views: np.ndarray
    weights: np.ndarray
    shifts: List[Tuple[float, float]]
    target: np.ndarray


def blobs(shape: Tuple[int, int], share: float, rng: np.random.Generator, size: float = 5.0) -> np.ndarray:
    """Round patches that cover about ``share`` of an image, bool."""
    field = gaussian_filter(rng.normal(size=shape), size, mode="reflect")
    return field > np.quantile(field, 1.0 - share)


def simulate(
    truth: np.ndarray, count: int, scale: int, rng: np.random.Generator, how: Simulation = Simulation()
) -> SimulatedSeries:
    """A series of ``count`` views; the first is the reference, with the grid of the truth and without gaps.

    Args:
        truth: ``(bands, h * scale, w * scale)`` float32 reflectance.
        count: views.
        scale: fine pixels a pixel.
        rng: of all that is random here.
        how: what views differ by.
    """
    height, width = (length // scale for length in truth.shape[1:])
    mtf = rng.uniform(*_MTF)
    views, weights, shifts = [], [], []
    for number in range(count):
        shift = (0.0, 0.0) if number == 0 else tuple(float(v) for v in rng.uniform(-0.6, 0.6, 2))
        psf = PointSpread("gaussian", float(np.clip(mtf * math.exp(rng.normal(0.0, 0.05)), 0.15, 0.65)))
        view = observe(truth, scale, shift, psf).astype(np.float32)
        if number:
            view = view * np.float32(1.0 + rng.uniform(-how.haze, how.haze))
            drift = gaussian_filter(rng.normal(size=(height, width)), 8.0, mode="reflect")
            view += (rng.uniform(0.0, 0.004) * drift / (np.abs(drift).max() + 1e-9)).astype(np.float32)
        if number and rng.random() < how.clouds:
            cloud = gaussian_filter(blobs((height, width), 0.1, rng, 2.0).astype(np.float32), 1.0)
            view += np.float32(rng.uniform(-0.03, 0.05)) * cloud
        view += rng.normal(0.0, rng.uniform(0.0, how.noise), view.shape).astype(np.float32)
        weight = np.ones((height, width), np.float32)
        if number and rng.random() < how.gaps:
            weight[blobs((height, width), rng.uniform(0.05, 0.6), rng)] = 0.0
            view = np.where(weight > 0, view, views[0])
        views.append(view)
        weights.append(weight)
        error = rng.normal(0.0, how.shift_error, 2) if number else np.zeros(2)
        shifts.append((shift[0] + float(error[0]), shift[1] + float(error[1])))
    return SimulatedSeries(np.stack(views), np.stack(weights), shifts, truth)


def fuse_classically(series: SimulatedSeries, scale: int) -> np.ndarray:
    """The classical fusion that the network begins with, ``(bands, h * scale, w * scale)``."""
    start = shift_and_add(series.views, series.weights, series.shifts, series.views[0], scale)
    return back_projected(start, series.views, series.weights, series.shifts, scale, ASSUMED)


def features_of(series: SimulatedSeries, fused: np.ndarray, scale: int) -> np.ndarray:
    """``(bands, views, features, h, w)`` float32."""
    return np.stack(
        [
            view_features(fused[band], series.views[:, band], series.weights, series.shifts, scale, ASSUMED)
            for band in range(fused.shape[0])
        ]
    )


class SeriesSource:
    """Random batches of simulated series.

    Args:
        scenes: images to crop.
        scale: enlargement.
        patch: edge of a patch in pixels of the views, without margins.
        seed: of all that is random here.
    """

    def __init__(self, scenes: List[Scene], scale: int, patch: int, seed: int) -> None:
        self._scale, self._rng = scale, np.random.default_rng(seed)
        self._edge = (patch + 2 * MARGIN) * scale
        self._scenes = [scene for scene in scenes if min(scene.valid.shape) >= self._edge and scene.valid.any()]
        land = np.array([(scene.valid & (scene.image[3] > LAND_NIR)).sum() for scene in self._scenes])
        self._share = land**0.6 / (land**0.6).sum()

    def _crop(self) -> np.ndarray:
        for _ in range(20):
            scene = self._scenes[self._rng.choice(len(self._scenes), p=self._share)]
            top, left = (int(self._rng.integers(0, length - self._edge + 1)) for length in scene.valid.shape)
            window = (slice(top, top + self._edge), slice(left, left + self._edge))
            if scene.valid[window].all() and (scene.image[3][window] > LAND_NIR).mean() >= _LEAST_LAND:
                break
        crop = np.rot90(scene.image[(slice(None), *window)], self._rng.integers(4), axes=(1, 2))
        if self._rng.random() < 0.5:
            crop = crop[:, :, ::-1]
        gain = math.exp(self._rng.uniform(math.log(0.6), math.log(1.6)))
        return np.ascontiguousarray(crop * gain, np.float32)

    def batch(self, places: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features, classical fusions and targets of all bands of several crops with the same number of views.

        Returns:
            ``(n, views, features, h, w)`` with margins; ``(n, 1, h * scale, w * scale)`` twice, in :data:`UNIT`.
        """
        count = int(self._rng.integers(1, _MOST_VIEWS + 1))
        features, fusions, targets = [], [], []
        for _ in range(places):
            series = simulate(self._crop(), count, self._scale, self._rng)
            fused = fuse_classically(series, self._scale)
            features.append(features_of(series, fused, self._scale))
            fusions.append(fused[:, None])
            targets.append(series.target[:, None])
        arrays = (np.concatenate(features), np.concatenate(fusions) / UNIT, np.concatenate(targets) / UNIT)
        return tuple(torch.from_numpy(array.astype(np.float32, copy=False)) for array in arrays)
