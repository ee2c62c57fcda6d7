"""Threads with bounded queues between them."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")

#: How long a thread waits before it looks again whether it should stop.
POLL_SECONDS = 0.1


def start_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a daemon thread, so that a hanging file system cannot keep the process alive."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def run_patiently(name: str, work: Callable[[], T], tick: Callable[[], None]) -> T:
    """Run a function in a thread of its own, because it may block where nothing can interrupt it.

    Args:
        name: of the thread.
        work: the function.
        tick: called again and again in the calling thread while the function runs; what it raises ends the waiting, and
            the function's outcome then goes nowhere.

    Raises:
        BaseException: what the function, or ``tick``, raised.
    """
    outcome: Future[T] = Future()

    def go() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    start_thread(name, go)
    while not outcome.done():
        try:
            outcome.exception(timeout=POLL_SECONDS)
        except FutureTimeout:
            tick()
    return outcome.result()


def put_patiently(
    target: queue.Queue[Any], item: Any, stopping: threading.Event, tick: Optional[Callable[[], None]] = None
) -> None:
    """Put into a bounded queue; give up when told to stop, and call ``tick`` while waiting."""
    while not stopping.is_set():
        try:
            target.put(item, timeout=POLL_SECONDS)
            return
        except queue.Full:
            if tick is not None:
                tick()
