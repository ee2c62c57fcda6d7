"""Puts the comparison window into the main window, and takes it out again."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAction, QMainWindow, QWidget


class Docking:
    """Docks a window below the map of the main window.

    Args:
        window: what is docked.
        main: the main window; where it is none, there is nothing to dock in.
        action: the action that docks, checked while the window is docked.
    """

    def __init__(self, window: QMainWindow, main: Optional[QWidget], action: QAction) -> None:
        self._window = window
        self._main = main if isinstance(main, QMainWindow) else None
        self._dock: Optional[QgsDockWidget] = None
        self._action = action
        action.setVisible(self._main is not None)
        action.toggled.connect(self.set_docked)

    @property
    def docked(self) -> bool:
        """Whether the window is docked."""
        return self._dock is not None

    def set_docked(self, docked: bool) -> None:
        """Dock or undock."""
        if docked == self.docked or self._main is None:
            return
        if docked:
            self._dock = QgsDockWidget(self._window.windowTitle(), self._main)
            self._dock.setObjectName("superresCompareDock")
            self._main.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self._dock)
            self._dock.setWidget(self._window)
            self._window.setWindowFlags(Qt.WindowType.Widget)
            self._dock.closed.connect(self._closed)
            self._dock.show()
            self._window.show()
        else:
            self._take_out()
            self._window.show()

    def bring_up(self) -> None:
        """Show the window, or the dock that it is in, in front."""
        if self._dock is not None:
            self._dock.setUserVisible(True)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()

    def release(self) -> None:
        """Take the window out and delete the dock."""
        if self._dock is not None:
            self._take_out()

    def _take_out(self) -> None:
        dock, self._dock = self._dock, None
        self._window.setParent(self._main, Qt.WindowType.Window)
        self._main.removeDockWidget(dock)
        dock.deleteLater()

    def _closed(self) -> None:
        """The user closed the dock: the window is closed, and opens as a window the next time."""
        if self._dock is not None:
            self._take_out()
            self._action.setChecked(False)
            self._window.close()
