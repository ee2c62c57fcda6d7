"""One look at a training: everything that is shown, read in one go off the GUI thread."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

from sr_plugin.core.job_folder import DONE, FAILED, INTERRUPTED, RUNNING, STOPPED, WAITING, JobFolder, JobStatus
from sr_plugin.processing.feedback import spoken_duration
from sr_plugin.processing.translation import tr


class Look(NamedTuple):
    """What a look at a training gave.

    Attributes:
        path: its folder.
        status: how it stands.
        lines: figures since the last look.
        offset: where the next look goes on.
        panels: all its pictures.
        stopping: whether it was asked to stop.
    """

    path: str
    status: JobStatus
    lines: List[Dict[str, Any]]
    offset: int
    panels: List[str]
    stopping: bool


def look_at(path: str, offset: int) -> Look:
    """Look at a training."""
    folder = JobFolder(path)
    status = folder.status()
    lines, end = folder.read_metrics(offset)
    return Look(path, status, lines, end, folder.panel_files(), folder.stop_asked())


def state_title(state: str) -> str:
    """A state in a word."""
    return {
        WAITING: tr("starting"),
        RUNNING: tr("running"),
        STOPPED: tr("stopped"),
        FAILED: tr("failed"),
        DONE: tr("done"),
        INTERRUPTED: tr("interrupted"),
    }.get(state, state)


def status_sentence(status: JobStatus) -> str:
    """How a training stands, in a line."""
    if status.state == RUNNING:
        text = status.message if status.message != "Training" else ""
        parts = [text or tr("Training on {}").format(status.device or tr("the device"))]
        if status.seconds_left is not None and status.step < status.steps:
            parts.append(tr("{} left").format(spoken_duration(status.seconds_left)))
        return ", ".join(parts)
    return {
        WAITING: tr("Starting; loading the libraries takes a moment"),
        STOPPED: tr("Stopped; it can be continued from here"),
        INTERRUPTED: tr("Interrupted; it can be continued from the last checkpoint"),
        DONE: tr("Done; the model is in the list of models")
        if status.installed
        else tr("Done; the model is in the folder of the training"),
        FAILED: f"{status.message} {status.hint}".strip(),
    }.get(status.state, "")
