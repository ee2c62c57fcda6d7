"""A pair of rasters on nested grids, opened for cutting patches: both as they are, or ``low`` made of ``high``."""

from __future__ import annotations

import datetime
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
from sr_plugin.core.pixel_type import cast_pixels
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.resampling import enlarge_nearest
from sr_plugin.pipeline.pairs.degrader import Degrader
from sr_plugin.pipeline.pairs.layouts import SceneSpec
from sr_plugin.pipeline.pairs.raster_view import PatchPixels, RasterView, chosen_bands
from sr_plugin.pipeline.pairs.request import FUSION, PairRequest
from sr_plugin.pipeline.pairs.rescaling import Rescaling
from sr_plugin.raster.acquisition import acquisition_date
from sr_plugin.raster.ground_position import far_apart
from sr_plugin.raster.source import BandInfo, RasterSource
from sr_plugin.raster.warped_source import WarpedSource, whole_offset

#: Pixels of the high resolution by which the sizes of two pictures may miss each other: rounding while one was made.
SIZE_SLACK = 3


class SizeMismatch(UnsupportedRaster):
    """The sizes of two pictures do not belong to one pair."""

    default_hint = "Check the scale, and that both show the same."


@dataclass(frozen=True)
class Corrections:
    """What was found out about a scene, and is done to its values as they are read.

    Attributes:
        shift: columns and rows of the high resolution by which ``high`` is read further right and down.
        maps: histogram maps of the bands of ``high``, or none.
        low, high, guide: what brings values to the gain and offset of the dataset.
        low_bands, high_bands: band numbers in the order of the dataset, in place of those of the request; empty for
            these.
    """

    shift: Tuple[int, int] = (0, 0)
    maps: Tuple[HistogramMap, ...] = ()
    low: Rescaling = Rescaling()
    high: Rescaling = Rescaling()
    guide: Rescaling = Rescaling()
    low_bands: Tuple[int, ...] = ()
    high_bands: Tuple[int, ...] = ()

    def reordered(self, request: PairRequest) -> PairRequest:
        """The request with the bands of this scene."""
        return replace(
            request,
            low_bands=self.low_bands or request.low_bands,
            high_bands=self.high_bands or request.high_bands,
        )


