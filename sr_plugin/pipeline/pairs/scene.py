"""A pair of rasters on nested grids, opened for cutting patches: both as they are, or ``low`` made of ``high``."""

from __future__ import annotations

import datetime
import math
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import List, Optional, Sequence, Tuple, Type

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import BandError, EmptyExtent, UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.histogram_matching import HistogramMap
from sr_plugin.core.pixel_type import cast_pixels, common_type
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.pipeline.pairs.degrader import Degrader
from sr_plugin.pipeline.pairs.layouts import SceneSpec
from sr_plugin.pipeline.pairs.raster_view import PatchPixels, RasterView, chosen_bands
from sr_plugin.pipeline.pairs.request import FUSION, PairRequest
from sr_plugin.raster.acquisition import acquisition_date
from sr_plugin.raster.ground_position import far_apart
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.warped_source import WarpedSource, whole_offset

#: Pixels of the high resolution by which the sizes of two pictures may miss each other: rounding while one was made.
SIZE_SLACK = 3


class SizeMismatch(UnsupportedRaster):
    """The sizes of two pictures do not belong to one pair."""

    default_hint = "Check the scale, and that both show the same."


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
        guide_bands: facts about the bands of finer pixels of a band fusion, else empty.
        cache_bytes: what has to stay decoded so that no block is decoded for every patch of a row.
    """

    spec: SceneSpec
    grid: Grid
    georeferenced: bool
    low_bands: List[BandInfo]
    high_bands: List[BandInfo]
    sensor_offset: Optional[float]
    dates: Tuple[Optional[datetime.date], Optional[datetime.date]]
    guide_bands: Sequence[BandInfo] = ()
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

    def _open(self, name: str) -> RasterSource:
        source = RasterSource(name)
        self._stack.callback(setattr, source, "dataset", None)
        return source

    def _on_the_ground(
        self, low: RasterSource, low_bands: Tuple[int, ...], high: RasterSource, high_bands: Tuple[int, ...]
    ) -> Tuple[RasterView, RasterView]:
        fine = low.grid.refined(self.scale)
        offset = whole_offset(high.grid, fine)
        part = fine.window
        if offset is None and far_apart(high.grid, fine):
            part = Window(0, 0, 0, 0)
        elif offset is None:
            high = self._stack.enter_context(WarpedSource(high, fine)).raster
            offset = (0, 0)
        else:
            part = high.grid.window.shifted(-offset[0], -offset[1]).intersection(fine.window)
        # Whole pixels of the low resolution that lie within both.
        s = self.scale
        left, top = -(-part.col // s), -(-part.row // s)
        whole = Window(left, top, part.right // s - left, part.bottom // s - top)
        if whole.empty or offset is None:
            raise EmptyExtent(
                f"The rasters '{self.spec.titles[0]}' and '{self.spec.titles[1]}' do not overlap.",
                "Choose rasters of the same ground.",
            )
        return RasterView(low, low_bands, whole), RasterView(high, high_bands, whole.scaled(s).shifted(*offset))

    @abstractmethod
    def windows(self) -> List[Window]:
        """All patches that lie within both images, row by row."""

    @abstractmethod
    def read_high(self, window: Window) -> PatchPixels:
        """The high resolution over a window."""

    @abstractmethod
    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """The low resolution, and the modulation transfer that it was made with (NaN where it was not)."""

    def read_guide(self, window: Window, rng: Random) -> Optional[PatchPixels]:
        """Bands of finer pixels that go into a band fusion, over a window; None in other scenes."""
        return None

    def close(self) -> None:
        """Give back files and virtual rasters."""
        self._stack.close()

    def __enter__(self) -> PairScene:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class DegradedScene(PairScene):
    """The low resolution is made of the high one.

    Args:
        spec: names the raster.
        request: how it is degraded.

    Raises:
        SuperResolutionError: when the raster cannot be used.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest) -> None:
        super().__init__(spec, request)
        source = self._open(spec.high)
        self._take(RasterView(source, chosen_bands(source, request.high_bands), source.grid.window), request)

    def _take(self, view: RasterView, request: PairRequest) -> None:
        self._degrader = Degrader(view, request)
        self.grid = self._degrader.grid()
        self.georeferenced = view.source.georeferenced and bool(self.grid.wkt)
        self.low_bands = self.high_bands = view.infos
        self.sensor_offset = view.source.sentinel2_offset
        self.dates = (acquisition_date(view.source),) * 2
        self.margin = self._degrader.margin
        self.cache_bytes = self._degrader.cache_bytes

    def windows(self) -> List[Window]:
        """See :class:`PairScene`."""
        return self._tiled(self._degrader.usable)

    def read_high(self, window: Window) -> PatchPixels:
        """See :class:`PairScene`."""
        return self._degrader.view.read(window.scaled(self.scale))

    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """See :class:`PairScene`."""
        return self._degrader.see(window, rng)


