"""A pair of rasters on nested grids, opened for cutting patches: both as they are, or ``low`` made of ``high``."""

from __future__ import annotations

import datetime
import math
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, replace
from random import Random
from types import TracebackType
from typing import List, Optional, Sequence, Tuple, Type

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import BandError, EmptyExtent, UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.histogram_matching import HistogramMap
from sr_plugin.core.pixel_type import cast_pixels, common_type, working_type
from sr_plugin.core.point_spread import gaussian_sigma, reduce_image
from sr_plugin.pipeline.pairs.layouts import SceneSpec
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.raster.acquisition import acquisition_date
from sr_plugin.raster.fill import fill_gaps, typical_values
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.warped_source import WarpedSource, whole_offset

#: Pixels of the high resolution by which the sizes of two pictures may miss each other: rounding while one was made.
SIZE_SLACK = 3


@dataclass(frozen=True)
class PatchPixels:
    """Pixels of a patch.

    Attributes:
        data: ``(bands, h, w)``, of several views ``(views, bands, h, w)``; gaps are filled.
        valid: ``(h, w)`` or ``(views, h, w)`` bool, where all bands are measured.
    """

    data: np.ndarray
    valid: np.ndarray

    @property
    def gaps(self) -> float:
        """Share of pixels without data."""
        return 1.0 - float(self.valid.mean())


@dataclass(frozen=True)
class RasterView:
    """A part of a raster that serves as one half of a pair.

    Attributes:
        source: opened raster.
        bands: band numbers.
        window: the part, in pixels of the raster.
    """

    source: RasterSource
    bands: Tuple[int, ...]
    window: Window

    @property
    def infos(self) -> List[BandInfo]:
        """Facts about the bands."""
        return self.source.bands(self.bands)

    def read(self, window: Window) -> PatchPixels:
        """Pixels of a window of the view, in the raster's own type; gaps are filled from their surroundings."""
        tile = self.source.read(self.bands, window.shifted(self.window.col, self.window.row))
        if tile.valid is None:
            return PatchPixels(tile.data, np.ones(tile.data.shape[-2:], bool))
        if not tile.valid.any():
            return PatchPixels(np.zeros_like(tile.data), np.zeros(tile.data.shape[-2:], bool))
        filled = fill_gaps(tile.data, tile.valid, typical_values(tile.data, tile.valid))
        return PatchPixels(filled, tile.valid.all(axis=0))


class PairScene(ABC):
    """What patches are cut from. Windows are given in pixels of the low resolution.

    Attributes:
        spec: what was asked for.
        grid: of the low resolution.
        georeferenced: whether it lies somewhere on Earth.
        low_bands, high_bands: facts about the bands.
        sensor_offset: Sentinel-2's radiometric add-offset of the low resolution, or None.
        dates: acquisition of ``low`` and ``high``, None where unknown.
        margin: pixels around a patch that have part in its values.
        cache_bytes: what has to stay decoded so that no block is decoded for every patch of a row.
    """

    spec: SceneSpec
    grid: Grid
    georeferenced: bool
    low_bands: List[BandInfo]
    high_bands: List[BandInfo]
    sensor_offset: Optional[float]
    dates: Tuple[Optional[datetime.date], Optional[datetime.date]]
    margin: int = 1
    cache_bytes: int = 0

    def __init__(self, spec: SceneSpec, request: PairRequest) -> None:
        self.spec, self.scale = spec, request.scale
        self._patch, self._step = request.patch, request.step or request.patch
        self._stack = ExitStack()

    def _tiled(self, area: Window) -> List[Window]:
        return [
            Window(col, row, self._patch, self._patch)
            for row in range(area.row, area.bottom - self._patch + 1, self._step)
            for col in range(area.col, area.right - self._patch + 1, self._step)
        ]

    @abstractmethod
    def windows(self) -> List[Window]:
        """All patches that lie within both images, row by row."""

    @abstractmethod
    def read_high(self, window: Window) -> PatchPixels:
        """The high resolution over a window."""

    @abstractmethod
    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """The low resolution, and the modulation transfer that it was made with (NaN where it was not)."""

    def close(self) -> None:
        """Give back files and virtual rasters."""
        self._stack.close()

    def __enter__(self) -> PairScene:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def chosen_bands(source: RasterSource, numbers: Sequence[int]) -> Tuple[int, ...]:
    """The given bands, or all but alpha.

    Raises:
        BandError: when one does not exist.
        UnsupportedRaster: when the raster holds classes.
    """
    found = tuple(numbers) or tuple(n for n in range(1, source.band_count + 1) if n != source.alpha_band)
    source.bands(found)
    if source.paletted(found):
        raise UnsupportedRaster(
            f"'{source.name}' holds class numbers with a colour table instead of measured values.",
            "Convert it to red, green and blue first.",
        )
    return found


