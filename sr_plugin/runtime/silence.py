"""Notices that a process which owes answers gives no sign of life any more."""

from __future__ import annotations

import threading
from typing import Callable

#: Checks within the time that a silence may last.
_CHECKS = 12
#: Signs of life that are due within that time.
_SIGNS = 20


def seconds_between_signs(patience: float) -> float:
    """How often a process has to give a sign of life.

    Args:
        patience: seconds for which a silence is borne.
    """
    return patience / _SIGNS


class SilenceWatch:
    """Looks now and then whether anything was heard, from a thread of its own.

    Silence is counted in checks, not by a clock: a computer that was asleep, or a QGIS that was stopped, has missed
    its own checks as well.

    Args:
        patience: seconds for which a silence is borne.
        borne: how often that, for what is owed now; 0 while nothing is.
        on_silence: called once, in the watching thread, when it lasted longer.
    """

    def __init__(self, patience: float, borne: Callable[[], float], on_silence: Callable[[], None]) -> None:
        self._between = patience / _CHECKS
        self._borne = borne
        self._on_silence = on_silence
        self._silent = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sr-worker-alive", daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Something was heard just now."""
        self._silent = 0

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._between):
            borne = self._borne()
            self._silent = self._silent + 1 if borne else 0
            if borne and self._silent > _CHECKS * borne:
                self._on_silence()
                return
