"""Steps of a run that may block in a slow or dead file system, and can be cancelled nevertheless."""

from __future__ import annotations

import queue
import threading
from typing import Callable, List, Optional

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import Cancelled
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.prepare import PreparedRun, prepare_run
from sr_plugin.pipeline.prepare_fusion import prepare_fusion
from sr_plugin.pipeline.request import RunFeedback, SuperResolveRequest
from sr_plugin.pipeline.threads import run_patiently

_SessionFactory = Callable[[ModelCard], ModelSession]
#: Checks and plans a request, see :func:`prepare_run`.
Preparation = Callable[[SuperResolveRequest, RunFeedback, _SessionFactory], PreparedRun]


class FeedbackRelay:
    """Feedback for another thread: what is told there arrives in the thread that calls :meth:`pass_on`.

    Args:
        feedback: where it arrives.
    """

    def __init__(self, feedback: RunFeedback) -> None:
        self._feedback = feedback
        self._told: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def message(self, text: str) -> None:
        """See :class:`RunFeedback`."""
        self._told.put(lambda: self._feedback.message(text))

    def warning(self, text: str) -> None:
        """See :class:`RunFeedback`."""
        self._told.put(lambda: self._feedback.warning(text))

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """See :class:`RunFeedback`."""
        self._told.put(lambda: self._feedback.progress(done, total, seconds_left))

    def cancelled(self) -> bool:
        """See :class:`RunFeedback`."""
        return self._cancelled.is_set()

    def pass_on(self) -> None:
        """Tell what was told meanwhile.

        Raises:
            Cancelled: when the user cancelled.
        """
        while not self._told.empty():
            self._told.get()()
        if self._feedback.cancelled():
            self._cancelled.set()
            raise Cancelled("The run was cancelled.")


class _Sessions:
    """A factory that remembers what it opened, so that a model which is being measured can be stopped."""

    def __init__(self, factory: _SessionFactory) -> None:
        self._factory = factory
        self._opened: List[ModelSession] = []
        self._lock = threading.Lock()
        self._killed = False

    def __call__(self, card: ModelCard) -> ModelSession:
        if self._killed:
            raise Cancelled("The run was cancelled.")
        session = self._factory(card)
        with self._lock:
            self._opened.append(session)
            too_late = self._killed
        if too_late:
            # Nobody is left who would end it.
            session.kill()
            raise Cancelled("The run was cancelled.")
        return session

    def kill(self) -> None:
        """End what was opened; from now on nothing is opened."""
        with self._lock:
            self._killed = True
            opened = list(self._opened)
        for session in opened:
            session.kill()


def prepare_patiently(
    request: SuperResolveRequest,
    feedback: RunFeedback,
    factory: _SessionFactory,
    prepare: Optional[Preparation] = None,
) -> PreparedRun:
    """As :func:`prepare_run`, or another preparation, but a cancel works even while a source blocks.

    Raises:
        Cancelled: when the user cancelled.
        SuperResolutionError: from :func:`prepare_run`.
    """
    relay, sessions = FeedbackRelay(feedback), _Sessions(factory)
    usual = prepare_run if request.fusion is None else prepare_fusion
    chosen: Preparation = prepare or usual
    try:
        return run_patiently("sr-prepare", lambda: chosen(request, relay, sessions), relay.pass_on)
    except Cancelled:
        sessions.kill()
        raise
    finally:
        if not relay.cancelled():
            relay.pass_on()
