"""The folder of a training: plan, state, figures, checkpoints and the model that comes out.

A process of its own works the folder; whoever wants to know how it stands reads it. Files with a state are replaced as
a whole, the figures are appended line by line, and a lock that dies with its holder tells whether somebody works.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Dict, List, Mapping, Tuple

from sr_plugin.core.errors import ModelUnreadable, OutputError
from sr_plugin.core.output_lock import OutputLock, is_locked
from sr_plugin.core.strict_json import parse_json

WAITING, RUNNING, STOPPED, FAILED, DONE = "waiting", "running", "stopped", "failed", "done"
#: Not in the file: it says that it runs, but nobody holds the lock.
INTERRUPTED = "interrupted"
STATES = (WAITING, RUNNING, STOPPED, FAILED, DONE)
#: Seconds in which a process that was started has taken its folder, with a cold disk.
START_SECONDS = 90.0
#: On Windows a file that somebody reads at this moment cannot be replaced.
_TRIES, _PAUSE_SECONDS = 20, 0.05
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def _replace(temporary: str, path: str) -> None:
    """Put a new file in the place of an old one; a reader holds the old one for a moment only.

    Raises:
        OSError: when that stays impossible.
    """
    for _ in range(_TRIES - 1):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            time.sleep(_PAUSE_SECONDS)
    os.replace(temporary, path)


@dataclass(frozen=True)
class JobStatus:
    """How a training stands.

    Attributes:
        state: one of :data:`STATES`, or :data:`INTERRUPTED`.
        step, steps: changes of the weights made and planned.
        seconds_left: estimate, or None while unknown.
        message: what is being done, or why it ended.
        hint: what to do about an error; once it is done, what a user must know of the model.
        code: class of the error (:mod:`sr_plugin.core.errors`), or empty.
        best: best validation figure so far, or None.
        best_step: where it was reached.
        model: path of the card of the model that came out, or empty.
        device: what computes.
        installed: whether the model that came out stands in the list of models.
    """

    state: str = WAITING
    step: int = 0
    steps: int = 0
    seconds_left: Any = None
    message: str = ""
    hint: str = ""
    code: str = ""
    best: Any = None
    best_step: int = 0
    model: str = ""
    device: str = ""
    installed: bool = True


class JobFolder:
    """Paths and small files of a training.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    def _inside(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    @property
    def plan(self) -> str:
        """The plan (:mod:`sr_plugin.core.training_plan`)."""
        return self._inside("plan.json")

    @property
    def status_file(self) -> str:
        """How the training stands."""
        return self._inside("status.json")

    @property
    def metrics(self) -> str:
        """One JSON object a line: ``step`` and figures."""
        return self._inside("metrics.jsonl")

    @property
    def log(self) -> str:
        """What the process prints."""
        return self._inside("log.txt")

    @property
    def stop_file(self) -> str:
        """Its presence asks the process to end after the current step."""
        return self._inside("stop")

    @property
    def last(self) -> str:
        """Everything that is needed to go on."""
        return self._inside("checkpoints", "last.safetensors")

    @property
    def best(self) -> str:
        """The weights with the best validation figure."""
        return self._inside("checkpoints", "best.safetensors")

    @property
    def panels(self) -> str:
        """Folder of pictures of input, result and target."""
        return self._inside("panels")

    @property
    def result(self) -> str:
        """Folder of the model that comes out."""
        return self._inside("model")

    def make(self) -> None:
        """Make the folder with what lies in it.

        Raises:
            OutputError: when that is impossible.
        """
        try:
            for folder in (os.path.dirname(self.last), self.panels, self.result):
                os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder '{self.path}' cannot be made ({error.strerror or error}).") from error

    def lock(self) -> OutputLock:
        """Held by the process that works the folder.

        Raises:
            OutputBusy: when another one does.
        """
        return OutputLock(self._inside("work"))

    @property
    def busy(self) -> bool:
        """Whether a process works the folder now."""
        return is_locked(self._inside("work"))

    def write_status(self, status: JobStatus) -> None:
        """Replace the state.

        A final state gets through on a full disk too: it takes the room that the state before it had.

        Raises:
            OSError: when it cannot be written.
        """
        temporary, text = f"{self.status_file}.part", json.dumps(asdict(status))
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(text)
            _replace(temporary, self.status_file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.remove(temporary)
            if status.state in (RUNNING, WAITING) or error.errno not in _NO_SPACE:
                raise
            self._write_in_place(text)

    def _write_in_place(self, text: str) -> None:
        with open(self.status_file, "r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()

    def status(self) -> JobStatus:
        """How the training stands; a state that cannot be read counts as none.

        A training that says that it runs while nobody works it is :data:`INTERRUPTED`.
        """
        try:
            with open(self.status_file, encoding="utf-8") as file:
                values = parse_json(file.read())
            known = {f.name for f in fields(JobStatus)}
            status = JobStatus(**{name: value for name, value in values.items() if name in known})
            if status.state not in STATES or not all(isinstance(n, int) for n in (status.step, status.steps)):
                raise ValueError("no state")
        except (OSError, ValueError, TypeError, AttributeError):
            status = JobStatus()
        waits = status.state == WAITING and not self._waits_too_long()
        if status.state in (RUNNING, WAITING) and not waits and not self.busy:
            return replace(status, state=INTERRUPTED)
        return status

    def _waits_too_long(self) -> bool:
        """Whether a process that was to be started should have taken the folder by now."""
        try:
            return time.time() - os.path.getmtime(self.status_file) > START_SECONDS
        except OSError:
            # Whoever starts a training writes a state first.
            return True

    def append_metrics(self, figures: Mapping[str, Any]) -> None:
        """Add a line of figures.

        Raises:
            OSError: when it cannot be written.
        """
        with open(self.metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(dict(figures)) + "\n")

    def forget_metrics_after(self, step: int) -> None:
        """Drop the lines of steps that a continued training takes again.

        Raises:
            OSError: when the file cannot be written.
        """
        lines, _ = self.read_metrics()
        temporary = f"{self.metrics}.part"
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines if line["step"] <= step)
        _replace(temporary, self.metrics)

    def read_metrics(self, offset: int = 0) -> Tuple[List[Dict[str, Any]], int]:
        """Whole lines of figures from a byte on, and where the next one begins; lines that are none are passed over."""
        found: List[Dict[str, Any]] = []
        try:
            with open(self.metrics, "rb") as file:
                if offset > os.fstat(file.fileno()).st_size:
                    offset = 0
                file.seek(offset)
                text = file.read()
        except OSError:
            return found, 0
        whole = text[: text.rfind(b"\n") + 1]
        for line in whole.splitlines():
            with contextlib.suppress(ValueError, UnicodeDecodeError):
                values = parse_json(line.decode("utf-8"))
                if isinstance(values, dict) and isinstance(values.get("step"), int):
                    found.append(values)
        return found, offset + len(whole)

    def panel_files(self) -> List[str]:
        """The pictures, the oldest first."""
        try:
            names = sorted(name for name in os.listdir(self.panels) if name.endswith(".png"))
        except OSError:
            return []
        return [os.path.join(self.panels, name) for name in names]

    def ask_to_stop(self) -> None:
        """Ask the process to end after the current step; it keeps a checkpoint.

        Raises:
            OutputError: when the folder cannot be written.
        """
        try:
            with open(self.stop_file, "w", encoding="utf-8"):
                pass
        except OSError as error:
            raise OutputError(f"The training cannot be told to stop ({error.strerror or error}).") from error

    def forget_stop(self) -> None:
        """Take the request to stop back."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.stop_file)

    def stop_asked(self) -> bool:
        """Whether somebody asked the process to stop."""
        return os.path.exists(self.stop_file)

    def check(self) -> None:
        """Refuse a folder that holds no training.

        Raises:
            ModelUnreadable: when there is no plan.
        """
        if not os.path.isfile(self.plan):
            raise ModelUnreadable(
                f"'{self.path}' is no folder of a training: it has no plan.json.", "Choose the folder of a training."
            )
