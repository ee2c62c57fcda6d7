"""Carries what a run reports into the log and progress bar of Processing."""

from __future__ import annotations

import math
import time
from typing import Optional

from qgis.core import QgsProcessingFeedback
from qgis.PyQt.QtCore import pyqtSignal

from sr_plugin.processing.translation import tr

#: Processing writes every progress text into its log, so texts are rationed: seconds between two, and most in a run.
_SECONDS_BETWEEN_TEXTS = 2.0
_MOST_TEXTS = 200
#: Seconds between two reports of tiles to who shows them: tiles outside a mask pass by the thousand.
_SECONDS_BETWEEN_TILES = 0.1


def spoken_duration(seconds: float) -> str:
    """A duration as people say it: ``45 s``, ``1 min 20 s``, ``2 h 05 min``."""
    whole = max(0, int(round(seconds)))
    if whole < 60:
        return tr("{} s").format(whole)
    if whole < 3600:
        return tr("{} min {:02d} s").format(whole // 60, whole % 60)
    return tr("{} h {:02d} min").format(whole // 3600, whole % 3600 // 60)


class TileFeedback(QgsProcessingFeedback):
    """Feedback of Processing for who wants to hear of tiles too.

    Attributes:
        tiles_done: emitted with tiles done, tiles in all, and the seconds left (NaN while unknown).
    """

    tiles_done = pyqtSignal(int, int, float)


class ProcessingFeedback:
    """The pipeline's feedback on top of that of Processing.

    Args:
        feedback: where Processing wants to hear about the run.
    """

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._last_text = float("-inf")
        self._last_done = 0
        self._last_tiles = float("-inf")

    def message(self, text: str) -> None:
        """Write a sentence into the log."""
        self._feedback.pushInfo(text)

    def warning(self, text: str) -> None:
        """Write a warning into the log."""
        self._feedback.pushWarning(text)

    def progress(self, done: int, total: int, seconds_left: Optional[float]) -> None:
        """Move the progress bar with every tile; say tiles and time left now and then."""
        if total <= 0:
            return
        self._feedback.setProgress(100.0 * done / total)
        if isinstance(self._feedback, TileFeedback):
            self._report_tiles(self._feedback, done, total, seconds_left)
        if not self._text_is_due(done, total):
            return
        text = tr("Tile {} of {}").format(done, total)
        if seconds_left is not None and done < total:
            text = tr("{}, {} left").format(text, spoken_duration(seconds_left))
        self._feedback.setProgressText(text)

    def cancelled(self) -> bool:
        """True once the user pressed Cancel."""
        return self._feedback.isCanceled()

    def _report_tiles(self, feedback: TileFeedback, done: int, total: int, seconds_left: Optional[float]) -> None:
        now = time.monotonic()
        if done < total and now - self._last_tiles < _SECONDS_BETWEEN_TILES:
            return
        self._last_tiles = now
        feedback.tiles_done.emit(done, total, math.nan if seconds_left is None else seconds_left)

    def _text_is_due(self, done: int, total: int) -> bool:
        now = time.monotonic()
        rationed = now - self._last_text < _SECONDS_BETWEEN_TEXTS or done - self._last_done < total / _MOST_TEXTS
        if rationed and done < total:
            return False
        self._last_text, self._last_done = now, done
        return True
