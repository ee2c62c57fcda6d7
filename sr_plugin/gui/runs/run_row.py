"""One run in the list: what it is, how far it is, and the buttons that make sense now."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from sr_plugin.gui.runs.elided_label import ElidedLabel
from sr_plugin.gui.runs.run import Run, RunState
from sr_plugin.processing.translation import tr

_ICONS = {
    RunState.QUEUED: "mTaskQueued.svg",
    RunState.RUNNING: "mTaskRunning.svg",
    RunState.DONE: "mTaskComplete.svg",
    RunState.FAILED: "mTaskTerminated.svg",
    RunState.CANCELLED: "mTaskCancel.svg",
}


class RunRow(QWidget):
    """Shows a run and follows it.

    Args:
        run: which one.
        parent: Qt parent.

    Attributes:
        cancel_requested, remove_requested, details_requested, add_requested: emitted with the run.
    """

    cancel_requested = pyqtSignal(object)
    remove_requested = pyqtSignal(object)
    details_requested = pyqtSignal(object)
    add_requested = pyqtSignal(object)

    def __init__(self, run: Run, parent: QWidget) -> None:
        super().__init__(parent)
        self.run = run
        self._icon = QLabel()
        self._title = ElidedLabel(run.title)
        self._status = QLabel()
        self._status.setTextFormat(Qt.TextFormat.PlainText)
        self._status.setWordWrap(True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self.cancel_button = self._button(tr("Cancel"), tr("Cancel this run"), self.cancel_requested)
        self.details_button = self._button(tr("Details"), tr("Log of this run, and a report for a ticket"))
        self.details_button.clicked.connect(lambda _checked: self.details_requested.emit(self.run))
        self.add_button = self._button(
            tr("Add to project"), tr("Add the result to the project that is open now"), self.add_requested
        )
        self.remove_button = self._button("", tr("Take off the list; the result stays"), self.remove_requested)
        self.remove_button.setIcon(QgsApplication.getThemeIcon("mIconClose.svg"))
        self.remove_button.setAutoRaise(True)
        self._lay_out()
        run.changed.connect(self.update_state)
        self.update_state()

    def _button(self, text: str, tip: str, signal: object = None) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(text or tip)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if signal is not None:
            button.clicked.connect(lambda _checked: signal.emit(self.run))
        return button

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self._icon)
        top.addWidget(self._title, 1)
        top.addWidget(self.cancel_button)
        top.addWidget(self.remove_button)
        bottom.addWidget(self._status, 1)
        bottom.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignTop)
        bottom.addWidget(self.details_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self._bar)
        layout.addLayout(bottom)

    def update_state(self) -> None:
        """Show how the run stands."""
        run = self.run
        text = run.status()
        self._status.setText(text)
        size = self.fontMetrics().height()
        self._icon.setPixmap(QgsApplication.getThemeIcon(_ICONS[run.state]).pixmap(QSize(size, size)))
        self._icon.setToolTip(text)
        self._bar.setVisible(run.state == RunState.RUNNING)
        # Without a count of tiles the bar only says that something goes on.
        known = run.tiles[1] > 0 and run.percent is not None
        self._bar.setRange(0, 1000 if known else 0)
        if known:
            self._bar.setValue(int(10 * (run.percent or 0.0)))
        self.cancel_button.setVisible(not run.ended)
        self.remove_button.setVisible(run.ended)
        self.add_button.setVisible(run.kept_out)
        self.details_button.setVisible(run.state != RunState.QUEUED)

    def let_go(self) -> None:
        """Follow the run no longer."""
        self.run.changed.disconnect(self.update_state)
