"""Two tiles at a time, half a step apart: one is prepared or finished beside the forward of the other one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

#: One in the forward, one before or behind it. Backends let one forward run at a time.
_AT_A_TIME = 2


class TilePipe(Generic[Request, Answer]):
    """Answers requests in threads, in the order in which they came.

    Args:
        compute: answers one request; it must not raise.
        deliver: takes the answers, one after the other.
    """

    def __init__(self, compute: Callable[[Request], Answer], deliver: Callable[[Answer], None]) -> None:
        self._compute = compute
        self._deliver = deliver
        self._room = threading.Semaphore(_AT_A_TIME)
        self._pool = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="sr-tile")
        self._last: Future[None] | None = None

    def put(self, request: Request) -> None:
        """Begin with a request; waits while two are under way."""
        self._room.acquire()
        self._last = self._pool.submit(self._answer, request, self._last)

    def _answer(self, request: Request, earlier: Future[None] | None) -> None:
        try:
            answer = self._compute(request)
            if earlier is not None:
                earlier.result()
            self._deliver(answer)
        finally:
            self._room.release()

    def drain(self) -> None:
        """Wait until every request is answered.

        Raises:
            Exception: what ``compute`` or ``deliver`` raised against the agreement.
        """
        if self._last is not None:
            last, self._last = self._last, None
            last.result()

    def close(self) -> None:
        """Wait until every request is answered, and end the threads."""
        self._pool.shutdown(wait=True)
