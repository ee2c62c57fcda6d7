"""Pictures of interrupted runs in the dock: listed, asked before they are deleted, going on."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any, List

from tools.shots.sentinel2 import band_files
from tools.shots.session import DRAW, Session, Step
from tools.shots.timeseries import three_views


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


def _stops(percent: float) -> Any:
    """Feedback of a run that is cancelled when so much of it is done."""
    from qgis.core import QgsProcessingFeedback

    class Stops(QgsProcessingFeedback):
        def setProgress(self, progress: float) -> None:  # noqa: N802 - QGIS API
            if progress >= percent:
                self.cancel()

    return Stops(False)


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
        """A raster, a product and a series that were interrupted, and a raster that has changed since."""
        folder = tempfile.mkdtemp()
        changed = shutil.copy(self.session.raster, os.path.join(folder, "scene_2024.tif"))
        raster = {"INPUT": changed, "MODEL": "bicubic:4"}
        self._interrupt("superresolve", os.path.join(folder, "scene_2024_x4.tif"), 30, **raster)
        os.utime(changed, (1, 1))
        raster = {"INPUT": self.session.raster, "MODEL": "bicubic:2"}
        self._interrupt("superresolve", os.path.join(folder, "virginia_for_comparison_x2.tif"), 60, **raster)
        views = three_views(self.session.raster, folder)
        series = {"INPUTS": views, "MODEL": "shift-and-add:2", "REGISTER": False, "TILE_SIZE": 64}
        series["CHANGES"] = os.path.join(folder, "changes.tif")
        self._interrupt("superresolvetimeseries", os.path.join(folder, "three_dates_x2.tif"), 70, **series)
        product = {"INPUT": band_files(self.session.raster), "MODEL": "nearest:2"}
        self._interrupt("superresolvesentinel2", os.path.join(folder, "T18SVG_5m.tif"), 40, **product)

    def _interrupt(self, algorithm: str, output: str, percent: float, **parameters: Any) -> None:
        import processing
        from qgis.core import QgsProcessingException

        values = {"TILE_SIZE": 16, "KEEP_PARTIAL": True, **parameters, "OUTPUT": output}
        try:
            processing.run(f"superres:{algorithm}", values, feedback=_stops(percent))
        except QgsProcessingException:
            return

    def cancel_question(self) -> None:
        """Do not delete anything."""
        from qgis.PyQt.QtWidgets import QMessageBox

        self.desktop.interrupted.question.button(QMessageBox.StandardButton.Cancel).click()
