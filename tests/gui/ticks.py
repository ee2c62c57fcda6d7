"""How long the GUI thread does not answer."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import List

#: Seconds of computing in the GUI thread at a time that nobody notices.
_MOST_COMPUTED = 0.1
#: Seconds for which it may wait for other threads; these wait for a core on a machine that others use.
_MOST_WAITED = 0.5


class Ticks:
    """What a timer in the GUI thread saw.

    Attributes:
        gaps: seconds from tick to tick, without the time in which the thread was ready but others had the cores.
        computed: seconds that the thread computed in each of them.
    """

    def __init__(self) -> None:
        self.gaps: List[float] = []
        self.computed: List[float] = []

    def __str__(self) -> str:
        return f"longest gap {1000 * max(self.gaps):.0f} ms, {1000 * max(self.computed):.0f} ms of it computed"


def waited_for_a_core():
    """Seconds that this thread was ready to run but the system ran others; 0.0 where the system does not tell."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@contextlib.contextmanager
def ticking(interval=20):
    """A timer in the GUI thread; gives what it sees as :class:`Ticks`.

    On a machine that others use too, a thread may have to wait for a core; that time is taken off. What the plugin does
    in the thread, or locks it out by, is not.
    """
    from qgis.PyQt.QtCore import QTimer

    def clocks():
        return time.perf_counter(), waited_for_a_core(), time.thread_time()

    seen, last = Ticks(), list(clocks())

    def tick():
        gap, waited, computed = (now - before for now, before in zip(clocks(), last))
        seen.gaps.append(gap - waited)
        seen.computed.append(computed)
        last[:] = clocks()

    timer = QTimer()
    timer.setInterval(interval)
    timer.timeout.connect(tick)
    timer.start()
    try:
        yield seen
    finally:
        timer.stop()


def assert_awake(seen: Ticks) -> None:
    """Fails where the interface would have frozen: by work in its thread, or by waiting for another one."""
    print(seen)
    assert max(seen.computed) < _MOST_COMPUTED and max(seen.gaps) < _MOST_WAITED, str(seen)
