"""Dialog for the Python that runs the models: what there is, one's own, and the plugin's environment."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Tuple

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent, QDesktopServices, QFontDatabase, QTextOption
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.errors import Cancelled, SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.environment.chosen_python import ChosenPython
from sr_plugin.gui.environment.creation import Creation
from sr_plugin.gui.environment.environment_form import EnvironmentForm
from sr_plugin.gui.environment.progress_bar import ProgressRow
from sr_plugin.gui.environment.python_tree import PythonTree, device_names, probe_of
from sr_plugin.processing import runtime_check, settings
from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.environment_folder import own_environments
from sr_plugin.runtime.environment_report import ASK, ASK_AGAIN, environment_report

_LANE = "report"
_MOST_LINES = 5000


class EnvironmentDialog(QDialog):
    """Shows and makes what models run on. Nothing is installed without a click.

    Args:
        parent: Qt parent.

    Attributes:
        environment_changed: emitted when another Python was chosen, or the environment made or removed.
    """

    environment_changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Super-Resolution: environment for models"))
        self.setWindowIcon(plugin_icon())
        self._report: Optional[Mapping[str, Any]] = None
        self._background = Background(self)
        self.creation = Creation(self)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self.look(ASK)

    def look(self, how: str = ASK_AGAIN) -> None:
        """Find out what there is, in the background.

        Args:
            how: see :func:`~sr_plugin.runtime.environment_report.environment_report`.
        """
        self.summary.setText(tr("Looking for Pythons on this computer…"))
        self.icon.setPixmap(QgsApplication.getThemeIcon("/mIconInfo.svg").pixmap(QSize(24, 24)))
        self.refresh_button.setEnabled(False)
        chosen = settings.worker_python() or None
        self._background.start(_LANE, lambda: environment_report(chosen, how), self._show_report)

    def shut_down(self) -> None:
        """End what runs; for the end of the plugin."""
        self.creation.shut_down()
        self.chosen.shut_down()
        self._background.shut_down(0.5)

    def reject(self) -> None:
        """Close; while an environment is made, ask first."""
        if self.creation.is_running and not self._may_stop():
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt API
        """Ask only people: when the plugin is unloaded, what runs is cancelled."""
        if not event.spontaneous():
            self.creation.cancel()
            self.hide()
            event.accept()
            return
        super().closeEvent(event)

    def _make_widgets(self) -> None:
        self.icon = QLabel()
        self.icon.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.refresh_button = QToolButton()
        self.refresh_button.setIcon(QgsApplication.getThemeIcon("/mActionRefresh.svg"))
        self.refresh_button.setToolTip(tr("Look again"))
        self.refresh_button.setAccessibleName(tr("Look again"))
        self.refresh_button.setAutoRaise(True)
        self.tree = PythonTree()
        self.tree.setMinimumHeight(110)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(_MOST_LINES)
        self.log.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setPlaceholderText(tr("What is done while an environment is made appears here."))
        self.tabs = QTabWidget()
        self.tabs.addTab(self.tree, tr("Found on this computer"))
        self.tabs.addTab(self.log, tr("Log"))
        self.chosen = ChosenPython()
        self.form = EnvironmentForm()
        self.progress = ProgressRow()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        # Return in the field of the path must not close the dialog.
        self.buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.icon)
        top.addWidget(self.summary, 1)
        top.addWidget(self.refresh_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.chosen)
        layout.addWidget(self.form)
        layout.addWidget(self.progress)
        layout.addWidget(self.buttons)
        self.resize(780, 680)

    def _connect(self) -> None:
        self.refresh_button.clicked.connect(lambda _checked: self.look())
        self.buttons.rejected.connect(self.reject)
        self.chosen.choice_changed.connect(self._changed)
        self.form.create_asked.connect(self.create)
        self.form.repair_asked.connect(lambda: self.create(anew=True))
        self.form.remove_asked.connect(self.remove)
        self.form.open_asked.connect(self._open_folder)
        self.progress.cancelled.connect(self.creation.cancel)
        self.creation.line.connect(self._write)
        self.creation.ticked.connect(self.progress.set_seconds)
        self.creation.done.connect(self._done)
        self.creation.failed.connect(self._failed)

    def create(self, anew: bool = False) -> None:
        """Make, enlarge or repair the environment as the form says."""
        form = self.form
        settings.ENVIRONMENT_SIZE.set(form.size)
        self.log.clear()
        self._begin(tr("Repairing the environment…") if anew else tr("Making the environment…"), True)
        self.creation.create(form.size, form.wheels_folder, form.proxy, self._folder() if anew else "", anew)

    def remove(self) -> None:
        """Delete the environment after a question."""
        folder = self._folder()
        question = tr("Remove the environment in '{}'? Models and settings stay.").format(folder)
        title = tr("Remove the environment")
        if QMessageBox.question(self, title, question) == QMessageBox.StandardButton.Yes:
            self.log.clear()
            self._begin(tr("Removing the environment…"), False)
            self.creation.remove(folder)

    def _begin(self, text: str, can_cancel: bool) -> None:
        self.tabs.setCurrentWidget(self.log)
        self._say("/mIconInfo.svg", text, "")
        self.progress.begin(text, can_cancel)
        for part in (self.form, self.chosen, self.refresh_button):
            part.setEnabled(False)

    def _end(self) -> None:
        self.progress.end()
        for part in (self.form, self.chosen, self.refresh_button):
            part.setEnabled(True)

    def _done(self, made: Any) -> None:
        self._end()
        self._write(tr("The environment was removed.") if made is None else tr("The environment is ready."))
        if made is not None and settings.worker_python():
            self._write(tr("Models still run on the Python that you chose; choose none to use this environment."))
        self._changed()

    def _failed(self, error: SuperResolutionError) -> None:
        self._end()
        self._write("")
        self._write(str(error))
        if isinstance(error, Cancelled):
            self.look(ASK)
            return
        self._say("/mIconWarning.svg", error.message, error.hint)

    def _changed(self) -> None:
        runtime_check.forget()
        self.look(ASK)
        self.environment_changed.emit()

    def _show_report(self, report: Mapping[str, Any]) -> None:
        self._report = report
        self.refresh_button.setEnabled(not self.creation.is_running)
        self.tree.show_report(report)
        own = [python for python in report["pythons"] if python["origin"] == "own"]
        self.form.show_state(bool(own or report["unfinished"]), bool(own))
        self.form.refresh_proxy()
        if not self.creation.is_running:
            self._say(*summary_of(report))

    def _write(self, line: str) -> None:
        """Add a line to the log and keep its end in sight."""
        self.log.appendPlainText(line)
        bar = self.log.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _say(self, icon: str, sentence: str, more: str) -> None:
        self.icon.setPixmap(QgsApplication.getThemeIcon(icon).pixmap(QSize(24, 24)))
        self.summary.setText(f"<b>{_html(sentence)}</b>" + (f"<br>{_html(more)}" if more else ""))

    def _folder(self) -> str:
        """The plugin's environment that the buttons act on: the selected one, else the first."""
        selected = self.tree.own_folder()
        if selected:
            return selected
        unfinished = list(self._report["unfinished"]) if self._report is not None else []
        return next(iter(own_environments() + unfinished), "")

    def _open_folder(self) -> None:
        folder = self._folder()
        if os.path.isdir(folder):
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    def _may_stop(self) -> bool:
        question = tr("The environment is still being made. Stop?")
        if QMessageBox.question(self, self.windowTitle(), question) != QMessageBox.StandardButton.Yes:
            return False
        self.creation.cancel()
        return True


