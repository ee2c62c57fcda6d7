"""How long the GUI thread does not answer."""

from __future__ import annotations

import contextlib
import threading
import time


def waited_for_a_core():
    """Seconds that this thread was ready to run but the system ran others; 0.0 where the system does not tell."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


@contextlib.contextmanager
def ticking(interval=20):
    """A timer in the GUI thread; gives a list that ends up with the gaps between its ticks in seconds.

    On a machine that others use too, a thread may have to wait for a core; that time is taken off. What the plugin does
    in the thread, or locks it out by, is not.
    """
    from qgis.PyQt.QtCore import QTimer

    gaps, last = [], [time.perf_counter(), waited_for_a_core()]

    def tick():
        now, waited = time.perf_counter(), waited_for_a_core()
        gaps.append(now - last[0] - (waited - last[1]))
        last[:] = now, waited

    timer = QTimer()
    timer.setInterval(interval)
    timer.timeout.connect(tick)
    timer.start()
    try:
        yield gaps
    finally:
        timer.stop()