class DegradedScene(PairScene):
    """The low resolution is what a sensor would see of the high one (Wald et al. 1997, PE&RS 63(6), protocol).

    Args:
        spec: names the raster.
        request: point spread function, noise, views.

    Raises:
        SuperResolutionError: when the raster cannot be used.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest) -> None:
        super().__init__(spec, request)
        self._request = request
        source = RasterSource(spec.high)
        whole = Window(0, 0, source.grid.width // self.scale, source.grid.height // self.scale)
        self._view = RasterView(source, chosen_bands(source, request.high_bands), whole.scaled(self.scale))
        coarse = source.grid.cropped(self._view.window)
        x0, a, b, y0, d, e = coarse.geotransform
        s = self.scale
        self.grid = Grid(whole.width, whole.height, (x0, a * s, b * s, y0, d * s, e * s), coarse.wkt)
        self.georeferenced = source.georeferenced and bool(coarse.wkt)
        self.low_bands = self.high_bands = self._view.infos
        self.sensor_offset = source.sentinel2_offset
        self.dates = (acquisition_date(source),) * 2
        self._shifted = request.views > 1
        self.margin = self._reach(request.mtf[0])
        side = (request.patch + 2 * self.margin) * self.scale
        self.cache_bytes = source.row_bytes(self._view.bands, side, side)
        self._stack.callback(setattr, source, "dataset", None)

    def _reach(self, mtf: float) -> int:
        """Pixels of the low resolution that a pixel's blur reaches, with room for the shifts of further views."""
        blur = 1
        if self._request.point_spread == "gaussian":
            blur = math.ceil(4 * gaussian_sigma(self.scale, mtf) / self.scale)
        return blur + (1 if self._shifted else 0)

    def windows(self) -> List[Window]:
        """See :class:`PairScene`; further views need a pixel around."""
        area = self.grid.window
        return self._tiled(area.expanded(-1) if self._shifted else area)

    def read_high(self, window: Window) -> PatchPixels:
        """See :class:`PairScene`."""
        return self._view.read(window.scaled(self.scale))

    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """See :class:`PairScene`; the blur sees the true surroundings of the patch."""
        low, high = self._request.mtf
        mtf = round(rng.uniform(low, high), 2) if high > low else low
        psf = PointSpread(self._request.point_spread, mtf)
        outer = window.expanded(self._reach(mtf)).intersection(self.grid.window)
        fine = self._view.read(outer.scaled(self.scale))
        image = fine.data.astype(working_type(fine.data.dtype.name))
        inner = window.shifted(-outer.col, -outer.row)
        views = [self._see(image, fine.valid, inner, psf, (0, 0), rng)]
        for _ in range(self._request.views - 1):
            shift = rng.randrange(self.scale), rng.randrange(self.scale)
            views.append(self._see(image, fine.valid, inner, psf, shift, rng))
        told = mtf if psf.kind == "gaussian" else float("nan")
        if self._request.views == 1:
            return views[0], told
        stacked = PatchPixels(np.stack([v.data for v in views]), np.stack([v.valid for v in views]))
        return stacked, told

    def _see(
        self,
        image: np.ndarray,
        valid: np.ndarray,
        inner: Window,
        psf: PointSpread,
        shift: Tuple[int, int],
        rng: Random,
    ) -> PatchPixels:
        """What a sensor sees whose pixels are displaced by whole pixels of the high resolution."""
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
        return PatchPixels(cast_pixels(low, low_type(self)), seen[place])


def low_type(scene: PairScene) -> str:
    """Pixel type that holds all bands of the low resolution."""
    return common_type([band.pixel_type for band in scene.low_bands]).name


