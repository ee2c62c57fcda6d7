"""Pictures of the plugin in a real QGIS desktop, to judge the interface by.

Without arguments: stages the plugin, starts QGIS under Xvfb with a fresh profile and takes every picture.
The same file runs inside that QGIS, through ``qgis --code``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from typing import Dict, List

SHOTS = "SR_SHOTS_FOLDER"
RASTER = "SR_SHOTS_RASTER"
MODEL = "SR_SHOTS_MODEL"
#: Milliseconds for QGIS to settle after it started, and for a window to be drawn.
_START, _DRAW = 4000, 1500
_TIMEOUT = 100
_ALGORITHM = "superres:superresolve"


def take_pictures(folder: str, raster: str, python: str, project: str) -> int:
    """Start QGIS and let it take the pictures; its exit code."""
    sys.path.insert(0, project)
    from tools.stage import stage

    work = tempfile.mkdtemp(prefix="sr-shots-")
    try:
        stage(os.path.join(work, "plugins"))
        # The folder name is doubled: QGIS puts "profiles" below the path that it is given.
        settings = os.path.join(work, "profiles", "profiles", "default", "QGIS", "QGIS3.ini")
        os.makedirs(os.path.dirname(settings))
        with open(settings, "w", encoding="utf-8") as file:
            file.write("[PythonPlugins]\nsr_plugin=true\n")
        environment = {
            **os.environ,
            SHOTS: os.path.abspath(folder),
            RASTER: shutil.copy(raster, work),
            "QGIS_PLUGINPATH": os.path.join(work, "plugins"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "SR_PLUGIN_DATA": os.path.join(work, "data"),
        }
        environment.setdefault("SR_PLUGIN_WORKER_PYTHON", python)
        environment.pop("QT_QPA_PLATFORM", None)
        os.makedirs(folder, exist_ok=True)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", "qgis", "--nologo", "--noversioncheck"]
        command += ["--profiles-path", os.path.join(work, "profiles"), "--code", os.path.abspath(__file__)]
        return _run(command, environment)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(command: List[str], environment: Dict[str, str]) -> int:
    """Run a command and everything that it starts; end all of it when it takes too long."""
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return process.wait(_TIMEOUT)
    except subprocess.TimeoutExpired:
        print("QGIS did not end in time.", file=sys.stderr)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        return 1


class Session:
    """Takes one picture after the other inside QGIS; each step leaves Qt time to draw."""

    def __init__(self, iface) -> None:
        self.iface = iface
        self.folder = os.environ[SHOTS]
        self.dialog = None
        self.steps = [
            (self.load_raster, _DRAW),
            (self.open_dialog, _DRAW),
            (lambda: self.save(self.dialog, "dialog"), 0),
            (self.show_advanced, _DRAW),
            (lambda: self.save(self.dialog, "dialog_advanced"), 0),
            (self.run, 0),
            (self.wait_for_result, _DRAW),
            (lambda: self.save(self.dialog, "dialog_log"), 0),
            (self.close_dialog, _DRAW),
            (lambda: self.save(self.iface.mainWindow(), "result"), 0),
            (self.open_batch, _DRAW),
            (lambda: self.save(self.dialog, "batch"), 0),
            (self.close_dialog, 0),
            (self.open_modeler, _DRAW),
            (lambda: self.save(self.dialog, "modeler_step"), 0),
            (self.close_dialog, 0),
        ]

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

    def save(self, widget, name: str) -> None:
        """Write a picture of a widget."""
        path = os.path.join(self.folder, f"{name}.png")
        widget.grab().save(path)
        print(path)

    def load_raster(self) -> None:
        """Show the sample raster."""
        layer = self.iface.addRasterLayer(os.environ[RASTER], "Sentinel-2")
        self.iface.setActiveLayer(layer)
        self.iface.zoomToActiveLayer()

    def open_dialog(self) -> None:
        """The algorithm's dialog as the toolbox opens it."""
        import processing

        self.dialog = processing.createAlgorithmDialog(_ALGORITHM)
        self.dialog.resize(1100, 800)
        self.dialog.show()

    def show_advanced(self) -> None:
        """Unfold the advanced parameters and scroll down to them."""
        from qgis.PyQt.QtWidgets import QApplication, QGroupBox, QScrollArea

        # Python sees a plain group box; its class in QGIS has the property.
        self.dialog.findChild(QGroupBox, "grpAdvanced").setProperty("collapsed", False)
        QApplication.processEvents()
        for area in self.dialog.mainWidget().findChildren(QScrollArea):
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())

    def run(self) -> None:
        """Start a run from the dialog."""
        if os.environ.get(MODEL):
            self.dialog.setParameters({"MODEL": os.environ[MODEL]})
        self.dialog.runAlgorithm()

    def wait_for_result(self) -> None:
        """Come back to this step until the run has ended."""
        if self.dialog.feedback is not None:
            self.steps.insert(0, (self.wait_for_result, _DRAW))

    def close_dialog(self) -> None:
        """Close the dialog of this step."""
        self.dialog.close()
        self.dialog.deleteLater()
        self.dialog = None

    def open_batch(self) -> None:
        """The dialog for many rasters at once."""
        from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog
        from qgis.core import QgsApplication

        algorithm = QgsApplication.processingRegistry().algorithmById(_ALGORITHM).create()
        self.dialog = BatchAlgorithmDialog(algorithm, parent=self.iface.mainWindow())
        self.dialog.resize(1500, 500)
        self.dialog.show()

    def open_modeler(self) -> None:
        """The dialog of one step in the graphical modeler."""
        from processing.modeler.ModelerParametersDialog import ModelerParametersDialog
        from qgis.core import QgsApplication, QgsProcessingModelAlgorithm

        algorithm = QgsApplication.processingRegistry().algorithmById(_ALGORITHM).create()
        self.model = QgsProcessingModelAlgorithm()
        self.dialog = ModelerParametersDialog(algorithm, self.model)
        self.dialog.resize(900, 900)
        self.dialog.show()


def main() -> None:
    """Command line."""
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=os.path.join(project, "build", "screenshots"))
    parser.add_argument("--raster", default="", help="raster to show; default: the sample")
    python = os.path.join(project, ".venv", "bin", "python")
    parser.add_argument("--python", default=python, help="Python of the worker; default: that of .venv")
    parser.add_argument("--model", default="", help="model of the run; default: that of the dialog")
    arguments = parser.parse_args()
    if arguments.model:
        os.environ[MODEL] = arguments.model
    samples = os.path.join(project, "resources", "sample")
    raster = arguments.raster or os.path.join(samples, next(n for n in os.listdir(samples) if n.endswith(".tif")))
    sys.exit(take_pictures(arguments.folder, raster, arguments.python, project))


if SHOTS in os.environ:
    from qgis.PyQt.QtCore import QTimer
    from qgis.utils import iface

    session = Session(iface)
    QTimer.singleShot(_START, session.next)
elif __name__ == "__main__":
    main()
