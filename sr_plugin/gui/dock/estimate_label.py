"""What the run will cost: pixels, disk, time."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from sr_plugin.gui.dock.area import duration, megabytes
from sr_plugin.gui.dock.hint_label import PROBLEM, HintLabel
from sr_plugin.processing.translation import tr

#: The time is being looked up.
PENDING = -1.0


class EstimateLabel(QWidget):
    """Size and time of the result in two lines, and what stands against the run."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.size = _line(tr("Size of the result, and the most that it may take on disk with overviews"))
        self.time = _line(tr("By the speed of earlier runs with this model and device on this computer"))
        self.problem = HintLabel(PROBLEM)
        for widget in (self.size, self.time, self.problem):
            layout.addWidget(widget)
        self.clear()

    def clear(self) -> None:
        """Show nothing, because something is still to be chosen."""
        self.size.setText("")
        self.time.setText("")
        self.problem.set_text("")
        self.size.hide()
        self.time.hide()

    def set_size(self, width: int, height: int, bands: int, disk_bytes: int) -> None:
        """Show the size of the result in pixels, and its size on disk."""
        text = tr("Result: {0} x {1} pixels, {2} band(s), up to {3}")
        self.size.setText(text.format(width, height, bands, megabytes(disk_bytes)))
        self.size.show()

    def set_seconds(self, seconds: Optional[float]) -> None:
        """Show the time, ``PENDING`` while it is looked up, None where no earlier run tells."""
        self.problem.set_text("")
        if seconds == PENDING:
            self.time.setText(tr("Time: …"))
        elif seconds is None:
            self.time.setText(tr("Time: unknown until the first run"))
        else:
            self.time.setText(tr("Time: about {}").format(_spoken(seconds)))
        self.time.show()

    def set_problem(self, text: str) -> None:
        """Show why the run would fail."""
        self.time.hide()
        self.problem.set_text(text)


def _spoken(seconds: float) -> str:
    hours, minutes, rest = duration(seconds)
    if hours:
        return tr("{0} h {1} min").format(hours, minutes)
    return tr("{0} min {1} s").format(minutes, rest) if minutes else tr("{} s").format(rest)


def _line(tooltip: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setToolTip(tooltip)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
