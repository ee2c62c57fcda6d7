"""The reader thread: pixels of each tile, with gaps filled, and which output pixels will be valid."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import FrozenSet, Optional, Tuple, Union

import numpy as np

from sr_plugin.core.blending import BlendPlan
from sr_plugin.core.errors import SourceUnreadable, SuperResolutionError
from sr_plugin.core.tiling import Tile
from sr_plugin.pipeline.coarser_reader import CoarseCells, CoarserReader
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.threads import put_patiently, start_thread
from sr_plugin.raster.fill import fill_gaps
from sr_plugin.raster.polygon_mask import PolygonMask
from sr_plugin.raster.series_stack import on_reference, views_of_stack
from sr_plugin.raster.source import RasterSource, RasterTile

_AHEAD = 2


@dataclass(frozen=True)
class ReadTile:
    """One tile as read.

    Attributes:
        tile: which one.
        data: ``(bands, h, w)``, finite everywhere, or None where the tile holds nothing to compute.
        valid: ``(bands, core height, core width)`` bool on the input's grid, or None where all is valid.
        inside: ``(core height * scale, core width * scale)`` bool of the mask polygons, or None without a mask.
        coarser: cells of further rasters, for models that fuse bands; ``valid`` is then that of the result's bands.
    """

    tile: Tile
    data: Optional[np.ndarray]
    valid: Optional[np.ndarray] = None
    inside: Optional[np.ndarray] = None
    coarser: Tuple[CoarseCells, ...] = ()

    @property
    def pixels(self) -> np.ndarray:
        """The data of a tile that has some.

        Raises:
            ValueError: when it has none.
        """
        if self.data is None:
            raise ValueError("this tile holds nothing to compute")
        return self.data


class TileReader:
    """Reads the tiles of a run ahead of the model.

    Args:
        run: the prepared run.
        done: indices of tiles that need not be read.
    """

    def __init__(self, run: PreparedRun, done: FrozenSet[int] = frozenset()) -> None:
        self._run = run
        tiles = run.plan.tiles
        self._needed = tiles.needed_without(done) if isinstance(tiles, BlendPlan) else None
        self._done = done
        self._queue: queue.Queue[Union[ReadTile, SuperResolutionError, None]] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Start reading."""
        self._thread = start_thread("sr-reader", self._work)

    def get(self, timeout: float) -> Optional[ReadTile]:
        """The next tile; None after the last.

        Raises:
            queue.Empty: when none is ready yet.
            SuperResolutionError: when reading failed.
        """
        item = self._queue.get(timeout=timeout)
        if isinstance(item, SuperResolutionError):
            raise item
        return item

    def stop(self) -> None:
        """Stop reading and wait a moment for the thread."""
        self._stopping.set()
        if self._thread is not None:
            # A read that blocks in a dead file system is left behind.
            self._thread.join(timeout=1)

    def _work(self) -> None:
        try:
            source = RasterSource(self._run.plan.source.dataset)
            coarser = CoarserReader(self._run)
            mask = PolygonMask(self._run.mask) if self._run.mask is not None else None
            last_row = -1
            for tile in self._run.plan.tiles:
                if self._stopping.is_set():
                    return
                if tile.index not in self._needed if self._needed is not None else tile.index in self._done:
                    continue
                if tile.core.row != last_row:
                    if not self._run.source_cache:
                        # GDAL would keep decoded blocks of the scene; a new row of tiles needs few of them again.
                        source.drop_cache()
                    last_row = tile.core.row
                put_patiently(self._queue, self._read(source, coarser, mask, tile), self._stopping)
            source.check_unchanged(self._run.plan.source)
            coarser.check_unchanged()
            put_patiently(self._queue, None, self._stopping)
        except SuperResolutionError as error:
            put_patiently(self._queue, error, self._stopping)
        except Exception as error:  # a thread has nobody above it who would tell the user
            text = f"Reading the input failed ({type(error).__name__}: {error})."
            put_patiently(self._queue, SourceUnreadable(text), self._stopping)

    def _read(self, source: RasterSource, coarser: CoarserReader, mask: Optional[PolygonMask], tile: Tile) -> ReadTile:
        plan = self._run.plan
        inside = None
        if mask is not None:
            inside = mask.inside(plan.grid.cropped(tile.core).refined(plan.card.scale))
            if not inside.any() and not plan.blended:
                return ReadTile(tile, None)
            inside = None if inside.all() else inside
        pixels = source.read(plan.source.bands, tile.read)
        if plan.settings.series is not None:
            return self._series_tile(tile, pixels, inside)
        data, valid = pixels.data, None
        if pixels.valid is not None:
            place = tile.core.shifted(-tile.read.col, -tile.read.row)
            valid = pixels.valid[:, place.row : place.bottom, place.col : place.right]
            if not valid.any() and not plan.blended:
                return ReadTile(tile, None)
            data = fill_gaps(pixels.data, pixels.valid, self._run.typical)
            valid = None if valid.all() else valid
        if not plan.coarser:
            return ReadTile(tile, data, valid, inside)
        cells, valid_cells = coarser.read(tile)
        return ReadTile(tile, data, coarser.valid_result(valid, valid_cells, tile.core), inside, cells)

    def _series_tile(self, tile: Tile, pixels: RasterTile, inside: Optional[np.ndarray]) -> ReadTile:
        """A stack of views: which of them are valid travels with it, and a pixel of the result needs one of them."""
        data, seen = views_of_stack(pixels, self._run.plan.settings.series)
        place = tile.core.shifted(-tile.read.col, -tile.read.row)
        seen = on_reference(seen, self._run.plan.settings.series)
        valid = seen[:, place.row : place.bottom, place.col : place.right].any(axis=0)[None]
        if not valid.any():
            return ReadTile(tile, None)
        return ReadTile(tile, data, None if valid.all() else valid, inside)
