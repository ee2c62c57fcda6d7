"""A result that is not whole yet: its partial file, its journal and its lock."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Callable, Dict, List, Mapping, Optional, Sequence

import numpy as np

from sr_plugin.core.errors import Cancelled, OutputError, SourceChanged, SuperResolutionError
from sr_plugin.core.grid import Window
from sr_plugin.pipeline.journal import Computation, Journal, TileEntry, tile_checksum
from sr_plugin.pipeline.partial_files import PartialFiles, naming_record, partial_files
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.request import RunFeedback
from sr_plugin.pipeline.result_files import Layers, ResultFiles, are_whole
from sr_plugin.raster.band_statistics import BandStatistics
from sr_plugin.raster.final_name import take_back

#: What follows the output's name in the names of partial files, journals and rasters on a grid in between: eight
#: digits of a digest.
_LEFTOVER = r"\.[0-9a-f]{8}\.(part|unaligned)\..+"


def output_window(run: PreparedRun, index: int) -> Window:
    """Where a tile's pixels lie in the result."""
    plan = run.plan
    return plan.tiles[index].core.shifted(-plan.area.col, -plan.area.row).scaled(plan.card.scale)


def _files(run: PreparedRun) -> PartialFiles:
    return partial_files(run.output.path, run.plan.digest)


def _partials(run: PreparedRun) -> List[str]:
    """Partial files of all that a run writes, the result first."""
    return [partial_files(spec.path, run.plan.digest).raster for spec in run.outputs]


def _are_there(run: PreparedRun) -> bool:
    return all(os.path.exists(path) for path in _partials(run))


def take_names_back(run: PreparedRun) -> None:
    """Where a kill left only some files of this run under their names, make them its partial files again.

    The locks on the outputs must be held.

    Raises:
        OutputError: when a file cannot be moved.
    """
    take_back(naming_record(run.output.path, run.plan.digest), [spec.path for spec in run.outputs])


def recorded_computation(run: PreparedRun) -> Optional[Computation]:
    """What computed the tiles of an interrupted run of the same job, or None where there was none."""
    return Journal(_files(run).journal, run.plan).computation() if _are_there(run) else None


class UnfinishedOutput:
    """Starts a result, or goes on with one that an interrupted run of the same job left behind.

    Attributes:
        writer: the open partial files.
        journal: the started journal.
        done: tiles that are on the disk, verified.
        statistics: running statistics of what is on the disk, for each file.

    Raises:
        OutputError, DiskFull: when nothing can be written.
    """

    def __init__(self, run: PreparedRun, feedback: RunFeedback, computation: Computation, durable: bool = True) -> None:
        self._run = run
        self._computation = computation
        self.journal = Journal(_files(run).journal, run.plan, durable)
        self.done: Dict[int, TileEntry] = {}
        self.statistics = tuple(BandStatistics(len(spec.bands)) for spec in run.outputs)
        self.writer = self._resume(_partials(run), feedback)
        try:
            self.journal.start(self.done, computation)
        except OSError as error:
            if self.done:
                self.keep()
            else:
                self.discard()
            raise OutputError(f"Nothing can be written beside '{run.output.path}' ({error}).") from error

    def _resume(self, partials: Sequence[str], feedback: RunFeedback) -> ResultFiles:
        specs = self._run.outputs
        # Without a way to tell that the source is still the same, nothing is taken over.
        known = bool(self._run.plan.source.files) and self.journal.computation() == self._computation
        recorded = self.journal.read() if known and _are_there(self._run) else {}
        if not recorded:
            return ResultFiles(specs, partials)
        # A disk that was full when a file was closed leaves directories that a later close would not mend.
        sound = are_whole(specs, partials)
        try:
            old = ResultFiles(specs, partials, reopen=True)
        except OutputError:
            feedback.warning("What an interrupted run left behind is damaged, so everything is computed anew.")
            return ResultFiles(specs, partials)
        whole = self._verify(old, recorded, feedback.cancelled)
        feedback.message(
            f"Going on with an interrupted run: {len(self.done)} of {len(self._run.plan.tiles)} tiles are done"
        )
        if whole and sound:
            return old
        # Where blocks cannot even be read, writing over them might fail too: what is sound moves to new files.
        copies = [partial + ".new.tif" for partial in partials]
        fresh = ResultFiles(specs, copies)
        for index, entry in self.done.items():
            window = output_window(self._run, index)
            read = old.read(window) if entry.checksum else None
            if read is not None:
                fresh.write(read[0], window, read[1])
        fresh.flush()
        fresh.close()
        old.close()
        for copy, partial in zip(copies, partials):
            os.replace(copy, partial)
        return ResultFiles(specs, partials, reopen=True)

    def _verify(self, writer: ResultFiles, recorded: Mapping[int, TileEntry], cancelled: Callable[[], bool]) -> bool:
        """Keep the entries whose pixels are really there; False when some of the file cannot be read."""
        readable = True
        count = len(self._run.plan.tiles)
        for index, entry in recorded.items():
            if cancelled():
                writer.close()
                raise Cancelled("The run was cancelled.")
            if not 0 <= index < count:
                continue
            if not entry.checksum:
                self.done[index] = entry
                continue
            read = writer.read(output_window(self._run, index))
            readable = readable and read is not None
            if read is not None and tile_checksum(*read) == entry.checksum:
                self.done[index] = entry
                self.count(*read)
        return readable

    def count(self, layers: Layers, mask: Optional[np.ndarray]) -> None:
        """Add one tile's final pixels to the statistics."""
        for number, (statistics, spec, pixels) in enumerate(zip(self.statistics, self._run.outputs, layers)):
            statistics.add(pixels, spec.nodata, None if number else mask)

    def finish(self, cancelled: Callable[[], bool]) -> None:
        """Give the result, and what stands beside it, their names, and forget the journal.

        Raises:
            DiskFull, OutputError, Cancelled: see :meth:`RasterWriter.finish`.
        """
        record = naming_record(self._run.output.path, self._run.plan.digest)
        self.writer.finish([each.metadata() for each in self.statistics], cancelled, record)
        # The result is whole; what cannot be cleared away now is not worth a failure.
        with contextlib.suppress(OSError):
            self.journal.remove()
            for spec in self._run.outputs:
                _remove_leftovers(spec.path)

    def keep(self) -> None:
        """Leave partial files and journal where they are, so that the same run goes on from there."""
        self.writer.close()
        self.journal.close()

    def discard(self) -> None:
        """Delete partial files and journal."""
        self.writer.remove()
        self.journal.remove()

    @property
    def partial(self) -> str:
        """Path of the result's partial file."""
        return self.writer.partial


def _remove_leftovers(output: str) -> None:
    """Delete what interrupted runs with other settings left beside a result that is whole now.

    The lock on the output makes sure that nobody is working on them. What cannot be deleted does no harm.
    """
    folder, name = os.path.split(os.path.abspath(output))
    ours = re.compile(re.escape(name) + _LEFTOVER)
    for entry in os.listdir(folder):
        if ours.fullmatch(entry):
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, entry))


def worth_keeping(error: BaseException, keep_partial: bool) -> bool:
    """A crash keeps what was done; a cancel only on request; a source that changed makes it worthless."""
    if isinstance(error, Cancelled):
        return keep_partial
    return isinstance(error, SuperResolutionError) and not isinstance(error, SourceChanged)
