"""The streaming loop: a reader thread, the model, a writer thread, with bounded queues between them."""

from __future__ import annotations

import math
import queue
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from typing import Deque, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import Cancelled, OutOfMemory, ProtocolError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession, TileResult, TileTask
from sr_plugin.core.tiling import Tile, TilePlan
from sr_plugin.pipeline.blended_cells import BlendedCells, session_settings
from sr_plugin.pipeline.coarser_reader import CoarseCells
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.request import RunFeedback
from sr_plugin.pipeline.result_files import Layers
from sr_plugin.pipeline.threads import POLL_SECONDS
from sr_plugin.pipeline.tile_reader import ReadTile, TileReader
from sr_plugin.pipeline.tile_writer import TileWriter
from sr_plugin.pipeline.unfinished import UnfinishedOutput

#: Tiles handed to the model at a time: one computing, one waiting, one travelling.
_IN_FLIGHT = 3
#: A tile this small that still does not fit into memory will never do.
_SMALLEST_SIDE = 16


@dataclass
class LoopStatistics:
    """What the loop counted."""

    tiles: int = 0
    resumed: bool = False
    model_seconds: float = 0.0
    squares: float = 0.0
    samples: float = 0.0

    def add(self, statistics: Mapping[str, float]) -> None:
        """Add one tile's sums."""
        if not statistics:
            return
        self.tiles += 1
        self.model_seconds += statistics.get("seconds", 0.0)
        self.squares += statistics.get("consistency_sum", float("nan"))
        self.samples += statistics.get("consistency_count", 0.0)

    @property
    def consistency_rmse(self) -> float:
        """Root mean square difference between result and input on the input's grid; NaN where unknown."""
        return math.sqrt(self.squares / self.samples) if self.samples else float("nan")


