"""Class rasters over the grid of a scene: clouds that make gaps, and land cover that makes strata."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.resampling import enlarge_nearest
from sr_plugin.raster.source import RasterSource
from sr_plugin.raster.warped_source import WarpedSource


class ClassReader:
    """Reads classes on the grid of the low resolution, by nearest neighbour.

    Args:
        name: GDAL dataset name of the class raster; its first band counts.
        grid: of the low resolution.

    Raises:
        UnsupportedRaster: when one of both lies nowhere on Earth.
        SuperResolutionError: when the raster cannot be read.
    """

    def __init__(self, name: str, grid: Grid) -> None:
        self._source = RasterSource(name)
        if not self._source.grid.wkt or not grid.wkt:
            raise UnsupportedRaster(
                f"The class raster '{name}' cannot be laid over a raster without georeference.",
                "Leave it out, or give both a CRS.",
            )
        self._warped = WarpedSource(self._source, grid, "near")

    def read(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """Classes ``(h, w)`` in the raster's own type, and where there are any, bool."""
        tile = self._warped.raster.read((1,), window)
        valid = np.ones(tile.data.shape[1:], bool) if tile.valid is None else tile.valid[0]
        return tile.data[0], valid

    def close(self) -> None:
        """Give back the raster."""
        self._warped.close()
        self._source.dataset = None


class CloudFilter:
    """Tells which pixels of a patch lie under clouds.

    Args:
        readers: class rasters over the scene.
        values: their values that stand for clouds.
        bright: value that pixels under cloud exceed in all bands, None to leave brightness alone.
    """

    def __init__(self, readers: Sequence[ClassReader], values: Sequence[int], bright: Optional[float]) -> None:
        self._readers, self._values, self._bright = tuple(readers), list(values), bright

    def clouds(self, window: Window, scale: int, *images: np.ndarray) -> np.ndarray:
        """Pixels of the low resolution that lie under clouds, bool ``(h, w)``.

        Args:
            window: in pixels of the low resolution.
            scale: of the pair.
            images: ``(bands, h, w)`` of either resolution, which brightness is looked for in.
        """
        found = np.zeros((window.height, window.width), bool)
        for reader in self._readers:
            classes, valid = reader.read(window)
            found |= valid & np.isin(classes, self._values)
        if self._bright is not None:
            for image in images:
                white = (image > self._bright).all(axis=0)
                if white.shape != found.shape:
                    white = white.reshape(window.height, scale, window.width, scale).any(axis=(1, 3))
                found |= white
        return found


def at_high_resolution(mask: np.ndarray, scale: int) -> np.ndarray:
    """A mask of the low resolution on the grid of the high one."""
    return enlarge_nearest(mask, scale)
