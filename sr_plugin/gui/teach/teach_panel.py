"""The tab Teach: start trainings, and follow those that are there, also after a restart of QGIS."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Set

from qgis.PyQt.QtCore import Qt, QTimer, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices, QHideEvent, QShowEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.job_folder import DONE, RUNNING, WAITING, JobFolder, JobStatus
from sr_plugin.gui.background import Background
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.gui.teach.teach_form import TeachForm
from sr_plugin.gui.teach.training_state import Look, look_at, state_title
from sr_plugin.gui.teach.training_view import TrainingView
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr

_LIST_LANE, _LOOK_LANE, _ACT_LANE = "trainings", "training", "training-act"
#: Milliseconds between two looks at a training that is shown.
_TICK = 1000
#: The same while nobody sees it.
_HIDDEN_TICK = 10_000


class _Entry(NamedTuple):
    """A training of the list."""

    path: str
    state: str


def _read_list() -> List[_Entry]:
    from sr_plugin.pipeline.training_job import known_jobs

    return [_Entry(folder.path, folder.status().state) for folder in known_jobs()]


class TeachPanel(QWidget):
    """A list of trainings, and either the form of a new one or the view of the chosen one.

    Args:
        parent: Qt parent.

    Attributes:
        model_made: emitted with the name of a training whose model has come into the list while somebody looked.
        dialog_requested: emitted with the id of an algorithm and parameters for its dialog.
        environment_requested: emitted when the user wants to set up an environment.
    """

    model_made = pyqtSignal(str)
    dialog_requested = pyqtSignal(str, object)
    environment_requested = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._background = Background(self)
        self._entries: List[_Entry] = []
        #: Trainings that were seen before their end.
        self._awaited: Set[str] = set()
        self._offset = 0
        self._ended = False
        self.combo = ElidedComboBox()
        self.combo.setAccessibleName(tr("Training"))
        self.form = TeachForm(self._background)
        self.view = TrainingView()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.form)
        self._stack.addWidget(self.view)
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._tick)
        self._connect()
        self._fill("")
        self.refresh()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(6, 6, 6, 6)
        row.setSpacing(8)
        label = QLabel(tr("T&raining"))
        label.setBuddy(self.combo)
        row.addWidget(label)
        row.addWidget(self.combo, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self.combo.activated.connect(lambda _index: self._on_chosen())
        self.form.start_clicked.connect(self._on_start)
        self.form.prepare_clicked.connect(lambda: self.dialog_requested.emit("superres:preparepairs", {}))
        self.form.all_settings_clicked.connect(
            lambda: self.dialog_requested.emit("superres:train", self.form.parameters())
        )
        self.form.environment_clicked.connect(self.environment_requested)
        self.view.stop_clicked.connect(self._on_stop)
        self.view.continue_clicked.connect(self._on_continue)
        self.view.folder_clicked.connect(self._on_folder)
        self.view.forget_clicked.connect(self._on_forget)

    def current(self) -> str:
        """Folder of the training that is shown; empty for the form of a new one."""
        return str(self.combo.currentData() or "")

    def show_training(self, path: str) -> None:
        """Show a training."""
        if self.combo.findData(path) < 0:
            self._entries.insert(0, _Entry(path, WAITING))
        self._awaited.add(path)
        self._fill(path)
        self._on_chosen()

    def refresh(self) -> None:
        """Read the list of trainings again."""
        if not self._ended:
            self._background.start(_LIST_LANE, _read_list, self._on_list)

    def shut_down(self) -> None:
        """Look no more; trainings go on."""
        self._ended = True
        self._timer.stop()
        self._background.shut_down()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt API
        """Look again, for who looks."""
        super().showEvent(event)
        self.refresh()
        self._timer.start(_TICK)
        self._tick()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt API
        """Nobody looks, so only the end of a training is waited for."""
        super().hideEvent(event)
        self._timer.setInterval(_HIDDEN_TICK)

    def _on_list(self, entries: List[_Entry]) -> None:
        known = {entry.path for entry in entries}
        # One that is being started is not on the list yet.
        self._entries = [e for e in self._entries if e.path == self.current() and e.path not in known] + entries
        shown = self.current()
        if not shown and self.combo.count() <= 1:
            # After a restart of QGIS what runs is what the user wants to see.
            shown = next((entry.path for entry in entries if entry.state in (RUNNING, WAITING)), "")
        before = self.current()
        self._fill(shown)
        if shown != before:
            self._on_chosen()

    def _fill(self, chosen: str) -> None:
        self.combo.blockSignals(True)
        self.combo.clear()
        self.combo.addItem(tr("New training"), "")
        for entry in self._entries:
            self.combo.addItem(f"{os.path.basename(entry.path)} ({state_title(entry.state)})", entry.path)
            self.combo.setItemData(self.combo.count() - 1, entry.path, Qt.ItemDataRole.ToolTipRole)
        self.combo.setCurrentIndex(max(0, self.combo.findData(chosen)))
        self.combo.blockSignals(False)

    def _on_chosen(self) -> None:
        path = self.current()
        self._offset = 0
        self._background.cancel(_LOOK_LANE)
        self._stack.setCurrentWidget(self.view if path else self.form)
        if path:
            self.view.show_nothing()
            self._tick()
        else:
            self.form.refresh_models()

    def _tick(self) -> None:
        path, offset = self.current(), self._offset
        if not self.isVisible() and self.view.status.state not in (RUNNING, WAITING):
            self._timer.stop()
            return
        if path and not self._ended and not self._background.is_busy(_LOOK_LANE):
            self._background.start(_LOOK_LANE, lambda: look_at(path, offset), self._on_look)

    def _on_look(self, look: Look) -> None:
        if look.path != self.current():
            return
        # A file that got shorter was read from its beginning.
        self.view.show_look(look, fresh=self._offset == 0 or look.offset < self._offset)
        self._offset = look.offset
        for number, entry in enumerate(self._entries):
            if entry.path == look.path and entry.state != look.status.state:
                self._entries[number] = entry._replace(state=look.status.state)
                self._fill(look.path)
        if look.status.state in (RUNNING, WAITING):
            self._awaited.add(look.path)
        elif look.path in self._awaited:
            self._awaited.remove(look.path)
            self._tell_model(look.status)

    def _tell_model(self, status: JobStatus) -> None:
        if status.state == DONE and status.installed:
            self.model_made.emit(os.path.splitext(os.path.basename(status.model))[0])

    def _on_start(self) -> None:
        parameters = self.form.parameters()
        self.form.set_problem(None)
        self.form.set_busy(True)
        python = settings.worker_python()
        self._background.start(_ACT_LANE, lambda: _start(parameters, python), self._on_started, self._on_not_started)

    def _on_started(self, path: str) -> None:
        self.form.set_busy(False)
        self.show_training(path)

    def _on_not_started(self, error: SuperResolutionError) -> None:
        self.form.set_busy(False)
        self.form.set_problem(error)

    def _on_stop(self) -> None:
        self._act(JobFolder(self.current()).ask_to_stop)

    def _on_continue(self) -> None:
        folder, python = JobFolder(self.current()), settings.worker_python()
        self._act(lambda: _continue(folder, python))

    def _on_forget(self) -> None:
        from sr_plugin.pipeline.training_job import forget

        path = self.current()
        forget(JobFolder(path))
        self._entries = [entry for entry in self._entries if entry.path != path]
        self._fill("")
        self._on_chosen()

    def _on_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self.current()))

    def _act(self, work: Any) -> None:
        self._background.start(
            _ACT_LANE, work, lambda _result: self._tick(), lambda error: self.view.show_problem(str(error))
        )


def _start(parameters: Dict[str, Any], python: str) -> str:
    """Start a training with the choices of the form; its folder."""
    from sr_plugin.pipeline.training_job import free_folder, start_training
    from sr_plugin.pipeline.training_request import make_plan

    family = parameters["ARCHITECTURE"]
    plan = make_plan(
        parameters["DATASET"],
        parameters["PRESET"],
        parameters["MODEL"],
        "" if parameters["MODEL"] or family == "auto" else family,
        parameters["NAME"],
        parameters["STEPS"],
        {"device": parameters["DEVICE"]},
    )
    folder = JobFolder(free_folder(plan.name))
    start_training(plan, folder, python)
    return folder.path


def _continue(folder: JobFolder, python: str) -> None:
    from sr_plugin.pipeline.training_job import continue_training

    continue_training(folder, python)
