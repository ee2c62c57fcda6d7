"""Changes the layer in front, by itself or with the space bar."""

from __future__ import annotations

from typing import List, Optional

from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, Qt, QTimer
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.gui.compare.view_stage import BLINK, SWIPE, ViewStage


class Blinker(QObject):
    """Blinks while the stage is in that mode and visible.

    Args:
        stage: what it works on.
    """

    def __init__(self, stage: ViewStage) -> None:
        super().__init__(stage)
        self._stage = stage
        self._automatic = True
        self._watched: List[QWidget] = []
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        """Whether it changes over by itself just now."""
        return self._timer.isActive()

    def set_interval(self, milliseconds: int) -> None:
        """Time that each layer is shown."""
        self._timer.setInterval(milliseconds)

    def set_automatic(self, automatic: bool) -> None:
        """Change over by itself, or only by hand."""
        self._automatic = automatic
        self.update()

    def update(self) -> None:
        """Start or stop, as mode and visibility ask for."""
        wanted = self._automatic and self._stage.mode == BLINK and self._stage.isVisible()
        if wanted and not self._timer.isActive():
            self._timer.start()
        elif not wanted:
            self._timer.stop()

    def stop(self) -> None:
        """Stop for good, and leave the widgets alone."""
        self._timer.stop()
        for widget in self._watched:
            if not sip.isdeleted(widget):
                widget.removeEventFilter(self)
        self._watched.clear()

    def watch(self, widget: QWidget) -> None:
        """Take the space bar in a widget, such as a map canvas that would pan with it."""
        widget.installEventFilter(self)
        self._watched.append(widget)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt API
        """Space changes over."""
        kinds = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
        if self._stage.mode != BLINK or event.type() not in kinds or event.key() != Qt.Key.Key_Space:
            return False
        if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
            self.by_hand()
        return True

    def by_hand(self) -> None:
        """Change over now, and give the layer its full time."""
        self._stage.toggle()
        if self._timer.isActive():
            self._timer.start()

    def _tick(self) -> None:
        self._stage.toggle()


def focus_for_keys(stage: ViewStage) -> Optional[QWidget]:
    """The widget of a stage whose keys its mode is about: divider or view."""
    if stage.mode == SWIPE:
        return stage.handle
    shown = stage.shown()
    return shown[0].canvas if shown else None