class PairScene(ABC):
    """What patches are cut from. Windows are given in pixels of the low resolution.

    Attributes:
        spec: what was asked for.
        grid: of the low resolution.
        georeferenced: whether it lies somewhere on Earth.
        low_bands, high_bands: facts about the bands.
        low_type, high_type, guide_type: pixel types that hold what is read of all bands.
        sensor_offset, high_offset: Sentinel-2's radiometric add-offset of the low and of the high resolution (of a band
            fusion: of its guide), or None.
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
    low_type: str
    high_type: str
    sensor_offset: Optional[float]
    high_offset: Optional[float]
    dates: Tuple[Optional[datetime.date], Optional[datetime.date]]
    guide_bands: Sequence[BandInfo] = ()
    guide_type: str = ""
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
        corrections: what is done to its values.

    Raises:
        SuperResolutionError: when the raster cannot be used.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest, corrections: Corrections) -> None:
        super().__init__(spec, request)
        source = self._open(spec.high)
        bands = chosen_bands(source, request.high_bands)
        self._take(RasterView(source, bands, source.grid.window, corrections.low), request)

    def _take(self, view: RasterView, request: PairRequest) -> None:
        self._degrader = Degrader(view, request)
        self.grid = self._degrader.grid()
        self.georeferenced = view.source.georeferenced and bool(self.grid.wkt)
        self.low_bands = self.high_bands = view.infos
        self.low_type = self.high_type = view.pixel_type
        self.sensor_offset = self.high_offset = view.source.sentinel2_offset
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
        corrections: what is done to their values.

    Raises:
        SuperResolutionError: when the rasters cannot be used together.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest, corrections: Corrections) -> None:
        PairScene.__init__(self, spec, request)
        try:
            low, high = self._open(spec.low), self._open(spec.high)
            views = self._on_the_ground(
                low, chosen_bands(low, request.low_bands), high, chosen_bands(high, request.high_bands)
            )
            self._take(replace(views[0], rescaling=corrections.low), request)
            guide = replace(views[1], rescaling=corrections.guide)
            self._guide = Degrader(guide, request, self.scale)
        except BaseException:
            self.close()
            raise
        self.dates = acquisition_date(low), acquisition_date(high)
        self.guide_bands, self.guide_type = guide.infos, guide.pixel_type
        self.high_offset = high.sentinel2_offset
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


class PairedScene(PairScene):
    """Two images of the same ground or subject.

    Args:
        spec: names the rasters.
        request: scale and bands.
        corrections: what is done to their values and places.

    Raises:
        SuperResolutionError: when the rasters cannot be used together.
    """

    def __init__(self, spec: SceneSpec, request: PairRequest, corrections: Corrections) -> None:
        super().__init__(spec, request)
        self.shift, self.maps = corrections.shift, corrections.maps
        try:
            low, high = self._views(request)
        except BaseException:
            self.close()
            raise
        self._low, self._high = replace(low, rescaling=corrections.low), replace(high, rescaling=corrections.high)
        self.grid = low.source.grid.cropped(low.window)
        self.georeferenced = _located(low.source)
        if not self.georeferenced and _located(high.source) and not self.spec.beside:
            # Pictures that were made smaller have often lost their place; the other half still tells it.
            self.georeferenced = True
            self.grid = high.source.grid.cropped(high.window).coarsened(self.scale)
        self.low_bands, self.high_bands = low.infos, high.infos
        self.low_type, self.high_type = self._low.pixel_type, self._high.pixel_type
        self.sensor_offset, self.high_offset = self._sensor_offsets

    def _views(self, request: PairRequest) -> Tuple[RasterView, RasterView]:
        high = self._open(self.spec.high)
        self._sensor_offsets = high.sentinel2_offset, high.sentinel2_offset
        if self.spec.beside:
            self.dates = (acquisition_date(high),) * 2
            return self._halves(high, request)
        low = self._open(self.spec.low)
        self._sensor_offsets = low.sentinel2_offset, high.sentinel2_offset
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
        """See :class:`PairScene`; brought to the histogram of the low resolution where maps were given.

        What the low resolution does not show counts as a gap: nothing can be learned there.
        """
        pixels = self._high.read(window.scaled(self.scale).shifted(*self.shift))
        hidden = ~self._low.read(window).valid
        if hidden.any():
            pixels = pixels.without(enlarge_nearest(hidden, self.scale))
        if not self.maps:
            return pixels
        mapped = np.stack([map_(band) for map_, band in zip(self.maps, pixels.data)])
        return replace(pixels, data=cast_pixels(mapped, self.low_type))

    def read_low(self, window: Window, rng: Random) -> Tuple[PatchPixels, float]:
        """See :class:`PairScene`."""
        return self._low.read(window), float("nan")


def _located(source: RasterSource) -> bool:
    return source.georeferenced and bool(source.grid.wkt)


def open_scene(spec: SceneSpec, request: PairRequest, corrections: Corrections = Corrections()) -> PairScene:
    """Open what a spec names.

    Raises:
        SuperResolutionError: when it cannot be used.
    """
    scene: PairScene
    request = corrections.reordered(request)
    if request.layout == FUSION:
        scene = FusionScene(spec, request, corrections)
    elif spec.low or spec.beside:
        scene = PairedScene(spec, request, corrections)
    else:
        scene = DegradedScene(spec, request, corrections)
    if request.scale > 1 and len(scene.low_bands) != len(scene.high_bands):
        counts = f"{len(scene.low_bands)} and {len(scene.high_bands)}"
        scene.close()
        raise BandError(f"The images of a pair have {counts} bands.", "Choose corresponding bands of both.")
    return scene