class FusionScene(DegradedScene):
    """Bands of two pixel sizes, both degraded, so that the coarser ones at their own size are the target.

    Args:
        spec: ``low`` names the bands to sharpen, ``high`` those of finer pixels that guide.
        request: the scale is the ratio of their pixels.

    Raises:
        SuperResolutionError: when the rasters cannot be used together.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest) -> None:
        PairScene.__init__(self, spec, request)
        try:
            low, high = self._open(spec.low), self._open(spec.high)
            views = self._on_the_ground(
                low, chosen_bands(low, request.low_bands), high, chosen_bands(high, request.high_bands)
            )
            self._take(views[0], request)
            self._guide = Degrader(views[1], request, self.scale)
        except BaseException:
            self.close()
            raise
        self.guide_bands = views[1].infos
        self.cache_bytes += self._guide.cache_bytes

    def read_high(self, window: Window) -> PatchPixels:
        """See :class:`PairScene`; what the guiding bands do not show counts as a gap."""
        pixels = super().read_high(window)
        guide = self._guide.view.read(window.scaled(self.scale).scaled(self.scale))
        seen = reduce_image(guide.valid.astype(np.float32), self.scale, PointSpread("box")) > 1 - 1e-6
        return replace(pixels, valid=pixels.valid & seen)

    def read_guide(self, window: Window, rng: Random) -> PatchPixels:
        """See :class:`PairScene`."""
        return self._guide.see(window.scaled(self.scale), rng)[0]


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
            raise SizeMismatch(f"The sizes {sizes} do not belong to one pair at scale {self.scale}.")
        return RasterView(low, low_bands, whole), RasterView(high, high_bands, whole.scaled(self.scale))

    def _halves(self, picture: RasterSource, request: PairRequest) -> Tuple[RasterView, RasterView]:
        width, height = picture.grid.width // 2, picture.grid.height
        if width < 1 or abs(picture.grid.width - 2 * height) > max(SIZE_SLACK, picture.grid.width // 2):
            raise SizeMismatch("The picture is not wide enough to show two images side by side.")
        left = Window(0, 0, width, height)
        # An odd column in the middle belongs to neither half.
        right = left.shifted(picture.grid.width - width, 0)
        low = RasterView(picture, chosen_bands(picture, request.low_bands), left)
        return low, RasterView(picture, chosen_bands(picture, request.high_bands), right)

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
    if request.layout == FUSION:
        scene = FusionScene(spec, request)
    elif spec.low or spec.beside:
        scene = PairedScene(spec, request, shift, maps)
    else:
        scene = DegradedScene(spec, request)
    if request.scale > 1 and len(scene.low_bands) != len(scene.high_bands):
        counts = f"{len(scene.low_bands)} and {len(scene.high_bands)}"
        scene.close()
        raise BandError(f"The images of a pair have {counts} bands.", "Choose corresponding bands of both.")
    return scene
