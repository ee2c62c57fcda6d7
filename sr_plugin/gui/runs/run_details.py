"""The log of a run, and a report to copy into a ticket."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QFontDatabase
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from sr_plugin.gui.runs.run import Run, RunState
from sr_plugin.processing.translation import tr


class RunDetails(QDialog):
    """Shows what a run said, and goes on while it runs.

    Args:
        run: which one.
        parent: Qt parent.
    """

    def __init__(self, run: Run, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._run = run
        self._shown = 0
        self.setWindowTitle(tr("Super-resolution: {}").format(run.title))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(680, 420)
        self._status = QLabel()
        self._status.setWordWrap(True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._log = QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._log.setAccessibleName(tr("Log"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        report = buttons.addButton(tr("Diagnostics report…"), QDialogButtonBox.ButtonRole.ActionRole)
        report.setToolTip(tr("Versions, devices, settings and this log, to copy into a ticket"))
        report.clicked.connect(lambda _checked: self.show_report())
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._status)
        layout.addWidget(self._log, 1)
        layout.addWidget(buttons)
        run.changed.connect(self._update)
        self.finished.connect(self._let_go)
        self._update()

    def show_report(self) -> None:
        """Open the diagnostics report."""
        # Imported here: it looks at the whole environment, which hardly any run needs.
        from sr_plugin.gui.diagnostics import DiagnosticsDialog

        dialog = DiagnosticsDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.collect(self._run.cause, self._run.log)
        dialog.open()

    def _let_go(self, _code: int) -> None:
        self._run.changed.disconnect(self._update)

    def _update(self) -> None:
        run = self._run
        text = run.status()
        if run.state == RunState.DONE and run.output:
            text += "\n" + run.output
        self._status.setText(text)
        for kind, line in run.lines[self._shown :]:
            mark = {"warning": tr("Warning: "), "error": tr("Error: ")}.get(kind, "")
            self._log.appendPlainText(mark + line)
        self._shown = len(run.lines)