def summary_of(report: Mapping[str, Any]) -> Tuple[str, str, str]:
    """What the report comes to.

    Args:
        report: see :func:`~sr_plugin.runtime.environment_report.environment_report`.

    Returns:
        Name of an icon, a sentence, and what more there is to say.
    """
    used_for: Dict[str, Dict[str, str]] = report["used_for"]
    used = {kind: found["python"] for kind, found in used_for.items() if "python" in found}
    if "builtin" not in used:
        message = used_for["builtin"]["message"]
        hint = tr("Create the environment below, or choose a Python of your own.")
        if any(record["origin"] == "chosen" for record in report["pythons"]):
            # An environment would not help: the choice comes before it.
            hint = tr("Choose another Python of your own below, or none.")
        return "/mIconWarning.svg", message, hint
    path = used.get("onnx", used["builtin"])
    python = next(record for record in report["pythons"] if record["path"] == path)
    probe = probe_of(python)
    where = tr("Python {} in {}").format(probe.version, path)
    details = f"{where}\n{device_names(python['devices'])}"
    if "onnx" not in used:
        return "/mIconWarning.svg", tr("Only interpolation runs; models need ONNX Runtime."), details
    if "checkpoint" not in used:
        return (
            "/mIconSuccess.svg",
            tr("The shipped and other ONNX models run; checkpoints need PyTorch."),
            details,
        )
    return "/mIconSuccess.svg", tr("All kinds of models run."), details


def _html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\n", "<br>")
