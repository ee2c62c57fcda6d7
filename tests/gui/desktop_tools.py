"""Helpers of the tests that drive the desktop: waiting, clocks, a project with a scene."""

from __future__ import annotations

import gc
import time

import numpy as np

from tests.waiting import LONG


def wait_until(done, seconds=LONG):
    """Let Qt work until something is done; fails the test when it never is."""
    from qgis.PyQt.QtWidgets import QApplication

    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it was never done"
        QApplication.processEvents()
        time.sleep(0.005)
    QApplication.processEvents()


def work_off(seconds=0.0):
    """Let Qt do what is waiting, deletions included."""
    from qgis.PyQt.QtCore import QCoreApplication, QEvent
    from qgis.PyQt.QtWidgets import QApplication

    deadline = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    gc.collect()


def scene_pixels(rows=60, columns=80, bands=4):
    """A uint16 scene with different values in every band."""
    rng = np.random.default_rng(7)
    base = rng.integers(200, 3000, (1, rows, columns))
    return (base + 500 * np.arange(bands).reshape(-1, 1, 1)).astype(np.uint16)
