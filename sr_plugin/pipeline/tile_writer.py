"""The writer thread: cuts gaps out again, writes final pixels and keeps the journal."""

from __future__ import annotations

import queue
import threading
import time
from typing import Callable, Dict, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.errors import OutputError, SuperResolutionError
from sr_plugin.core.pixel_type import avoid_value
from sr_plugin.core.resampling import enlarge_nearest
from sr_plugin.pipeline.journal import TileEntry, tile_checksum
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.result_files import Layers
from sr_plugin.pipeline.threads import POLL_SECONDS, put_patiently, start_thread
from sr_plugin.pipeline.tile_reader import ReadTile
from sr_plugin.pipeline.unfinished import UnfinishedOutput, output_window

_WAITING = 2
#: Tiles are handed to the disk and entered into the journal together: after this many seconds or bytes.
_FLUSH_SECONDS = 0.5
_FLUSH_BYTES = 32 << 20

_Item = Optional[Tuple[ReadTile, Optional[Layers], Mapping[str, float]]]


class TileWriter:
    """Writes the tiles of a run behind the model.

    Attributes:
        done: tiles written or skipped so far.
    """

    def __init__(self, run: PreparedRun, output: UnfinishedOutput) -> None:
        self._run = run
        self._plan = run.plan
        self._output = output
        self._entries: Dict[int, TileEntry] = {}
        self._unflushed = 0
        self._flushed = time.monotonic()
        self._queue: queue.Queue[_Item] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._failure: Optional[SuperResolutionError] = None
        self._thread: Optional[threading.Thread] = None
        self.done = len(output.done)

    def start(self) -> None:
        """Start writing."""
        self._thread = start_thread("sr-writer", self._work)

    def put(
        self,
        item: ReadTile,
        layers: Optional[Layers],
        statistics: Mapping[str, float],
        tick: Callable[[], None],
    ) -> None:
        """Queue a tile: the pixels of each file, or None where it holds nothing.

        ``tick`` is called while the queue is full.
        """
        put_patiently(self._queue, (item, layers, statistics), self._stopping, tick)
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what went wrong in the thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def finish(self, tick: Callable[[], None]) -> None:
        """Wait until everything is written.

        Raises:
            SuperResolutionError: when writing failed.
        """
        put_patiently(self._queue, None, self._stopping, tick)
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=POLL_SECONDS)
            tick()
        self.raise_failure()

    def stop(self) -> None:
        """Stop writing and wait for the thread, which may be inside GDAL with the file."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    item = self._queue.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if item is None:
                    break
                self._write(*item)
                self.done += 1
            # After a failure or a cancel too, so that what is kept is worth as much as possible.
            self._flush()
        except OSError as error:
            self._failure = OutputError(f"The journal of the run cannot be written ({error}).")
        except SuperResolutionError as error:
            self._failure = error
        except Exception as error:  # a thread has nobody above it who would tell the user
            self._failure = OutputError(f"Writing the result failed ({type(error).__name__}: {error}).")

    def _write(self, item: ReadTile, layers: Optional[Layers], statistics: Mapping[str, float]) -> None:
        digest = ""
        # Blocks that are never written read as nodata.
        if layers is not None:
            mask = self._cut_out(item, layers[0])
            for spec, pixels in zip(self._run.beside, layers[1:]):
                if mask is not None:
                    # A gap of the result is one of all its bands; what lies beside it has a value for gaps instead.
                    pixels[:, mask == 0] = spec.nodata
                else:
                    self._mark_nodata(item, pixels, spec.nodata)
            self._output.writer.write(layers, output_window(self._run, item.tile.index), mask)
            self._output.count(layers, mask)
            self._unflushed += sum(pixels.nbytes for pixels in layers)
            digest = tile_checksum(layers, mask)
        self._entries[item.tile.index] = TileEntry(digest, statistics)
        if self._unflushed > _FLUSH_BYTES or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        self._output.writer.flush()
        self._output.journal.add(self._entries)
        self._entries = {}
        self._unflushed = 0
        self._flushed = time.monotonic()

    def _cut_out(self, item: ReadTile, pixels: np.ndarray) -> Optional[np.ndarray]:
        """Mark gaps in the pixels; the mask ``(h, w)`` uint8 where the result has a mask band."""
        if self._plan.mask_band:
            valid = self._valid(item, pixels.shape)
            shared = np.ones(pixels.shape[1:], bool) if valid is None else valid.all(axis=0)
            pixels[:, ~shared] = 0
            return shared.astype(np.uint8) * 255
        self._mark_nodata(item, pixels, self._plan.nodata)
        return None

    def _mark_nodata(self, item: ReadTile, pixels: np.ndarray, nodata: Optional[float]) -> None:
        if nodata is None:
            return
        valid = self._valid(item, pixels.shape)
        if valid is None:
            avoid_value(pixels, nodata, np.ones(pixels.shape, bool))
        else:
            avoid_value(pixels, nodata, valid)
            pixels[~valid] = nodata

    def _valid(self, item: ReadTile, shape: Tuple[int, ...]) -> Optional[np.ndarray]:
        """Valid pixels of the first bands of the result, ``(bands, h, w)`` bool, or None where all are."""
        valid = None
        if item.valid is not None:
            valid = enlarge_nearest(item.valid, self._plan.card.scale)
            if valid.shape[0] != self._plan.output_bands:
                valid = np.broadcast_to(valid.all(axis=0), shape)
            valid = valid[: shape[0]]
        if item.inside is not None:
            valid = np.broadcast_to(item.inside, shape) if valid is None else valid & item.inside
        return valid
