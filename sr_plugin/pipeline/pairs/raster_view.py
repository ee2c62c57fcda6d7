"""A part of a raster that patches are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import UnsupportedRaster
from sr_plugin.core.grid import Window
from sr_plugin.core.pixel_type import common_type
from sr_plugin.pipeline.pairs.rescaling import Rescaling
from sr_plugin.raster.fill import fill_gaps, typical_values
from sr_plugin.raster.source import BandInfo, RasterSource


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

    def without(self, hidden: np.ndarray) -> PatchPixels:
        """The pixels with gaps more, bool ``(h, w)``, filled from their surroundings."""
        valid = self.valid & ~hidden
        if self.data.ndim == 3:
            return PatchPixels(_filled(self.data, valid), valid)
        return PatchPixels(np.stack([_filled(view, seen) for view, seen in zip(self.data, valid)]), valid)


@dataclass(frozen=True)
class RasterView:
    """A part of a raster that serves as one half of a pair.

    Attributes:
        source: opened raster.
        bands: band numbers.
        window: the part, in pixels of the raster.
        rescaling: what values go through.
    """

    source: RasterSource
    bands: Tuple[int, ...]
    window: Window
    rescaling: Rescaling = Rescaling()

    @property
    def infos(self) -> List[BandInfo]:
        """Facts about the bands, as the raster tells them."""
        return self.source.bands(self.bands)

    @property
    def pixel_type(self) -> str:
        """Type that holds what is read of all bands."""
        return self.rescaling.pixel_type(common_type([band.pixel_type for band in self.infos]).name)

    def read(self, window: Window) -> PatchPixels:
        """Pixels of a window of the view, of :attr:`pixel_type`'s kind; gaps are filled from their surroundings."""
        tile = self.source.read(self.bands, window.shifted(self.window.col, self.window.row))
        if tile.valid is None:
            return PatchPixels(self.rescaling(tile.data), np.ones(tile.data.shape[-2:], bool))
        if not tile.valid.any():
            return PatchPixels(self.rescaling(np.zeros_like(tile.data)), np.zeros(tile.data.shape[-2:], bool))
        filled = fill_gaps(tile.data, tile.valid, typical_values(tile.data, tile.valid))
        return PatchPixels(self.rescaling(filled), tile.valid.all(axis=0))


def _filled(data: np.ndarray, valid: np.ndarray) -> np.ndarray:
    everywhere = np.broadcast_to(valid, data.shape)
    return fill_gaps(data, everywhere, typical_values(data, everywhere))


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