class PairedScene(PairScene):
    """Two images of the same ground or subject.

    Args:
        spec: names the rasters.
        request: scale and bands.
        shift: columns and rows of the high resolution by which ``high`` is read further right and down.
        maps: histogram maps of the bands of ``high``, or none.

    Raises:
        SuperResolutionError: when the rasters cannot be used together.
    """

    def __init__(
        self,
        spec: SceneSpec,
        request: PairRequest,
        shift: Tuple[int, int] = (0, 0),
        maps: Sequence[HistogramMap] = (),
    ) -> None:
        super().__init__(spec, request)
        self.shift, self.maps = shift, tuple(maps)
        try:
            self._low, self._high = self._views(request)
        except BaseException:
            self.close()
            raise
        self.grid = self._low.source.grid.cropped(self._low.window)
        self.georeferenced = self._low.source.georeferenced and bool(self.grid.wkt)
        self.low_bands, self.high_bands = self._low.infos, self._high.infos
        self.sensor_offset = self._low.source.sentinel2_offset
        self.margin = 1 + math.ceil(max(map(abs, shift)) / self.scale)

    def _open(self, name: str) -> RasterSource:
        source = RasterSource(name)
        self._stack.callback(setattr, source, "dataset", None)
        return source

    def _views(self, request: PairRequest) -> Tuple[RasterView, RasterView]:
        high = self._open(self.spec.high)
        if self.spec.beside:
            self.dates = (acquisition_date(high),) * 2
            return self._halves(high, request)
        low = self._open(self.spec.low)
        fine = request.patch * self.scale
        self.cache_bytes = low.row_bytes((1,), request.patch, request.patch) * low.band_count
        self.cache_bytes += high.row_bytes((1,), fine, fine) * high.band_count
        self.dates = acquisition_date(low), acquisition_date(high)
        low_bands = chosen_bands(low, request.low_bands)
        high_bands = chosen_bands(high, request.high_bands)
        if low.grid.wkt and high.grid.wkt:
            return self._on_the_ground(low, low_bands, high, high_bands)
        whole = Window(
            0,
            0,
            min(low.grid.width, high.grid.width // self.scale),
            min(low.grid.height, high.grid.height // self.scale),
        )
        missed = [
            abs(mine - theirs * self.scale)
            for mine, theirs in ((high.grid.width, low.grid.width), (high.grid.height, low.grid.height))
        ]
        if max(missed) > max(SIZE_SLACK, self.scale - 1):
            sizes = f"{low.grid.width} x {low.grid.height} and {high.grid.width} x {high.grid.height}"
            raise UnsupportedRaster(f"The sizes {sizes} do not belong to one pair at scale {self.scale}.")
        return RasterView(low, low_bands, whole), RasterView(high, high_bands, whole.scaled(self.scale))

    def _halves(self, picture: RasterSource, request: PairRequest) -> Tuple[RasterView, RasterView]:
        width, height = picture.grid.width // 2, picture.grid.height
        if width < 1 or abs(picture.grid.width - 2 * height) > max(SIZE_SLACK, picture.grid.width // 2):
            raise UnsupportedRaster("The picture is not wide enough to show two images side by side.")
        left = Window(0, 0, width, height)
        # An odd column in the middle belongs to neither half.
        right = left.shifted(picture.grid.width - width, 0)
        low = RasterView(picture, chosen_bands(picture, request.low_bands), left)
        return low, RasterView(picture, chosen_bands(picture, request.high_bands), right)

    def _on_the_ground(
        self, low: RasterSource, low_bands: Tuple[int, ...], high: RasterSource, high_bands: Tuple[int, ...]
    ) -> Tuple[RasterView, RasterView]:
        fine = low.grid.refined(self.scale)
        offset = whole_offset(high.grid, fine)
        part = fine.window
        if offset is None:
            high = self._stack.enter_context(WarpedSource(high, fine)).raster
            offset = (0, 0)
        else:
            part = high.grid.window.shifted(-offset[0], -offset[1]).intersection(fine.window)
        # Whole pixels of the low resolution that lie within both.
        s = self.scale
        left, top = -(-part.col // s), -(-part.row // s)
        whole = Window(left, top, part.right // s - left, part.bottom // s - top)
        if whole.empty:
            raise EmptyExtent(
                f"The rasters '{self.spec.titles[0]}' and '{self.spec.titles[1]}' do not overlap.",
                "Choose rasters of the same ground.",
            )
        return RasterView(low, low_bands, whole), RasterView(high, high_bands, whole.scaled(s).shifted(*offset))

    def windows(self) -> List[Window]:
        """See :class:`PairScene`; both images are there after the shift."""
        s = self.scale
        fine = self._high.window
        seen = Window(-self.shift[0], -self.shift[1], fine.width, fine.height)
        left, top = -(-seen.col // s), -(-seen.row // s)
        inside = Window(left, top, seen.right // s - left, seen.bottom // s - top).intersection(self.grid.window)
        return self._tiled(inside)

    def read_high(self, window: Window) -> PatchPixels:
        """See :class:`PairScene`; brought to the histogram of the low resolution where maps were given."""
        pixels = self._high.read(window.scaled(self.scale).shifted(*self.shift))
        if not self.maps:
            return pixels
        mapped = np.stack([map_(band) for map_, band in zip(self.maps, pixels.data)])
        return replace(pixels, data=cast_pixels(mapped, low_type(self)))

    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """See :class:`PairScene`."""
        return self._low.read(window), float("nan")


def open_scene(
    spec: SceneSpec, request: PairRequest, shift: Tuple[int, int] = (0, 0), maps: Sequence[HistogramMap] = ()
) -> PairScene:
    """Open what a spec names.

    Raises:
        SuperResolutionError: when it cannot be used.
    """
    scene: PairScene
    scene = PairedScene(spec, request, shift, maps) if spec.low or spec.beside else DegradedScene(spec, request)
    if request.scale > 1 and len(scene.low_bands) != len(scene.high_bands):
        counts = f"{len(scene.low_bands)} and {len(scene.high_bands)}"
        scene.close()
        raise BandError(f"The images of a pair have {counts} bands.", "Choose corresponding bands of both.")
    return scene
