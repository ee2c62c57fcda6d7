"""Pictures of the environment dialog, the options page and the diagnostics report."""

from __future__ import annotations

import os
from typing import List

from tools.shots.session import DRAW, Session, Step

_WORKER = "SR_PLUGIN_WORKER_PYTHON"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = EnvironmentShots(session)
    return [
        (shots.open_dialog, 0),
        session.wait_until(shots.has_looked),
        (shots.unfold, DRAW),
        (lambda: session.save(shots.dialog, "environment_found"), 0),
        (shots.find_nothing, 0),
        session.wait_until(shots.has_looked),
        (lambda: None, DRAW),
        (lambda: session.save(shots.dialog, "environment_nothing"), 0),
        (shots.fail, 0),
        session.wait_until(shots.is_idle),
        (lambda: None, DRAW),
        (lambda: session.save(shots.dialog, "environment_failed"), 0),
        (shots.create, 9000),
        (lambda: session.save(shots.dialog, "environment_creating"), 0),
        session.wait_until(shots.is_idle),
        session.wait_until(shots.has_looked),
        (lambda: None, DRAW),
        (lambda: session.save(shots.dialog, "environment_created"), 0),
        (shots.choose_a_wrong_python, DRAW),
        (shots.unfold, DRAW),
        (lambda: session.save(shots.dialog, "environment_wrong_choice"), 0),
        (shots.close, 0),
        (shots.open_diagnostics, 2 * DRAW),
        (lambda: session.save(shots.dialog, "diagnostics"), 0),
        (shots.close, 0),
        (shots.open_options, 0),
    ]


class EnvironmentShots:
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dialog = None

    def open_dialog(self) -> None:
        """The dialog with the Pythons of this computer."""
        from sr_plugin.gui.environment.environment_dialog import EnvironmentDialog

        os.environ.pop(_WORKER, None)
        self.dialog = EnvironmentDialog(self.session.iface.mainWindow())
        self.dialog.show()

    def has_looked(self) -> bool:
        """Whether the list is there."""
        return self.dialog.refresh_button.isEnabled()

    def is_idle(self) -> bool:
        """Whether nothing is being made."""
        return not self.dialog.creation.is_running

    def unfold(self) -> None:
        """Show the list with the details of the first Python."""
        self.dialog.tabs.setCurrentIndex(0)
        self.dialog.tree.topLevelItem(0).setExpanded(True)

    def find_nothing(self) -> None:
        """As on a computer without any Python that serves."""
        os.environ[_WORKER] = "/opt/gone/bin/python3"
        self.dialog.look()

    def fail(self) -> None:
        """A creation from a folder that holds the wrong wheels."""
        os.environ.pop(_WORKER, None)
        folder = os.path.join(os.environ["SR_PLUGIN_DATA"], "wheels")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "other-1-py3-none-any.whl"), "w", encoding="utf-8"):
            self.dialog.form.wheels.setFilePath(folder)
        self.dialog.create()

    def create(self) -> None:
        """A real creation of the light environment."""
        self.dialog.form.wheels.setFilePath("")
        self.dialog.create()

    def choose_a_wrong_python(self) -> None:
        """A file that is no Python."""
        self.dialog.chosen.path.setFilePath("/bin/true")
        self.dialog.chosen.use()

    def open_diagnostics(self) -> None:
        """The report of a failed run."""
        from sr_plugin.gui.diagnostics import DiagnosticsDialog

        self.dialog = DiagnosticsDialog(self.session.iface.mainWindow())
        self.dialog.collect("The worker process was ended by signal 9.", "Model: s2-rgbn-x2\nTile 3 of 12")
        self.dialog.show()

    def close(self) -> None:
        """Close the window of this step."""
        self.dialog.close()
        self.dialog.deleteLater()
        self.dialog = None

    def open_options(self) -> None:
        """QGIS' own options at the plugin's page; it is modal, so its picture is taken from inside."""
        from qgis.PyQt.QtCore import QTimer
        from qgis.PyQt.QtWidgets import QApplication

        from sr_plugin.gui.options_page import PAGE_NAME

        def take() -> None:
            window = QApplication.activeModalWidget()
            self.session.save(window, "options")
            window.reject()

        QTimer.singleShot(3 * DRAW, take)
        self.session.iface.showOptionsDialog(self.session.iface.mainWindow(), PAGE_NAME)
