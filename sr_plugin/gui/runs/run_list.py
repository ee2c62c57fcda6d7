"""The list of runs: progress, cancel, and what became of them."""

from __future__ import annotations

from typing import Dict, List, Optional

from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtGui import QResizeEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from sr_plugin.gui.connections import Connections
from sr_plugin.gui.runs.row_area import RowArea, lay_out_under
from sr_plugin.gui.runs.run import Run, RunState
from sr_plugin.gui.runs.run_details import RunDetails
from sr_plugin.gui.runs.run_queue import RunQueue
from sr_plugin.gui.runs.run_row import RunRow
from sr_plugin.processing.translation import tr

#: Rows that are seen without scrolling, and the share of the window that they may take.
_ROWS_IN_SIGHT = 3
_SHARE_OF_WINDOW = 0.3
#: Milliseconds between two updates of the time left.
_TICK = 1000


class RunList(QWidget):
    """Shows the runs of a queue: first the one that goes on, then those that wait, then what is over, newest first.

    Hidden while there is none.

    Args:
        queue: the runs.
        parent: Qt parent.
    """

    def __init__(self, queue: RunQueue, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._rows: Dict[int, RunRow] = {}
        self._details: Dict[int, RunDetails] = {}
        self._clear = QToolButton()
        self._clear.setText(tr("Clear list"))
        self._clear.setToolTip(tr("Take all runs that are over off the list; results stay"))
        self._clear.clicked.connect(lambda _checked: queue.remove_ended())
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._tick)
        self._connections = Connections()
        self._connections.add(queue.added, self._add)
        self._connections.add(queue.removed, self._remove)
        self._connections.add(queue.started, self._arrange)
        self._connections.add(queue.ended, self._arrange)
        for run in queue.runs:
            self._add(run)
        self._arrange()

    def _lay_out(self) -> None:
        title = QWidget()
        header = QHBoxLayout(title)
        header.setContentsMargins(0, 0, 0, 0)
        header.addWidget(QLabel(tr("Runs")), 1)
        header.addWidget(self._clear)
        self._area = RowArea()
        lay_out_under(title, self._area, self)

    def row_of(self, run: Run) -> Optional[RunRow]:
        """The row of a run."""
        return self._rows.get(id(run))

    def rows(self) -> List[RunRow]:
        """The rows as they are shown, from the top."""
        return [row for row in self._area.rows() if isinstance(row, RunRow)]

    def show_details(self, run: Run) -> None:
        """Open the log of a run."""
        dialog = self._details.get(id(run))
        if dialog is None:
            dialog = RunDetails(run, self.window())
            self._details[id(run)] = dialog
            dialog.finished.connect(lambda _code: self._details.pop(id(run), None))
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def shut_down(self) -> None:
        """Let go of the queue and close what was opened."""
        self._timer.stop()
        for dialog in list(self._details.values()):
            dialog.close()
        self._connections.clear()
        for row in self._rows.values():
            row.let_go()
        self._rows.clear()

    def _add(self, run: Run) -> None:
        row = RunRow(run, self._area.inner)
        row.cancel_requested.connect(self._queue.cancel)
        row.remove_requested.connect(self._queue.remove)
        row.details_requested.connect(self.show_details)
        row.add_requested.connect(self._queue.bring_in)
        self._rows[id(run)] = row
        self._arrange()
        self._timer.start()

    def _remove(self, run: Run) -> None:
        row = self._rows.pop(id(run), None)
        if row is not None:
            row.let_go()
            self._area.drop(row)
        self._arrange()

    def _fit(self) -> None:
        """As high as the rows are, up to a few of them."""
        self.setVisible(bool(self._rows))
        heights = [row.sizeHint().height() for row in self._rows.values()]
        if heights:
            wanted = sum(sorted(heights, reverse=True)[:_ROWS_IN_SIGHT])
            # The run that goes on is seen whole on any screen.
            most = max(max(heights), int(_SHARE_OF_WINDOW * self.window().height()))
            self._area.fit(min(wanted, most))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Texts wrap anew, and so rows change their height."""
        super().resizeEvent(event)
        self._fit()

    def _arrange(self, _run: Optional[Run] = None) -> None:
        """Put the rows in order, so that the run that can be cancelled is in sight."""
        runs = [run for run in self._queue.runs if id(run) in self._rows]
        ended = [run for run in reversed(runs) if run.ended]
        running = [run for run in runs if run.state == RunState.RUNNING]
        waiting = [run for run in runs if run.state == RunState.QUEUED]
        for place, run in enumerate(running + waiting + ended):
            self._area.put(place, self._rows[id(run)])
        self._clear.setVisible(bool(ended))
        self._fit()

    def _tick(self) -> None:
        running = self._queue.running
        if running is None:
            self._timer.stop()
            return
        row = self.row_of(running)
        if row is not None:
            row.update_state()
