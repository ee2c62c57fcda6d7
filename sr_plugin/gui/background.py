"""Runs functions off the GUI thread and brings their results back to it; results that nobody waits for are dropped."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Callable, Dict, List, Optional, Tuple

from qgis.core import Qgis, QgsMessageLog
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.processing.translation import tr

#: Milliseconds between two looks for results, while any is awaited.
_POLL_MS = 20
#: Threads of one lane: a second one, so that a file on a dead network drive does not hold up the next file for ever.
_MOST_THREADS = 2
LOG_TAG = "Super-resolution"


@dataclass(eq=False)
class _Job:
    """One function on its way."""

    lane: str
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Optional[Callable[[SuperResolutionError], None]]
    thread: Optional[threading.Thread] = None


@dataclass
class _Lane:
    """Jobs of one kind, of which only the newest one matters."""

    newest: Optional[_Job] = None
    running: List[_Job] = field(default_factory=list)


class Background(QObject):
    """Runs functions in threads, one kind of work a *lane*; of a lane only the newest function's result is delivered.

    Threads never touch Qt: they put results into a queue that a timer of the GUI thread empties. So the object may be
    deleted, and the plugin unloaded, while functions still run; their results then go nowhere. Use it from the GUI
    thread only.

    Args:
        parent: Qt parent.

    Attributes:
        busy_changed: emitted when a lane begins or ends to await a result; gives the lane and whether it awaits one.
    """

    busy_changed = pyqtSignal(str, bool)

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._lanes: Dict[str, _Lane] = {}
        self._results: SimpleQueue[Tuple[_Job, Any, Optional[SuperResolutionError]]] = SimpleQueue()
        self._ended = False
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._collect)

    def start(
        self,
        lane: str,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Optional[Callable[[SuperResolutionError], None]] = None,
    ) -> None:
        """Run a function; what the lane awaited before is dropped.

        Args:
            lane: kind of work, for example ``"layer"``.
            work: runs in a thread; it must touch no widget, layer or project.
            done: called in the GUI thread with the function's result.
            failed: called in the GUI thread with the error that the function raised; errors that are none of the
                plugin's own are wrapped. Without it the error goes to QGIS' message log.
        """
        if self._ended:
            return
        slot = self._lanes.setdefault(lane, _Lane())
        slot.newest = _Job(lane, work, done, failed)
        if len(slot.running) < _MOST_THREADS:
            self._launch(slot)
        self._timer.start()
        self.busy_changed.emit(lane, True)

    def cancel(self, lane: str) -> None:
        """Await nothing more in a lane. A function that runs already is left to end by itself."""
        slot = self._lanes.get(lane)
        if slot is not None and slot.newest is not None:
            slot.newest = None
            self.busy_changed.emit(lane, False)

    def is_busy(self, lane: str = "") -> bool:
        """Whether a result is awaited, in one lane or in any."""
        lanes = [self._lanes[lane]] if lane in self._lanes else [] if lane else list(self._lanes.values())
        return any(slot.newest is not None for slot in lanes)

    def shut_down(self, wait_seconds: float = 2.0) -> None:
        """Await nothing more, start nothing more, and give running functions a moment to end.

        Args:
            wait_seconds: how long to wait for all of them together.
        """
        self._ended = True
        self._timer.stop()
        deadline = time.monotonic() + wait_seconds
        for slot in self._lanes.values():
            slot.newest = None
            for job in slot.running:
                if job.thread is not None:
                    job.thread.join(max(0.0, deadline - time.monotonic()))
        self._lanes.clear()

    def _launch(self, slot: _Lane) -> None:
        job, results = slot.newest, self._results
        if job is None:
            return
        slot.running.append(job)
        # A daemon, so that a function that hangs cannot keep QGIS from ending.
        job.thread = threading.Thread(target=_run, args=(job, results), name=f"sr-{job.lane}", daemon=True)
        job.thread.start()

    def _collect(self) -> None:
        while not self._ended:
            try:
                job, result, error = self._results.get_nowait()
            except Empty:
                break
            self._deliver(job, result, error)
        if not any(slot.running for slot in self._lanes.values()):
            self._timer.stop()

    def _deliver(self, job: _Job, result: Any, error: Optional[SuperResolutionError]) -> None:
        slot = self._lanes[job.lane]
        slot.running.remove(job)
        if slot.newest is not job:
            if slot.newest is not None and slot.newest not in slot.running:
                self._launch(slot)
            return
        slot.newest = None
        self.busy_changed.emit(job.lane, False)
        if error is None:
            job.done(result)
        elif job.failed is not None:
            job.failed(error)
        else:
            log(str(error))


def log(text: str) -> None:
    """Write a warning to the plugin's page of QGIS' message log."""
    QgsMessageLog.logMessage(text, LOG_TAG, Qgis.MessageLevel.Warning)


def _run(job: _Job, results: SimpleQueue) -> None:
    """Runs in the thread; whatever happens, one answer is put into the queue."""
    try:
        answer = (job, job.work(), None)
    except SuperResolutionError as error:
        answer = (job, None, error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log(traceback.format_exc())
        answer = (
            job,
            None,
            SuperResolutionError(tr("This failed in a way that was not foreseen ({}).").format(reason)),
        )
    results.put(answer)
