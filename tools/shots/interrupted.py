"""Pictures of interrupted runs in the dock: listed, asked before they are deleted, going on."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import List

from tools.shots.session import DRAW, Session, Step


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = InterruptedShots(session)
    return [
        (shots.fill_screen, DRAW),
        (session.load_raster, DRAW),
        (shots.leave_runs_behind, 0),
        (shots.open_dock, DRAW),
        session.wait_until(lambda: bool(shots.desktop.interrupted.rows)),
        (lambda: None, DRAW),
        (lambda: shots.save("listed"), 0),
        (lambda: shots.desktop.interrupted.rows[0].discard_button.click(), DRAW),
        (lambda: session.save(shots.desktop.interrupted.question, "interrupted_question"), 0),
        (shots.cancel_question, DRAW),
        (lambda: shots.desktop.interrupted.rows[1].continue_button.click(), 300),
        (lambda: shots.save("continued"), 0),
        session.wait_until(lambda: shots.desktop.queue.runs[-1].ended),
        (lambda: None, DRAW),
        (lambda: shots.save("done"), 0),
    ]


class _Stops:
    """Feedback of a run that is cancelled after some tiles."""

    def __init__(self, after: int) -> None:
        self._after, self._done = after, 0

    def message(self, text: str) -> None:
        """Not kept."""

    warning = message

    def progress(self, done: int, total: int, seconds_left: object) -> None:
        """Count tiles."""
        self._done = done

    def cancelled(self) -> bool:
        """True after enough tiles."""
        return self._done >= self._after


class InterruptedShots:
    """Leaves runs behind and looks at them in the dock."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.iface = session.iface

    @property
    def desktop(self):
        """The plugin's interface."""
        from qgis.utils import plugins

        return plugins["sr_plugin"].desktop

    def save(self, name: str) -> None:
        """A picture of the whole window."""
        self.session.save(self.iface.mainWindow(), f"interrupted_{name}")

    def fill_screen(self) -> None:
        """As large as the screen: without a window manager nothing can be maximised."""
        window = self.iface.mainWindow()
        window.setGeometry(window.screen().geometry())

    def open_dock(self) -> None:
        """Open the dock with its action."""
        self.desktop.actions.dock.trigger()

    def leave_runs_behind(self) -> None:
        """Two runs that were interrupted, and one whose input has changed since."""
        folder = tempfile.mkdtemp()
        changed = shutil.copy(self.session.raster, os.path.join(folder, "scene_2024.tif"))
        self._interrupt(changed, os.path.join(folder, "scene_2024_x4.tif"), "bicubic:4", 30)
        os.utime(changed, (1, 1))
        self._interrupt(self.session.raster, os.path.join(folder, "virginia_x2.tif"), "bicubic:2", 150)
        self._interrupt(self.session.raster, os.path.join(folder, "virginia_for_comparison_x4.tif"), "bicubic:4", 60)

    def _interrupt(self, source: str, output: str, model: str, after: int) -> None:
        from sr_plugin.core.errors import Cancelled
        from sr_plugin.pipeline.request import SuperResolveRequest
        from sr_plugin.pipeline.superresolve import superresolve
        from sr_plugin.processing import settings

        request = SuperResolveRequest(
            source, output, model, tile=16, keep_partial=True, worker_python=settings.worker_python()
        )
        try:
            superresolve(request, _Stops(after))
        except Cancelled:
            return

    def cancel_question(self) -> None:
        """Do not delete anything."""
        from qgis.PyQt.QtWidgets import QMessageBox

        self.desktop.interrupted.question.button(QMessageBox.StandardButton.Cancel).click()
