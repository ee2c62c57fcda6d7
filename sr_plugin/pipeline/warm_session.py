"""A worker that stays alive between runs, so that the next one need neither start it nor load its model again."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Callable, Deque, Dict, Iterator, Optional, Sequence, Tuple

from sr_plugin.core.card import ModelCard, card_to_wire
from sr_plugin.core.errors import Cancelled
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import LoadedModel, ModelSession, RunSettings, TileResult, TileTask
from sr_plugin.pipeline.superresolve import SessionFactory, packages_needed

#: Tiles handed to the worker at a time. What was not handed over needs no cancel, so the next run gets it sooner.
_HANDED_OVER = 1

_Waiting = Tuple[Sequence[NamedArray], TileTask, "Future[TileResult]"]


class _Worker:
    """A session with what is known of it: its model, and how much it still has to do.

    Attributes:
        session: the session.
        needs: the packages that its Python was chosen for.
        pending: requests that it has not answered yet; guarded by ``changed``.
        changed: notified when ``pending`` gets less.
    """

    def __init__(self, session: ModelSession, needs: str) -> None:
        self.session = session
        self.needs = needs
        self.pending = 0
        self.changed = threading.Condition()
        self._model: Optional[Tuple[Dict[str, Any], RunSettings]] = None
        self._loaded: Optional[LoadedModel] = None

    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """Load a model unless it is there already with the same settings; what ``auto`` chose then holds on.

        It must count as pending meanwhile.
        """
        model = (card_to_wire(card), settings)
        if self._loaded is not None and model == self._model and self.session.alive:
            return self._loaded
        self._loaded = None
        loaded = self.session.load(card, settings, samples)
        self._model, self._loaded = model, loaded
        return loaded

    def begin(self) -> None:
        """Count one request more."""
        with self.changed:
            self.pending += 1

    def end(self) -> None:
        """Count one request less."""
        with self.changed:
            self.pending -= 1
            self.changed.notify_all()

    def rested(self, seconds: float) -> bool:
        """Wait until nothing is pending; False when that takes longer."""
        with self.changed:
            return self.changed.wait_for(lambda: self.pending == 0, seconds)


class _Loan(ModelSession):
    """The worker as one run sees it. Closed or killed, it goes back; the worker itself lives on."""

    def __init__(self, worker: _Worker, give_back: Callable[[], None]) -> None:
        self._worker = worker
        self._give_back = give_back
        self._waiting: Deque[_Waiting] = deque()
        self._lock = threading.RLock()
        self._handed_over = 0
        self._ended = False

    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """See :class:`ModelSession`. Samples are not used: previews are over before measuring would pay."""
        with self._pending():
            return self._worker.load(card, settings)

    @contextmanager
    def _pending(self) -> Iterator[None]:
        """Keep the worker from being lent on until a request is answered; a loan that has ended may ask no more."""
        with self._lock:
            self._check_running()
            self._worker.begin()
        try:
            yield
        finally:
            self._worker.end()

    def _check_running(self) -> None:
        if self._ended:
            raise Cancelled("The run was cancelled.")

    def submit(self, arrays: Sequence[NamedArray], task: TileTask) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        outer: Future[TileResult] = Future()
        with self._lock:
            self._check_running()
            self._waiting.append((arrays, task, outer))
        self._hand_over()
        return outer

    def _hand_over(self) -> None:
        while True:
            with self._lock:
                if self._handed_over >= _HANDED_OVER or not self._waiting:
                    return
                arrays, task, outer = self._waiting.popleft()
                self._handed_over += 1
                self._worker.begin()
            try:
                inner = self._worker.session.submit(arrays, task)
            except Exception as error:
                self._answered()
                outer.set_exception(error)
                continue
            inner.add_done_callback(lambda done, outer=outer: self._pass_on(done, outer))

    def _answered(self) -> None:
        with self._lock:
            self._handed_over -= 1
        self._worker.end()

    def _pass_on(self, done: Future[TileResult], outer: Future[TileResult]) -> None:
        self._answered()
        error = done.exception()
        if error is not None:
            outer.set_exception(error)
        else:
            outer.set_result(done.result())
        self._hand_over()

    def describe(self, card: ModelCard) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        with self._pending():
            return self._worker.session.describe(card)

    def probe(self, card: ModelCard) -> Dict[str, Any]:
        """See :class:`ModelSession`."""
        with self._pending():
            return self._worker.session.probe(card)

    @property
    def alive(self) -> bool:
        """See :class:`ModelSession`."""
        return not self._ended and self._worker.session.alive

    def close(self) -> None:
        """Give the worker back; tiles that it has not got yet fail with :class:`Cancelled`."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            dropped = list(self._waiting)
            self._waiting.clear()
        for _, _, outer in dropped:
            outer.set_exception(Cancelled("The run was cancelled."))
        self._give_back()


class WarmSessions:
    """A session factory that lends one and the same worker to one run after the other.

    A run that is cancelled gives the worker back with at most one tile to finish; that is waited for, because a
    start costs more than it does.

    Args:
        open_session: starts a worker for a model.
        idle_seconds: the worker ends when nobody wanted it for so long.
        patience: seconds to wait for what an earlier run left behind, before the worker is killed for a new one.
    """

    def __init__(self, open_session: SessionFactory, idle_seconds: float = 300.0, patience: float = 5.0) -> None:
        self._open = open_session
        self._idle_seconds = idle_seconds
        self._patience = patience
        self._lock = threading.Lock()
        self._returned = threading.Condition(self._lock)
        self._worker: Optional[_Worker] = None
        self._lent = False
        self._timer: Optional[threading.Timer] = None

    def __call__(self, card: ModelCard) -> ModelSession:
        """Lend the worker; where another run keeps it for too long, a worker of its own is started.

        Raises:
            SuperResolutionError: when no worker can be started.
        """
        with self._lock:
            if not self._returned.wait_for(lambda: not self._lent, self._patience):
                return self._open(card)
            self._lent = True
            self._stop_timer()
        try:
            worker = self._ready_worker(card)
        except BaseException:
            self._give_back()
            raise
        return _Loan(worker, self._give_back)

    @property
    def worker(self) -> Optional[ModelSession]:
        """The session that is kept alive, if there is one."""
        return self._worker.session if self._worker is not None else None

    def _ready_worker(self, card: ModelCard) -> _Worker:
        worker, needs = self._worker, packages_needed(card)
        if worker is not None:
            if worker.needs == needs and worker.session.alive and worker.rested(self._patience):
                return worker
            self._worker = None
            worker.session.kill()
        self._worker = worker = _Worker(self._open(card), needs)
        return worker

    def _give_back(self) -> None:
        with self._lock:
            self._lent = False
            self._stop_timer()
            if self._worker is not None:
                self._timer = threading.Timer(self._idle_seconds, self._end_idle)
                self._timer.daemon = True
                self._timer.start()
            self._returned.notify()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_idle(self) -> None:
        with self._lock:
            if self._lent:
                return
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.session.close()

    def close(self) -> None:
        """End the worker at once; a run that has it fails with :class:`Cancelled`. The next loan starts a new one."""
        with self._lock:
            self._stop_timer()
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.session.kill()
