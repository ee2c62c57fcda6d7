"""Trainings from the outside: start, follow, stop, continue, and find them again after a restart."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import time
from typing import Any, Dict, List, Optional, Protocol

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import Cancelled, OutputBusy, OutputError, SuperResolutionError, WorkerDied, error_from_code
from sr_plugin.core.job_folder import DONE, FAILED, INTERRUPTED, START_SECONDS, STOPPED, WAITING, JobFolder, JobStatus
from sr_plugin.core.locations import user_data_folder
from sr_plugin.core.model_folder import usable_name
from sr_plugin.core.training_plan import TrainingPlan, write_plan
from sr_plugin.runtime.detached import forget_ended, has_ended, start_detached
from sr_plugin.runtime.find_python import find_worker_python

_MODULE = "sr_plugin.worker.training"
#: Seconds between two looks at a training that is waited for.
_POLL = 0.3
_LAST_LINES = 12
_ENDED = (DONE, FAILED, STOPPED, INTERRUPTED)


class TrainingFeedback(Protocol):
    """Whom a training that is waited for tells how it stands."""

    def status(self, status: JobStatus) -> None:
        """How it stands now."""

    def figures(self, line: Dict[str, Any]) -> None:
        """A new line of figures."""

    def cancelled(self) -> bool:
        """Whether the user wants it to stop."""


def jobs_folder() -> str:
    """Folder of the trainings that were given no folder of their own."""
    return os.path.join(user_data_folder(), "trainings")


def free_folder(name: str) -> str:
    """A folder for a training of this name that does not exist yet."""
    base = os.path.join(jobs_folder(), usable_name(name))
    number, path = 1, base
    while os.path.exists(path):
        number += 1
        path = f"{base}-{number}"
    return path


def _index_folder() -> str:
    return os.path.join(user_data_folder(), "training-index")


def _entry(folder: JobFolder) -> str:
    return os.path.join(_index_folder(), sha256_of_json([folder.path])[:24] + ".json")


def _enter(folder: JobFolder) -> None:
    """Put a training on the list by which it is found again."""
    path = _entry(folder)
    try:
        os.makedirs(_index_folder(), exist_ok=True)
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump({"folder": folder.path, "started": time.time()}, file)
        os.replace(path + ".part", path)
    except OSError as error:
        raise OutputError(f"The list of trainings cannot be written ({error}).") from error


def forget(folder: JobFolder) -> None:
    """Take a training off the list; its folder stays."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(_entry(folder))


def known_jobs() -> List[JobFolder]:
    """The trainings that were started on this computer and are still there, the latest first."""
    found = []
    for path in glob.glob(os.path.join(glob.escape(_index_folder()), "*.json")):
        try:
            with open(path, encoding="utf-8") as file:
                values = json.load(file)
            folder, started = JobFolder(str(values["folder"])), float(values["started"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if os.path.isfile(folder.plan):
            found.append((started, folder))
    return [folder for _, folder in sorted(found, key=lambda item: -item[0])]


def _run(folder: JobFolder, python: str) -> int:
    probe = find_worker_python("training", python or None)
    if folder.busy:
        raise OutputBusy(f"The training in '{folder.path}' is running already.")
    folder.forget_stop()
    _enter(folder)
    return start_detached(probe.path, _MODULE, [folder.path], folder.log)


def start_training(plan: TrainingPlan, folder: JobFolder, python: str = "") -> int:
    """Start a training in a process that outlives this one.

    Args:
        plan: what is to be trained.
        folder: a new or an empty folder.
        python: the Python that the user chose, or empty.

    Returns:
        The identifier of the process.

    Raises:
        ParameterError: when the plan cannot be worked.
        OutputError: when the folder holds something already, or cannot be written.
        RuntimeMissing: when no Python has what a training needs.
    """
    if os.path.isdir(folder.path) and os.listdir(folder.path):
        raise OutputError(
            f"The folder '{folder.path}' holds something already.",
            "Choose a new folder, or continue the training that is in it.",
        )
    # Looked for before anything is written.
    find_worker_python("training", python or None)
    folder.make()
    try:
        write_plan(plan, folder.plan)
        folder.write_status(JobStatus(WAITING, steps=plan.steps, message="Starting"))
    except OSError as error:
        raise OutputError(f"The folder '{folder.path}' cannot be written ({error.strerror or error}).") from error
    return _run(folder, python)


def continue_training(folder: JobFolder, python: str = "") -> int:
    """Let a training go on from its last checkpoint, or from the beginning where there is none.

    Raises:
        ModelUnreadable: when the folder holds no training.
        OutputBusy: when it is running.
        RuntimeMissing: when no Python has what a training needs.
    """
    folder.check()
    return _run(folder, python)


def last_words(folder: JobFolder) -> str:
    """The end of what the process of a training printed."""
    try:
        with open(folder.log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LAST_LINES:])


def _death(folder: JobFolder) -> WorkerDied:
    said = next((line for line in reversed(last_words(folder).splitlines()) if line.strip()), "")
    how = f"; its last words were: {said[:300]}" if said else " without a word"
    return WorkerDied(
        f"The process of the training has ended{how}.",
        "Continue it, which goes on from the last checkpoint; its log tells more.",
    )


def follow(folder: JobFolder, feedback: TrainingFeedback, pid: int = 0) -> JobStatus:
    """Wait for a training, and tell how it stands; a cancel stops it with a checkpoint.

    Args:
        folder: of a training that was just started, or is running.
        feedback: told of state and figures.
        pid: its process, where it was started here.

    Returns:
        Its last state, which is ``done`` or ``stopped``.

    Raises:
        SuperResolutionError: the error that it ended with.
        WorkerDied: when its process vanished.
        Cancelled: when the user cancelled it.
    """
    offset, asked, begun = 0, False, time.monotonic()
    taken = False
    while True:
        busy = folder.busy
        taken = taken or busy
        status = folder.status()
        lines, offset = folder.read_metrics(offset)
        for line in lines:
            feedback.figures(line)
        feedback.status(status)
        ended = has_ended(pid) if pid else None
        gone = taken and not busy if ended is None else ended
        if gone and not folder.busy:
            break
        if not taken and time.monotonic() - begun > START_SECONDS:
            break
        if feedback.cancelled() and not asked:
            asked = True
            folder.ask_to_stop()
        time.sleep(_POLL)
    forget_ended()
    return _ended(folder, asked)


def _ended(folder: JobFolder, asked: bool) -> JobStatus:
    status = folder.status()
    if status.state == FAILED:
        raise error_from_code(status.code, status.message, status.hint)
    if asked and status.state != DONE:
        raise Cancelled(f"The training was stopped at step {status.step}.", "It can be continued from there.")
    if status.state in (DONE, STOPPED):
        return status
    raise _death(folder)


def is_over(status: JobStatus) -> bool:
    """Whether nobody works on a training in this state."""
    return status.state in _ENDED


def error_of(status: JobStatus) -> Optional[SuperResolutionError]:
    """The error that a training ended with, or None."""
    return error_from_code(status.code, status.message, status.hint) if status.state == FAILED else None
