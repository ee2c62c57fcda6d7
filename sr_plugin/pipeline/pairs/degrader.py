"""What a coarser sensor would see of a raster."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import Tuple

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.pixel_type import cast_pixels, working_type
from sr_plugin.core.point_spread import gaussian_sigma, reduce_image
from sr_plugin.pipeline.pairs.raster_view import PatchPixels, RasterView
from sr_plugin.pipeline.pairs.request import PairRequest


class Degrader:
    """Makes of a raster what a coarser sensor would see of it (Wald et al. 1997, PE&RS 63(6), protocol).

    Args:
        view: the raster; its size is cut to whole coarse pixels.
        request: scale, point spread function, noise, views.
        stretch: pixels of this degrader's result per pixel of the dataset's low resolution.

    Attributes:
        area: all coarse pixels.
        margin: coarse pixels around a patch that have part in its values.
        cache_bytes: see :class:`PairScene`.
    """

    def __init__(self, view: RasterView, request: PairRequest, stretch: int = 1) -> None:
        self._request, self.scale = request, request.scale
        self.area = Window(0, 0, view.window.width // self.scale, view.window.height // self.scale)
        whole = self.area.scaled(self.scale)
        self.view = replace(view, window=whole.shifted(view.window.col, view.window.row))
        self._shifted = request.views > 1
        self.margin = self._reach(request.mtf[0])
        side = (request.patch * stretch + 2 * self.margin) * self.scale
        self.cache_bytes = view.source.row_bytes(view.bands, side, side)

    def _reach(self, mtf: float) -> int:
        """Coarse pixels that a pixel's blur reaches, with room for the shifts of further views."""
        blur = 1
        if self._request.point_spread == "gaussian":
            blur = math.ceil(4 * gaussian_sigma(self.scale, mtf) / self.scale)
        return blur + (1 if self._shifted else 0)

    @property
    def usable(self) -> Window:
        """Coarse pixels that patches may lie on; further views need a pixel around."""
        return self.area.expanded(-1) if self._shifted else self.area

    def grid(self) -> Grid:
        """Grid of the coarse pixels."""
        fine = self.view.source.grid.cropped(self.view.window)
        return fine.coarsened(self.scale)

    def see(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """Pixels of a coarse window and their modulation transfer; the blur sees the true surroundings."""
        low, high = self._request.mtf
        mtf = round(rng.uniform(low, high), 2) if high > low else low
        psf = PointSpread(self._request.point_spread, mtf)
        outer = window.expanded(self._reach(mtf)).intersection(self.area)
        fine = self.view.read(outer.scaled(self.scale))
        image = fine.data.astype(working_type(fine.data.dtype.name))
        inner = window.shifted(-outer.col, -outer.row)
        shifts = [(0, 0)] + [
            (rng.randrange(self.scale), rng.randrange(self.scale)) for _ in range(self._request.views - 1)
        ]
        kind = fine.data.dtype.name
        views = [self._seen(image, fine.valid, inner, psf, shift, rng, kind) for shift in shifts]
        told = mtf if psf.kind == "gaussian" else float("nan")
        if self._request.views == 1:
            return views[0], told
        return PatchPixels(np.stack([v.data for v in views]), np.stack([v.valid for v in views])), told

    def _seen(
        self,
        image: np.ndarray,
        valid: np.ndarray,
        inner: Window,
        psf: PointSpread,
        shift: Tuple[int, int],
        rng: Random,
        kind: str,
    ) -> PatchPixels:
        """What a sensor sees whose pixels are displaced by whole pixels of the fine raster."""
        dx, dy = shift
        right, bottom = image.shape[-1] // self.scale, image.shape[-2] // self.scale
        if dx or dy:
            # The last column and row of pixels would reach beyond the image.
            columns, rows = (right - 1) * self.scale, (bottom - 1) * self.scale
            image, valid = (a[..., dy : dy + rows, dx : dx + columns] for a in (image, valid))
        low = reduce_image(image, self.scale, psf)
        seen = reduce_image(valid.astype(np.float32), self.scale, PointSpread("box")) > 1 - 1e-6
        place = (slice(inner.row, inner.bottom), slice(inner.col, inner.right))
        low = np.array(low[(slice(None), *place)])
        if self._request.noise > 0:
            low += np.random.default_rng(rng.getrandbits(63)).normal(0, self._request.noise, low.shape)
        return PatchPixels(cast_pixels(low, kind), seen[place])
