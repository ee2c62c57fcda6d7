"""Scenes and views for the tests of series."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from sr_plugin.core.card import PointSpread

PSF = PointSpread("gaussian", 0.35)


def fine_scene(rows: int, columns: int, bands: int = 2, seed: int = 5) -> np.ndarray:
    """Texture of several sizes on the fine grid, ``(bands, rows, columns)`` float32 between 0.02 and 0.6."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    fields = [gaussian_filter(rng.normal(size=(rows, columns)), sigma) * sigma for sigma in (1.2, 3.0, 8.0)]
    base = 0.2 + 0.12 * sum(fields)
    images = [base, 0.6 * base + 0.05 * fields[0], 0.4 + 0.05 * fields[1] - 0.3 * base, 0.3 + 0.1 * fields[0]]
    return np.clip(np.stack(images[:bands]), 0.02, 0.6).astype(np.float32)


def seen(fine: np.ndarray, shift: Tuple[float, float], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """What a view with this shift shows of the scene at half its resolution, ``(bands, h, w)`` float32."""
    from sr_plugin.worker.view_fusion import observe

    view = observe(fine, 2, shift, PSF)
    if noise:
        view = view + np.random.default_rng(seed).normal(0.0, noise, view.shape)
    return view.astype(np.float32)


def cloud_mask(shape: Tuple[int, int], share: float, seed: int) -> np.ndarray:
    """Round clouds that cover a share of an image, bool."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 5.0)
    return field > np.quantile(field, 1.0 - share)
