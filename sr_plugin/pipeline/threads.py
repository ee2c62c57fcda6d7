"""Threads with bounded queues between them."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Optional

#: How long a thread waits before it looks again whether it should stop.
POLL_SECONDS = 0.1


def start_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start a daemon thread, so that a hanging file system cannot keep the process alive."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


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
