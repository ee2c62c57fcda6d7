"""Signs of life: the client can tell a long computation from a worker that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: A worker that computes on the CPU spends at least this share of the time there, even on a machine that is crowded or
#: while weights come from a slow drive; the signs themselves cost less than so many seconds each.
_LEAST_CPU_SHARE, _LEAST_CPU_SECONDS = 0.001, 0.001


class Heartbeat:
    """Calls a function every few seconds from a thread of its own, unless the computation stands still.

    A deadlock leaves this thread alive. It shows in that a tile is being computed on the CPU, but no CPU time passes;
    then no sign is given.

    Args:
        send: gives the sign; it must not wait.
        seconds: between two signs.
    """

    def __init__(self, send: Callable[[], None], seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._computing = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._beat, name="sr-alive", daemon=True).start()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """While this lasts, in any thread, CPU time has to pass."""
        with self._lock:
            self._computing += 1
        try:
            yield
        finally:
            with self._lock:
                self._computing -= 1

    def _beat(self) -> None:
        spent, least = time.process_time(), max(_LEAST_CPU_SECONDS, _LEAST_CPU_SHARE * self._seconds)
        while True:
            time.sleep(self._seconds)
            before, spent = spent, time.process_time()
            if not self._computing or spent - before > least:
                self._send()
