"""Box to choose one's own Python; it is asked in the background before it is taken."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from sr_plugin.gui.background import Background
from sr_plugin.gui.environment.python_tree import what_it_runs
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.find_python import chosen_python
from sr_plugin.runtime.probe import PythonProbe, probe_python

_LANE = "chosen-python"


class ChosenPython(QGroupBox):
    """Path of a Python or of a virtual environment, and whether it serves.

    Args:
        parent: Qt parent.

    Attributes:
        choice_changed: emitted when another Python, or none, was chosen and remembered.
    """

    choice_changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(tr("My own Python"), parent)
        self._background = Background(self)
        self.path = QgsFileWidget()
        self.path.setStorageMode(QgsFileWidget.StorageMode.GetFile)
        self.path.setDialogTitle(tr("Choose a Python"))
        self.path.lineEdit().setPlaceholderText(tr("None: the plugin chooses one"))
        self.path.setToolTip(tr("Path of a Python 3.10 or newer, or folder of a virtual environment"))
        self.use_button = QPushButton(tr("Use it"))
        self.use_button.setToolTip(tr("Looks whether this Python serves and uses it for all models"))
        self.use_button.setDefault(True)
        self.use_button.clicked.connect(lambda _checked: self.use())
        self.answer = QLabel()
        self.answer.setTextFormat(Qt.TextFormat.PlainText)
        self.answer.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.use_button)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.answer)
        self.show_choice()
        self.path.fileChanged.connect(lambda _text: self._update_button())

    def show_choice(self) -> None:
        """Show what is remembered."""
        self.path.setFilePath(settings.worker_python())
        self.answer.hide()
        self._update_button()

    def use(self) -> None:
        """Ask the Python in the background and remember it if it serves; an empty path means none."""
        text = self.path.filePath().strip()
        if not text:
            self._remember("")
            self._say(tr("The plugin chooses the Python."))
            return
        self._say(tr("Looking at it…"))
        self.use_button.setEnabled(False)
        path = chosen_python(text)
        self._background.start(_LANE, lambda: probe_python(path, refresh=True), lambda probe: self._take(text, probe))

    def shut_down(self) -> None:
        """Await no answer any more."""
        self._background.shut_down(0.5)

    def _take(self, text: str, probe: PythonProbe) -> None:
        reason = probe.reason_against("builtin")
        if reason:
            self._say(tr("This Python is not used: it {}.").format(reason))
            self._update_button()
            return
        self._remember(text)
        self._say(tr("In use. It runs: {}.").format(what_it_runs(probe.to_record())))

    def _remember(self, text: str) -> None:
        changed = text != settings.worker_python()
        settings.WORKER_PYTHON.set(text)
        self._update_button()
        if changed:
            self.choice_changed.emit()

    def _say(self, text: str) -> None:
        self.answer.setText(text)
        self.answer.show()

    def _update_button(self) -> None:
        text = self.path.filePath().strip()
        self.use_button.setText(tr("Use it") if text or not settings.worker_python() else tr("Use none"))
        self.use_button.setEnabled(text != settings.worker_python())
