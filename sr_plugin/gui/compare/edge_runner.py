"""Computes edges in a thread of its own, with a worker that is kept warm."""

from __future__ import annotations

import threading
from typing import Callable, NamedTuple, Optional

from qgis.PyQt.QtCore import QObject, pyqtSignal

from sr_plugin.core.errors import Cancelled, SuperResolutionError, WorkerDied
from sr_plugin.core.session import ModelSession
from sr_plugin.gui.compare.edge_images import edge_pictures
from sr_plugin.pipeline.edge_view import EdgeViewer, EdgeViewRequest, open_edge_session
from sr_plugin.processing import settings

#: Opens a session that can find edges.
OpenSession = Callable[[], ModelSession]
_END_SECONDS = 10.0


def _open_worker() -> ModelSession:
    return open_edge_session(settings.worker_python())


class EdgeJob(NamedTuple):
    """One view to compute.

    Attributes:
        number: later jobs have larger ones.
        request: what to compute.
        units_per_pixel: size of a pixel of the screen on the reference's grid.
    """

    number: int
    request: EdgeViewRequest
    units_per_pixel: float


class EdgeRunner(QObject):
    """Runs the newest job; older ones that wait are dropped, one that runs is told to stop.

    Args:
        parent: Qt parent.
        open_session: where edges are computed; a worker process unless given.

    Signals:
        done: number of the job, its :class:`~sr_plugin.gui.compare.edge_images.EdgePictures`.
        failed: number of the job, the :class:`~sr_plugin.core.errors.SuperResolutionError`.
    """

    done = pyqtSignal(int, object)
    failed = pyqtSignal(int, object)

    def __init__(self, parent: Optional[QObject] = None, open_session: Optional[OpenSession] = None) -> None:
        super().__init__(parent)
        self._open_session = open_session or _open_worker
        self._wake = threading.Condition()
        self._next: Optional[EdgeJob] = None
        self._latest = 0
        self._session: Optional[ModelSession] = None
        self._thread: Optional[threading.Thread] = None

    @property
    def latest(self) -> int:
        """Number of the newest job; results of any other are stale."""
        return self._latest

    def submit(self, request: EdgeViewRequest, units_per_pixel: float) -> int:
        """Compute a view instead of all that are waiting or being computed; its number."""
        with self._wake:
            self._latest += 1
            self._next = EdgeJob(self._latest, request, units_per_pixel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sr-compare-edges", daemon=True)
                self._thread.start()
            self._wake.notify_all()
            return self._latest

    def drop(self) -> None:
        """Forget what waits, and what is being computed."""
        with self._wake:
            self._latest += 1
            self._next = None

    def shut_down(self, wait: bool = True) -> None:
        """End thread and worker; a later job starts them again.

        Args:
            wait: come back when the thread has ended, which may take as long as a worker takes to start.
        """
        with self._wake:
            self._latest += 1
            self._next = None
            thread, self._thread = self._thread, None
            session, self._session = self._session, None
            self._wake.notify_all()
        if session is not None:
            session.kill()
        if thread is not None and wait:
            thread.join(_END_SECONDS)

    def _work(self) -> None:
        viewer: Optional[EdgeViewer] = None
        try:
            while True:
                job = self._take()
                if job is None:
                    return
                try:
                    if viewer is None:
                        viewer = EdgeViewer(self._open())
                    self._compute(viewer, job)
                except SuperResolutionError as error:
                    # A worker that was ended from elsewhere fails its work as cancelled.
                    if isinstance(error, (WorkerDied, Cancelled)) and job.number == self._latest:
                        self._close()
                        viewer = None
                    self._tell(self.failed, job.number, error)
                except Exception as error:  # whatever goes wrong must be seen, and must not end the thread
                    text = f"{type(error).__name__}: {error}"
                    self._tell(self.failed, job.number, SuperResolutionError(f"Edges could not be computed ({text})."))
        finally:
            self._close()

    def _take(self) -> Optional[EdgeJob]:
        with self._wake:
            while self._next is None and not self._mine_is_over():
                self._wake.wait()
            if self._mine_is_over():
                return None
            job, self._next = self._next, None
            return job

    def _mine_is_over(self) -> bool:
        return self._thread is not threading.current_thread()

    def _open(self) -> ModelSession:
        session = self._open_session()
        with self._wake:
            if not self._mine_is_over():
                self._session = session
                return session
        session.kill()
        raise Cancelled("The comparison was closed.")

    def _close(self) -> None:
        with self._wake:
            if self._mine_is_over():
                return
            session, self._session = self._session, None
        if session is not None:
            session.kill()

    def _compute(self, viewer: EdgeViewer, job: EdgeJob) -> None:
        view = viewer.view(job.request, lambda: job.number != self._latest)
        pixel = abs(view.grid.geotransform[1]) or 1.0
        self._tell(self.done, job.number, edge_pictures(view, job.units_per_pixel / pixel))

    def _tell(self, signal: object, number: int, what: object) -> None:
        if number == self._latest:
            signal.emit(number, what)
