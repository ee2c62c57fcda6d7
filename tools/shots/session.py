"""Steps that take pictures one after the other inside a running QGIS."""

from __future__ import annotations

import os
import traceback
from typing import Any, Callable, List, Tuple

#: Environment variables by which the outside tells the inside what to do.
FOLDER, RASTER, MODEL, SCENARIO = "SR_SHOTS_FOLDER", "SR_SHOTS_RASTER", "SR_SHOTS_MODEL", "SR_SHOTS_SCENARIO"
#: Milliseconds for a window to be drawn.
DRAW = 1500

#: A step and the milliseconds to wait after it.
Step = Tuple[Callable[[], Any], int]


class Session:
    """Does one step after the other and leaves Qt time to draw between them.

    Attributes:
        iface: the interface of the running QGIS.
        raster: the raster to show.
        model: the model to run, empty for the default.
        steps: what is still to be done; a step may put itself back to wait.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.raster = os.environ[RASTER]
        self.model = os.environ.get(MODEL, "")
        self.folder = os.environ[FOLDER]
        self.steps: List[Step] = []

    def next(self) -> None:
        """Do the next step; after the last one, or an error, leave QGIS."""
        from qgis.core import QgsProject
        from qgis.PyQt.QtCore import QTimer

        try:
            if self.steps:
                step, pause = self.steps.pop(0)
                step()
                QTimer.singleShot(pause, self.next)
                return
        except Exception:  # the harness must end QGIS whatever happens, and say why
            traceback.print_exc()
        # Temporary layers and a changed project would make QGIS ask before it leaves.
        QgsProject.instance().clear()
        self.iface.actionExit().trigger()

    def wait_until(self, done: Callable[[], bool]) -> Step:
        """A step that comes back until something is done."""

        def wait() -> None:
            if not done():
                self.steps.insert(0, (wait, DRAW))

        return wait, 0

    def save(self, widget: Any, name: str) -> None:
        """Write a picture of a widget."""
        path = os.path.join(self.folder, f"{name}.png")
        widget.grab().save(path)
        print(path)

    def load_raster(self) -> None:
        """Show the sample raster."""
        layer = self.iface.addRasterLayer(self.raster, "Sentinel-2")
        self.iface.setActiveLayer(layer)
        self.iface.zoomToActiveLayer()
