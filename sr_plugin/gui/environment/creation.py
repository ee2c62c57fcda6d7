"""Making an environment in the background: lines of progress, cancel, and the answer in the GUI thread."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, Optional

from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.environment.proxy import Proxy
from sr_plugin.runtime.create_environment import create_environment
from sr_plugin.runtime.environment_attempt import remove_environment

_POLL_MS = 100
_LANE = "environment"


class Creation(QObject):
    """Makes or removes one environment at a time.

    Args:
        parent: Qt parent.

    Attributes:
        line: emitted with every line of progress.
        ticked: emitted several times a second while something runs, with the seconds that it has taken.
        done: emitted with what was made, None after a removal.
        failed: emitted with the error, which may be :class:`~sr_plugin.core.errors.Cancelled`.
    """

    line = pyqtSignal(str)
    ticked = pyqtSignal(float)
    done = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._background = Background(self)
        # Threads never touch Qt: their lines wait here for the timer.
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._started = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def is_running(self) -> bool:
        """Whether something is being made or removed."""
        return self._timer.isActive()

    def create(
        self, size: str, wheels: str = "", proxy: Optional[Proxy] = None, target: str = "", anew: bool = False
    ) -> None:
        """Begin to make an environment; see :func:`~sr_plugin.runtime.create_environment.create_environment`."""
        lines, stop = self._lines, threading.Event()
        self._stop = stop
        address, excluded = (proxy.address, proxy.excluded) if proxy is not None else (None, ())

        def work() -> Any:
            return create_environment(
                size,
                target=target or None,
                wheels=wheels or None,
                proxy=address,
                no_proxy=excluded,
                log=lines.put,
                is_cancelled=stop.is_set,
                anew=anew,
            )

        self._start(work)

    def remove(self, folder: str) -> None:
        """Begin to delete an environment that the plugin made."""
        self._start(lambda: remove_environment(folder))

    def cancel(self) -> None:
        """End what runs; the answer is a failure with ``Cancelled``."""
        self._stop.set()

    def shut_down(self) -> None:
        """End what runs and give it a moment to clear up; nothing is emitted any more."""
        self._stop.set()
        self._timer.stop()
        self._background.shut_down(5.0)

    def _start(self, work: Callable[[], Any]) -> None:
        if self.is_running:
            return
        self._started = time.monotonic()
        self._timer.start()
        self._background.start(_LANE, work, self._finish, self._fail)

    def _tick(self) -> None:
        while True:
            try:
                self.line.emit(self._lines.get_nowait())
            except queue.Empty:
                break
        self.ticked.emit(time.monotonic() - self._started)

    def _finish(self, result: Any) -> None:
        self._tick()
        self._timer.stop()
        self.done.emit(result)

    def _fail(self, error: SuperResolutionError) -> None:
        self._tick()
        self._timer.stop()
        self.failed.emit(error)
