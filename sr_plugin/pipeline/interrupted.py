"""Interrupted runs: read from the index in the user's data folder, what can be continued, what is to be cleared away.

Runs enter themselves, see :mod:`sr_plugin.pipeline.run_listing`.
"""

from __future__ import annotations

import contextlib
import enum
import glob
import json
import os
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from sr_plugin.core.errors import OutputError
from sr_plugin.core.output_lock import OutputLock, is_locked
from sr_plugin.pipeline.any_request import AnyRequest, request_from_wire, results, run_from_wire, run_of
from sr_plugin.pipeline.partial_files import PartialFiles, naming_record, part_stem, partial_files, staging_stem
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.pipeline.run_listing import VERSION, Step, forget_entry, index_folder
from sr_plugin.pipeline.whole_step import read_record, record_path
from sr_plugin.raster.final_name import already_named, settle
from sr_plugin.raster.source_files import files_digest, is_side_file

#: Version of entries that know runs of one step on one raster only.
_ONE_RASTER = 1


class Standing(enum.Enum):
    """What can be done with an interrupted run."""

    CONTINUABLE = "continuable"
    SOURCE_GONE = "source gone"
    SOURCE_CHANGED = "source changed"
    PARTIAL_GONE = "partial gone"


@dataclass(frozen=True)
class InterruptedJob:
    """A run that did not come to its end.

    Attributes:
        request: what was asked for; made again, it goes on where the run stopped.
        files: partial file and journal of the step that it stopped in.
        steps: rasters that it has begun or ended.
        model: title of the model.
        georeferenced: whether the source is; extents of other sources are pixels.
        tiles: tiles in all.
        done: tiles that are whole, as far as journals tell.
        started: when it was started, seconds since 1970.
        stopped: when it last got on, seconds since 1970.
        standing: what can be done with it.
        entry: its file in the index.
        whole: results that are whole already, and stay whatever is done.
    """

    request: AnyRequest
    files: PartialFiles
    steps: Tuple[Step, ...]
    model: str
    georeferenced: bool
    tiles: int
    done: int
    started: float
    stopped: float
    standing: Standing
    entry: str
    whole: Tuple[str, ...] = ()

    @property
    def run(self) -> SuperResolveRequest:
        """What a run on one raster is asked for by the request."""
        return run_of(self.request)

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.tiles) if self.tiles else 0.0


def interrupted_jobs() -> List[InterruptedJob]:
    """Runs that did not come to their end, the latest first; those that are going on are left out.

    It looks at files, so it may take long where these lie on a slow drive. Entries of which nothing is left are taken
    off the index.
    """
    found = [_job(path) for path in glob.glob(os.path.join(glob.escape(index_folder()), "*.json"))]
    return sorted((job for job in found if job is not None), key=lambda job: -job.stopped)


def _job(path: str) -> Optional[InterruptedJob]:
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        if values["version"] not in (_ONE_RASTER, VERSION):
            # Of a newer version of the plugin, which may still want it.
            return None
        job = _read(path, values)
    except OSError:
        # The run came to its end just now, or the file cannot be read at this moment.
        return None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # An entry that cannot be understood can only be forgotten; the files that it names are not known.
        forget_entry(path)
        return None
    if not os.path.isdir(os.path.dirname(job.run.output)):
        # A drive that is not there now may come back with everything on it.
        return None
    if is_locked(job.run.output):
        return None
    if not any(os.path.exists(name) for step in job.steps for name in _traces(step)):
        forget_entry(path)
        return None
    return job


def _read(path: str, values: Mapping[str, Any]) -> InterruptedJob:
    request, steps = _asked(values)
    last = steps[-1]
    files = partial_files(last.output, last.digest)
    record = record_path(last.output, last.digest)
    started = float(values["started"])
    sources = tuple(map(str, values["source_files"]))
    to_come = max(0, int(values.get("tile_steps", 1)) - len(steps))
    return InterruptedJob(
        request=request,
        files=files,
        steps=steps,
        model=str(values["model"]),
        georeferenced=bool(values["georeferenced"]),
        # Rasters that are still to come have about as many tiles as the first one.
        tiles=sum(step.tiles for step in steps) + to_come * steps[0].tiles,
        done=sum(map(_done, steps)),
        started=started,
        stopped=_changed(record) or _changed(files.journal) or _changed(files.raster) or started,
        standing=_standing(request, last, str(values["source"]), sources),
        entry=path,
        whole=tuple(step.output for step in steps if step.output in results(request) and _is_whole(step)),
    )


