"""A run's place in the index of interrupted runs, over all of its steps.

A run enters itself when it starts writing and takes itself off when it ends well or is given up, so one whose process
was killed is found again, whatever interface had started it. One small file a run: nobody has to share one.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.locations import user_data_folder
from sr_plugin.core.output_lock import OutputLock
from sr_plugin.pipeline.any_request import AnyRequest, goes_on, lasting, request_to_wire, results, run_of, tile_steps
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.pipeline.request import RunFeedback, SuperResolveResult
from sr_plugin.pipeline.unfinished import worth_keeping
from sr_plugin.pipeline.whole_step import read_record, remove_record, write_record
from sr_plugin.raster.source_files import files_digest

VERSION = 2


def index_folder() -> str:
    """Folder of the index. It need not exist yet."""
    return os.path.join(user_data_folder(), "runs")


@dataclass(frozen=True)
class Step:
    """A raster that is computed tile by tile.

    Attributes:
        output: where it goes.
        digest: of its job plan.
        tiles: tiles in all.
        beside: where what is written together with it goes, such as its uncertainty.
    """

    output: str
    digest: str
    tiles: int
    beside: Tuple[str, ...] = ()

    @property
    def outputs(self) -> Tuple[str, ...]:
        """Paths of all files, the raster itself first."""
        return (self.output, *self.beside)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> Step:
        """Inverse of ``asdict``, from JSON values.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: when the values are no step.
        """
        return cls(values["output"], values["digest"], int(values["tiles"]), tuple(values["beside"]))


class RunListing:
    """Holds the locks of a run and keeps its entry in the index; a context that lasts as long as the run.

    Args:
        request: what was asked for as a whole.
        feedback: hears of an index that cannot be written.
    """

    def __init__(self, request: AnyRequest, feedback: RunFeedback) -> None:
        self._request, self._feedback = request, feedback
        self._run = run_of(request)
        self._path = ""
        self._facts: Dict[str, object] = {}
        self._steps: List[Step] = []
        self._later: List[Step] = []
        self._locks = contextlib.ExitStack()
        self._held: List[str] = []

    @property
    def entered(self) -> bool:
        """Whether the run is found again when it does not come to its end."""
        return self._run.listed

    def hold(self, outputs: Sequence[str]) -> None:
        """Take the locks of a step's files, and that of the whole run, until the run is over.

        Raises:
            OutputBusy: when another run holds it.
            OutputError: when the lock file cannot be made.
        """
        for path in map(os.path.abspath, (self._run.output, *outputs)):
            if path not in self._held:
                self._locks.enter_context(OutputLock(path))
                self._held.append(path)

    def whole(self, run: PreparedRun) -> Optional[SuperResolveResult]:
        """What a step gave that is whole already; None where it is to be computed."""
        if not (self.entered and goes_on(self._request)):
            return None
        return read_record(run.output.path, run.plan.digest, run.output.cog)

    def enter(self, run: PreparedRun) -> None:
        """Enter a step: from now on something is found of it."""
        if not self.entered:
            return
        output, *beside = (os.path.abspath(spec.path) for spec in run.outputs)
        step = Step(output, run.plan.digest, len(run.plan.tiles), tuple(beside))
        if self._steps:
            del self._later[:1]
        else:
            self._begin(run)
        self._steps.append(step)
        try:
            self._write()
        except OSError as error:
            self._feedback.message(f"The run cannot be entered into the list of interrupted runs ({error}).")

    def _begin(self, run: PreparedRun) -> None:
        output = os.path.abspath(self._run.output)
        self._path = os.path.join(index_folder(), sha256_of_json([output, run.plan.digest])[:24] + ".json")
        # Of what is made from a step that is computed again, nobody knows yet whether it still fits.
        self._later = self._listed_later() if self.whole(run) is not None else []
        self._facts = {
            "version": VERSION,
            "request": request_to_wire(lasting(self._request, run.plan.tile)),
            "model": run.plan.card.title,
            "georeferenced": run.output.georeferenced,
            "started": time.time(),
            # Without files behind it, nobody can tell that a source is still the same.
            "source": files_digest(run.source_files) if run.plan.source.files else "",
            "source_files": list(run.source_files),
            "tile_steps": tile_steps(self._request),
        }

    def _listed_later(self) -> List[Step]:
        """Steps after the first one that the same run had begun when it was interrupted, as far as it still makes them.

        They stay in the entry until they are entered again: before that, this run may fail too.
        """
        try:
            with open(self._path, encoding="utf-8") as file:
                steps = [Step.from_wire(step) for step in json.load(file)["steps"][1:]]
            return [step for step in steps if step.output in results(self._request)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # No entry, or one that cannot be understood: this run makes it anew.
            return []

    def _write(self) -> None:
        os.makedirs(index_folder(), exist_ok=True)
        temporary = f"{self._path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({**self._facts, "steps": [asdict(step) for step in (*self._steps, *self._later)]}, file)
        os.replace(temporary, self._path)

    def step_done(self, run: PreparedRun, result: SuperResolveResult) -> None:
        """Note that a step is whole, where others follow."""
        if not (self.entered and goes_on(self._request)):
            return
        try:
            write_record(run.output.path, run.plan.digest, result, run.output.cog)
        except OSError as error:
            self._feedback.message(f"If this run is interrupted, it starts anew ({error}).")

    def _take_off(self, given_up: bool) -> None:
        kept = results(self._request) | {os.path.abspath(self._run.output)}
        for step in self._steps:
            if given_up and step.output not in kept and read_record(step.output, step.digest) is not None:
                # Nobody knows of it by this name.
                with contextlib.suppress(OSError):
                    os.remove(step.output)
            remove_record(step.output, step.digest)
        forget_entry(self._path)

    def __enter__(self) -> RunListing:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            # What is there of a step that this run did not come to is not for this run to give up.
            kept = error is not None and (bool(self._later) or worth_keeping(error, self._run.keep_partial))
            if self._steps and not kept:
                self._take_off(error is not None)
        finally:
            self._locks.close()


def forget_entry(path: str) -> None:
    """Take a run off the index; what cannot be deleted is seen to be over the next time the index is read."""
    with contextlib.suppress(OSError):
        os.remove(path)
