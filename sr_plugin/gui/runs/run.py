"""One run as the interface sees it: what was asked for, how far it is, what it said."""

from __future__ import annotations

import enum
import math
import time
from typing import Any, Dict, List, Optional, Tuple

from qgis.PyQt.QtCore import QObject, pyqtSignal

from sr_plugin.processing.feedback import TileFeedback, spoken_duration
from sr_plugin.processing.translation import tr

#: What runs unless another one is named.
ALGORITHM = "superres:superresolve"


class RunState(enum.Enum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunFeedback(TileFeedback):
    """Passes on what the algorithm says in its thread, as signals that arrive in the GUI thread.

    Attributes:
        told: emitted with the kind of a line (``info``, ``warning``, ``error``, ``debug``) and its text.
        step: emitted with what is going on.
    """

    told = pyqtSignal(str, str)
    step = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__(False)

    def pushInfo(self, info: str) -> None:  # noqa: N802 - QGIS API
        """A line of the log."""
        self.told.emit("info", info)

    def pushCommandInfo(self, info: str) -> None:  # noqa: N802 - QGIS API
        """A line of the log."""
        self.told.emit("info", info)

    def pushConsoleInfo(self, info: str) -> None:  # noqa: N802 - QGIS API
        """A line of the log."""
        self.told.emit("info", info)

    def pushDebugInfo(self, info: str) -> None:  # noqa: N802 - QGIS API
        """A line that matters only for a report."""
        self.told.emit("debug", info)

    def pushWarning(self, warning: str) -> None:  # noqa: N802 - QGIS API
        """A line that the user should read."""
        self.told.emit("warning", warning)

    def reportError(self, error: str, fatalError: bool = False) -> None:  # noqa: N802, N803 - QGIS API
        """What went wrong."""
        self.told.emit("error", error)

    def setProgressText(self, text: str) -> None:  # noqa: N802 - QGIS API
        """What is going on."""
        self.step.emit(text)


class Run(QObject):
    """One super-resolution run.

    Args:
        parameters: of the algorithm.
        title: how it is listed.
        source_id: id of the layer that it is made from, empty where the input is none of the project.
        purpose: who asked for it: ``""`` the user, ``"sample"`` the check with the sample.
        project: which project it was started in; see :class:`~sr_plugin.gui.runs.project_watch.ProjectWatch`.
        algorithm: id of the algorithm.

    Attributes:
        changed: emitted when anything below changed.
        state: where it stands.
        percent: 0 to 100, or None while nothing is known.
        tiles: tiles done and tiles in all.
        cause: why it failed, one sentence and a hint.
        outputs: what the algorithm gave.
        layer_id: the result in the project.
        kept_out: another project was open when it ended, so that its result was not added.
        lines: the log as ``(kind, text)``.
    """

    changed = pyqtSignal()

    def __init__(
        self,
        parameters: Dict[str, Any],
        title: str,
        source_id: str = "",
        purpose: str = "",
        project: str = "",
        algorithm: str = ALGORITHM,
    ) -> None:
        super().__init__()
        self.algorithm = algorithm
        self.project = project
        self.parameters = parameters
        self.title = title
        self.source_id = source_id
        self.purpose = purpose
        self.state = RunState.QUEUED
        self.percent: Optional[float] = None
        self.tiles: Tuple[int, int] = (0, 0)
        self.cause = ""
        self.outputs: Dict[str, Any] = {}
        self.layer_id = ""
        self.kept_out = False
        self.lines: List[Tuple[str, str]] = []
        self._left_until: Optional[float] = None
        self._begun = 0.0
        self.seconds = 0.0

    @property
    def ended(self) -> bool:
        """True once nothing more will happen."""
        return self.state in (RunState.DONE, RunState.FAILED, RunState.CANCELLED)

    @property
    def output(self) -> str:
        """Path of the result, empty while there is none."""
        return str(self.outputs.get("OUTPUT", ""))

    @property
    def log(self) -> str:
        """The log as text."""
        return "\n".join(text for _, text in self.lines)

    def listen(self, feedback: RunFeedback) -> None:
        """Hear what the algorithm says."""
        feedback.told.connect(self.tell)
        feedback.tiles_done.connect(self._count_tiles)
        feedback.progressChanged.connect(self._show_percent)

    def begin(self) -> None:
        """It starts now."""
        self._begun = time.monotonic()
        self.state = RunState.RUNNING
        self.changed.emit()

    def end(self, state: RunState, cause: str = "") -> None:
        """It is over."""
        self.seconds = time.monotonic() - self._begun if self._begun else 0.0
        self.state = state
        self.cause = cause
        self.changed.emit()

    def tell(self, kind: str, text: str) -> None:
        """Add a line to the log."""
        self.lines.append((kind, text))
        self.changed.emit()

    def _count_tiles(self, done: int, total: int, seconds_left: float) -> None:
        self.tiles = (done, total)
        self._left_until = None if math.isnan(seconds_left) else time.monotonic() + seconds_left
        self.changed.emit()

    def _show_percent(self, percent: float) -> None:
        self.percent = percent
        self.changed.emit()

    def status(self) -> str:
        """How it stands, in a few words."""
        if self.state == RunState.QUEUED:
            return tr("Waiting")
        if self.state == RunState.CANCELLED:
            return tr("Cancelled")
        if self.state == RunState.FAILED:
            return self.cause
        if self.state == RunState.DONE:
            done = tr("Done in {}").format(spoken_duration(self.seconds))
            return tr("{}; another project is open now").format(done) if self.kept_out else done
        return self._running_status()

    def _running_status(self) -> str:
        done, total = self.tiles
        if total == 0:
            return tr("Preparing…")
        text = tr("{} of {} tiles").format(done, total)
        if done >= total:
            return tr("{}, finishing the file").format(text)
        if self._left_until is None:
            return text
        left = max(0.0, self._left_until - time.monotonic())
        return tr("{}, {} left").format(text, spoken_duration(left))
