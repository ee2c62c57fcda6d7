"""The one dialog of the environment, wherever it is opened from: two could make two environments at once."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.gui.environment.environment_dialog import EnvironmentDialog


class OneDialog(QObject):
    """Makes the dialog when it is first wanted.

    Args:
        home: window that the dialog belongs to, and that it returns to from another one.

    Attributes:
        environment_changed: emitted when another Python, or another state of it, counts from now on.
        dialog: what is shown; None before.
    """

    environment_changed = pyqtSignal()

    def __init__(self, home: Optional[QWidget] = None) -> None:
        super().__init__(home)
        self._home = home
        self.dialog: Optional[EnvironmentDialog] = None

    def open(self, over: Optional[QWidget] = None) -> None:
        """Show the dialog.

        Args:
            over: a modal window over which it opens, and which cannot be closed while it is open.
        """
        dialog = self._made()
        if over is None:
            dialog.show()
        else:
            dialog.setParent(over, dialog.windowFlags())
            dialog.open()
        dialog.raise_()
        dialog.activateWindow()

    def shut_down(self) -> None:
        """End what it does, and delete it."""
        if self.dialog is not None:
            self.dialog.shut_down()
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None

    def _made(self) -> EnvironmentDialog:
        if self.dialog is None:
            self.dialog = EnvironmentDialog(self._home)
            self.dialog.environment_changed.connect(self.environment_changed)
            self.dialog.finished.connect(self._go_home)
        return self.dialog

    def _go_home(self, _result: int) -> None:
        # The other window deletes its children with itself.
        if self.dialog is not None and self.dialog.parentWidget() is not self._home:
            self.dialog.setParent(self._home, self.dialog.windowFlags())
            self.dialog.setWindowModality(Qt.WindowModality.NonModal)
