"""Runs that did not come to their end, for example because QGIS was killed: to be continued or discarded."""

from __future__ import annotations

import os
from typing import Callable, List, Optional, Set

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QResizeEvent
from qgis.PyQt.QtWidgets import QLabel, QMessageBox, QWidget

from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.runs.interrupted_row import InterruptedRow
from sr_plugin.gui.runs.row_area import RowArea, lay_out_under
from sr_plugin.pipeline.interrupted import InterruptedJob, discard, interrupted_jobs
from sr_plugin.processing.translation import tr

_READ = "interrupted"
#: Rows that are seen without scrolling.
_ROWS_IN_SIGHT = 3


class InterruptedList(QWidget):
    """Lists interrupted runs, whatever interface they were started from. Hidden while there is none.

    Args:
        busy_outputs: gives the paths that runs of this session write to or are waiting to write to.
        parent: Qt parent.

    Attributes:
        continue_requested: emitted with the :class:`InterruptedJob` that is to go on.
        failed: emitted with why something could not be deleted.
        refreshed: emitted when the list is up to date.
        rows: what is shown, the latest first.
    """

    continue_requested = pyqtSignal(object)
    failed = pyqtSignal(str)
    refreshed = pyqtSignal()

    def __init__(self, busy_outputs: Callable[[], Set[str]], parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._busy_outputs = busy_outputs
        self._background = Background(self)
        self._question: Optional[QMessageBox] = None
        self.rows: List[InterruptedRow] = []
        self._area = RowArea()
        lay_out_under(QLabel(tr("Interrupted runs")), self._area, self)
        self.setVisible(False)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Look for interrupted runs again, in the background."""
        self._background.start(_READ, interrupted_jobs, self._show)

    def ask_to_discard(self, job: InterruptedJob) -> None:
        """Delete what was done of a run, once the user has agreed."""
        text = tr("Delete what was done of '{}'?").format(os.path.basename(job.run.output))
        more = tr("{done} of {tiles} tiles are done. The input is not touched.").format(done=job.done, tiles=job.tiles)
        for path in job.whole:
            more = tr("{} '{}' is whole and stays.").format(more, os.path.basename(path))
        buttons = QMessageBox.StandardButton.Cancel
        question = QMessageBox(QMessageBox.Icon.Question, tr("Interrupted run"), text, buttons, self.window())
        question.setInformativeText(more)
        agreed = question.addButton(tr("Delete"), QMessageBox.ButtonRole.DestructiveRole)
        question.setDefaultButton(QMessageBox.StandardButton.Cancel)
        agreed.clicked.connect(lambda _checked: self._discard(job))
        question.finished.connect(self._answered)
        self._question = question
        question.open()

    @property
    def question(self) -> Optional[QMessageBox]:
        """The question that waits for an answer."""
        return self._question

    def shut_down(self) -> None:
        """Close what was opened and await nothing more."""
        if self._question is not None:
            self._question.close()
        self._background.shut_down()

    def _answered(self, _result: int) -> None:
        if self._question is not None:
            self._question.deleteLater()
            self._question = None

    def _discard(self, job: InterruptedJob) -> None:
        # A lane for each, since of one lane only the newest function is sure to run.
        self._background.start(f"discard {job.entry}", lambda: discard(job), self.refresh, self._tell)

    def _tell(self, error: SuperResolutionError) -> None:
        self.failed.emit(str(error))
        self.refresh()

    def _show(self, jobs: List[InterruptedJob]) -> None:
        for row in self.rows:
            self._area.drop(row)
        busy = {os.path.abspath(path) for path in self._busy_outputs()}
        self.rows = [InterruptedRow(job, self._area.inner) for job in jobs if job.run.output not in busy]
        for place, row in enumerate(self.rows):
            row.continue_requested.connect(self.continue_requested)
            row.discard_requested.connect(self.ask_to_discard)
            self._area.put(place, row)
        self.setVisible(bool(self.rows))
        self._fit()
        self.refreshed.emit()

    def _fit(self) -> None:
        """As high as the rows are, up to a few of them."""
        width = self._area.viewport().width()
        self._area.fit(sum(row.heightForWidth(width) for row in self.rows[:_ROWS_IN_SIGHT]))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Texts wrap anew, and so rows change their height."""
        super().resizeEvent(event)
        self._fit()
