"""Interrupted runs: an index in the user's data folder, what can be continued, and what is to be cleared away.

Every run enters itself when it starts writing and takes itself off when it ends well or is given up. So a run whose
process was killed is found again, whatever interface had started it. One small file a run: nobody has to share one.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import glob
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import OutputError
from sr_plugin.core.locations import user_data_folder
from sr_plugin.core.output_lock import OutputLock, is_locked
from sr_plugin.pipeline.partial_files import PartialFiles, partial_files
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.raster.source_files import files_digest, is_side_file

_VERSION = 1


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
        files: partial file and journal.
        beside: partial files of what is written beside the result.
        model: title of the model.
        georeferenced: whether the source is; extents of other sources are pixels.
        tiles: tiles in all.
        done: tiles that the journal tells of.
        started: when it was started, seconds since 1970.
        stopped: when it last got on, seconds since 1970.
        standing: what can be done with it.
        entry: its file in the index.
    """

    request: SuperResolveRequest
    files: PartialFiles
    beside: Tuple[str, ...]
    model: str
    georeferenced: bool
    tiles: int
    done: int
    started: float
    stopped: float
    standing: Standing
    entry: str

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.tiles) if self.tiles else 0.0


def index_folder() -> str:
    """Folder of the index. It need not exist yet."""
    return os.path.join(user_data_folder(), "runs")


class RunEntry:
    """A run's entry in the index.

    Args:
        request: what was asked for.
        run: the prepared run.

    Raises:
        OSError: when the index cannot be written.
    """

    def __init__(self, request: SuperResolveRequest, run: PreparedRun) -> None:
        output = os.path.abspath(request.output)
        self.path = os.path.join(index_folder(), sha256_of_json([output, run.plan.digest])[:24] + ".json")
        values = {
            "version": _VERSION,
            "request": _to_wire(_lasting(request, run.plan.tile)),
            "digest": run.plan.digest,
            "model": run.plan.card.title,
            "georeferenced": run.output.georeferenced,
            "tiles": len(run.plan.tiles),
            "started": time.time(),
            "source": run.plan.source.files,
            "source_files": list(run.source_files),
        }
        os.makedirs(index_folder(), exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(values, file)
        os.replace(temporary, self.path)

    def remove(self) -> None:
        """Take it off: the run is whole, or nothing of it is left."""
        _forget(self.path)


def _forget(path: str) -> None:
    # What cannot be deleted is seen to be over the next time the index is read.
    with contextlib.suppress(OSError):
        os.remove(path)


def _lasting(request: SuperResolveRequest, tile: int) -> SuperResolveRequest:
    """The request for the same run in a process with another current folder, and on a machine with more memory."""
    paths = {name: getattr(request, name) for name in ("input", "model")}
    absolute = {name: os.path.abspath(path) for name, path in paths.items() if os.path.exists(path)}
    outputs = {name: getattr(request, name) for name in ("output", "uncertainty", "uncertainty_mask")}
    absolute.update({name: os.path.abspath(path) for name, path in outputs.items() if path})
    models = tuple(os.path.abspath(name) if os.path.exists(name) else name for name in request.uncertainty_models)
    return replace(request, tile=tile, uncertainty_models=models, **absolute)


def _to_wire(request: SuperResolveRequest) -> Dict[str, Any]:
    values = asdict(request)
    if request.mask is not None:
        values["mask"] = [base64.b64encode(polygon).decode("ascii") for polygon in request.mask]
    return values


def _from_wire(values: Mapping[str, Any]) -> SuperResolveRequest:
    changed = {name: tuple(values[name]) for name in ("bands", "create_options", "uncertainty_models")}
    changed["extent"] = None if values["extent"] is None else tuple(float(side) for side in values["extent"])
    mask = values["mask"]
    changed["mask"] = None if mask is None else tuple(base64.b64decode(polygon) for polygon in mask)
    request = SuperResolveRequest(**{**values, **changed})
    if not all(isinstance(text, str) and text for text in (request.input, request.output, request.model)):
        raise ValueError("the request names no input, output or model")
    return request


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
        if values["version"] != _VERSION:
            # Of a newer version of the plugin, which may still want it.
            return None
        job = _read(path, values)
    except OSError:
        # The run came to its end just now, or the file cannot be read at this moment.
        return None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # An entry that cannot be understood can only be forgotten; the files that it names are not known.
        _forget(path)
        return None
    if not os.path.isdir(os.path.dirname(job.request.output)):
        # A drive that is not there now may come back with everything on it.
        return None
    if is_locked(job.request.output):
        return None
    if not any(os.path.exists(name) for name in (*job.files, *job.beside)):
        _forget(path)
        return None
    return job


def _read(path: str, values: Mapping[str, Any]) -> InterruptedJob:
    request = _from_wire(values["request"])
    digest = values["digest"]
    if not isinstance(digest, str) or not digest.isalnum():
        raise ValueError("the digest is none")
    files = partial_files(request.output, digest)
    beside = tuple(partial_files(path, digest).raster for path in request.outputs[1:])
    started = float(values["started"])
    return InterruptedJob(
        request=request,
        files=files,
        beside=beside,
        model=str(values["model"]),
        georeferenced=bool(values["georeferenced"]),
        tiles=int(values["tiles"]),
        done=_count(files.journal),
        started=started,
        stopped=_changed(files.journal) or _changed(files.raster) or started,
        standing=_standing((*files, *beside), str(values["source"]), tuple(map(str, values["source_files"]))),
        entry=path,
    )


def _changed(path: str) -> float:
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0


def _count(journal: str) -> int:
    """Tiles that a journal tells of: its lines but the first one."""
    try:
        with open(journal, "rb") as file:
            return max(0, sum(1 for _ in file) - 1)
    except OSError:
        return 0


def _standing(files: Sequence[str], digest: str, sources: tuple) -> Standing:
    if not all(os.path.exists(name) for name in files):
        return Standing.PARTIAL_GONE
    # Without files behind it, nobody can tell that a source is still the same.
    if not digest or not all(os.path.exists(name) or is_side_file(name) for name in sources):
        return Standing.SOURCE_GONE
    return Standing.CONTINUABLE if files_digest(sources) == digest else Standing.SOURCE_CHANGED


def discard(job: InterruptedJob) -> None:
    """Delete partial files, journal and entry of an interrupted run.

    Raises:
        OutputBusy: when the run is going on again.
        OutputError: when a file cannot be deleted.
    """
    if os.path.isdir(os.path.dirname(job.request.output)):
        with OutputLock(job.request.output):
            _delete(job.files.journal)
            for raster in (job.files.raster, *job.beside):
                for name in (raster, raster + ".aux.xml", raster + ".new.tif"):
                    _delete(name)
    _forget(job.entry)


def _delete(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"'{path}' cannot be deleted ({error.strerror or error}).", "Close what uses it.") from error