class TileLoop:
    """Runs all tiles of a prepared run.

    Args:
        run: the plan and what goes with it.
        session: a session with the model loaded.
        output: the started output; it is neither finished nor given up here.
        feedback: progress and cancel.
    """

    def __init__(
        self, run: PreparedRun, session: ModelSession, output: UnfinishedOutput, feedback: RunFeedback
    ) -> None:
        self._plan = run.plan
        self._tiles = run.plan.tiles
        self._session = session
        self._feedback = feedback
        self._reader = TileReader(run, frozenset(output.done))
        self._writer = TileWriter(run, output)
        self._in_flight: Deque[Tuple[ReadTile, Future[TileResult]]] = deque()
        self._side = run.plan.tile
        self._done = frozenset(output.done)
        self._rasters = replace(run.plan, settings=session_settings(run.plan)).rasters
        self._cells = BlendedCells(run.plan) if run.plan.blended else None
        self._statistics = LoopStatistics(resumed=bool(output.done))
        for entry in output.done.values():
            self._statistics.add(entry.statistics)
        self._before = len(output.done)
        self._started = time.monotonic()
        self._reported = -1

    def run(self) -> LoopStatistics:
        """Run to the end.

        Raises:
            Cancelled: when the user wants it to end; the session is killed by then.
            SuperResolutionError: from reading, the model or writing.
        """
        self._reader.start()
        self._writer.start()
        try:
            for item in self._read_tiles():
                if item.data is None:
                    self._writer.put(item, None, {}, self._tick)
                    continue
                self._submit(item)
                while len(self._in_flight) >= _IN_FLIGHT:
                    self._collect()
            while self._in_flight:
                self._collect()
            self._writer.finish(self._tick)
            self._report()
        except BaseException:
            # The model is stopped first: a tile that is being computed would otherwise hold up the cancel.
            self._session.kill()
            raise
        finally:
            self._reader.stop()
            self._writer.stop()
        return self._statistics

    def _tick(self) -> None:
        """Called at least every tenth of a second while the loop waits."""
        if self._feedback.cancelled():
            raise Cancelled("The run was cancelled.")
        self._writer.raise_failure()
        self._report()

    def _report(self) -> None:
        done, total = self._writer.done, len(self._tiles)
        if done == self._reported:
            return
        self._reported = done
        elapsed = time.monotonic() - self._started
        new = done - self._before
        left = elapsed / new * (total - done) if new else None
        self._feedback.progress(done, total, left)

    def _read_tiles(self) -> Iterator[ReadTile]:
        while True:
            try:
                item = self._reader.get(POLL_SECONDS)
            except queue.Empty:
                self._tick()
                continue
            self._tick()
            if item is None:
                return
            yield item

    def _submit(self, item: ReadTile) -> None:
        if self._side < self._plan.tile:
            # A tile of the planned size did not fit, so this one is not even tried.
            future: Future[TileResult] = Future()
            future.set_exception(OutOfMemory("The tile size was halved."))
        else:
            future = self._infer(item.tile, item.pixels, item.coarser)
        self._in_flight.append((item, future))

    def _infer(self, tile: Tile, pixels: np.ndarray, coarser: Sequence[CoarseCells]) -> Future[TileResult]:
        arrays = [NamedArray("image", pixels)]
        arrays += [NamedArray(f"coarser{n}", cells.data, cells.place.width) for n, cells in enumerate(coarser, start=1)]
        places = tuple(cells.place for cells in coarser)
        return self._session.submit(
            arrays, TileTask(tile.pad, self._kept(tile), places, (tile.read.col, tile.read.row))
        )

    def _kept(self, tile: Tile) -> Window:
        """The part of a tile that the model's answer holds."""
        return tile.whole if self._plan.blended else tile.crop

    def _wait(self, future: Future[TileResult], tile: Tile) -> TileResult:
        while True:
            try:
                return self._checked(future.result(timeout=POLL_SECONDS), tile)
            except FutureTimeout:
                self._tick()

    def _checked(self, result: TileResult, tile: Tile) -> TileResult:
        """The result, if it is what was asked for.

        Raises:
            ProtocolError: when it is not; written into the file it would be nonsense.
        """
        kept, scale = self._kept(tile), self._plan.card.scale
        place = (kept.height * scale, kept.width * scale)
        wanted = [(np.dtype(pixel_type), (count, *place)) for pixel_type, count in self._rasters]
        if [(item.data.dtype, item.data.shape) for item in result.arrays] != wanted:
            raise ProtocolError("The worker answered a tile with something that is none.")
        return result

    def _collect(self) -> None:
        item, future = self._in_flight.popleft()
        try:
            result = self._wait(future, item.tile)
            if self._cells is not None:
                layers, statistics = self._cells.add(item, result)
            else:
                layers, statistics = [array.data for array in result.arrays], result.statistics
        except OutOfMemory as error:
            layers, statistics = self._in_pieces(item, min(self._side, self._plan.tile // 2), error)
        if item.tile.index in self._done:
            # A window that was computed again only for what reaches over into its neighbours.
            return
        self._statistics.add(statistics)
        self._writer.put(item, layers, statistics, self._tick)

    def _answer(self, piece: Tile, whole: ReadTile) -> TileResult:
        place = piece.read.shifted(-whole.tile.read.col, -whole.tile.read.row)
        part = np.ascontiguousarray(whole.pixels[:, place.row : place.bottom, place.col : place.right])
        coarser = [CoarseCells(cells.data, cells.place.shifted(-place.col, -place.row)) for cells in whole.coarser]
        return self._wait(self._infer(piece, part, coarser), piece)

    def _in_pieces(self, item: ReadTile, side: int, cause: OutOfMemory) -> Tuple[Layers, Mapping[str, float]]:
        """Run a tile as smaller ones with the same margin, halving until they fit.

        Raises:
            OutOfMemory: when even the smallest piece does not fit, or the model accepts one size only.
        """
        tile, constraints = item.tile, self._plan.constraints
        side = side // constraints.multiple_of * constraints.multiple_of
        if side < max(_SMALLEST_SIDE, constraints.minimum) or constraints.fixed or self._plan.blended:
            raise cause
        if side < self._side:
            self._side = side
            self._feedback.warning(f"Memory ran out, so the tile size was halved to {side} pixels.")
        scale = self._plan.card.scale
        pieces = TilePlan(tile.core, self._plan.grid.window, side, self._plan.margin, constraints)
        results: List[Tuple[Window, TileResult]] = []
        try:
            for piece in pieces:
                results.append((piece.core, self._answer(piece, item)))
        except OutOfMemory as error:
            return self._in_pieces(item, side // 2, error)
        size = tile.core.height * scale, tile.core.width * scale
        whole = [np.empty((count, *size), pixel_type) for pixel_type, count in self._rasters]
        sums: Dict[str, float] = {}
        for core, result in results:
            target = core.shifted(-tile.core.col, -tile.core.row).scaled(scale)
            for layer, array in zip(whole, result.arrays):
                layer[:, target.row : target.bottom, target.col : target.right] = array.data
            for key, value in result.statistics.items():
                sums[key] = sums.get(key, 0.0) + value
        return whole, sums