def _asked(values: Mapping[str, Any]) -> Tuple[AnyRequest, Tuple[Step, ...]]:
    """What was asked for, and the steps that were begun.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: when the entry is none.
    """
    if values["version"] == _ONE_RASTER:
        run = run_from_wire(values["request"])
        if not run.input:
            raise ValueError("the request names no input")
        steps: Tuple[Step, ...] = (Step(run.output, values["digest"], int(values["tiles"]), run.outputs[1:]),)
        request: AnyRequest = run
    else:
        request = request_from_wire(values["request"])
        steps = tuple(map(Step.from_wire, values["steps"]))
    if not steps:
        raise ValueError("no step was begun")
    for step in steps:
        if not all(isinstance(path, str) and path for path in step.outputs):
            raise ValueError("the output is none")
        if not isinstance(step.digest, str) or not step.digest.isalnum():
            raise ValueError("the digest is none")
    return request, steps


def _partials(step: Step) -> Tuple[str, ...]:
    """Partial files and journal of a step."""
    beside = (partial_files(path, step.digest).raster for path in step.beside)
    return (*partial_files(step.output, step.digest), *beside)


def _traces(step: Step) -> Tuple[str, ...]:
    """What tells that something of a step is there."""
    return (*_partials(step), record_path(step.output, step.digest))


def _changed(path: str) -> float:
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0


def _is_whole(step: Step) -> bool:
    return read_record(step.output, step.digest) is not None


def _done(step: Step) -> int:
    """Tiles that are whole: all of a step that is, else those that its journal tells of."""
    if _is_whole(step):
        return step.tiles
    return _count(partial_files(step.output, step.digest).journal)


def _count(journal: str) -> int:
    """Tiles that a journal tells of: its lines but the first one."""
    try:
        with open(journal, "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except OSError:
        return 0


def _standing(request: AnyRequest, last: Step, digest: str, sources: Tuple[str, ...]) -> Standing:
    named = already_named(naming_record(last.output, last.digest), last.outputs)
    partial = all(os.path.exists(name) or name in named for name in _partials(last))
    if not partial and not _is_whole(last):
        return Standing.PARTIAL_GONE
    # Without files behind it, nobody can tell that a source is still the same.
    if not digest or not all(os.path.exists(name) or is_side_file(name) for name in sources):
        return Standing.SOURCE_GONE
    if run_of(request).input.startswith("/vsimem/"):
        # What was in the memory of a process went with it.
        return Standing.SOURCE_GONE
    return Standing.CONTINUABLE if files_digest(sources) == digest else Standing.SOURCE_CHANGED


def discard(job: InterruptedJob) -> None:
    """Delete partial files, journals, what was made in between, and the entry of an interrupted run.

    Results of the run that are whole stay.

    Raises:
        OutputBusy: when the run is going on again.
        OutputError: when a file cannot be deleted.
    """
    outputs = [job.run.output, *(path for step in job.steps for path in step.outputs)]
    with contextlib.ExitStack() as locks:
        for output in dict.fromkeys(outputs):
            if os.path.isdir(os.path.dirname(output)):
                locks.enter_context(OutputLock(output))
        for step in job.steps:
            settle(naming_record(step.output, step.digest), step.outputs)
            in_between = step.output not in results(job.request)
            whole = in_between and _is_whole(step)
            kept = [name for path in step.outputs for name in _kept_under(part_stem(path, step.digest))]
            for name in (*kept, *((step.output,) if whole else ())):
                _delete(name)
        for name in _kept_under(staging_stem(job.run.output)):
            _delete(name)
    forget_entry(job.entry)


def _kept_under(stem: str) -> List[str]:
    """All that a run keeps under a name that no other run has."""
    return glob.glob(glob.escape(stem) + ".*")


def _delete(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"'{path}' cannot be deleted ({error.strerror or error}).", "Close what uses it.") from error
