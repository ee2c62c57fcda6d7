"""Tells whether the project that is open is still the same one."""

from __future__ import annotations

import os
from typing import Dict, Optional

from qgis.core import QgsProject
from qgis.PyQt.QtCore import QObject

from sr_plugin.gui.connections import Connections


class ProjectWatch(QObject):
    """Names the open project: another name for each project that is begun, the same one for each that is read again."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._begun = 0
        self._names: Dict[str, str] = {}
        self._name = ""
        self._cleared()
        self._remember()
        project = QgsProject.instance()
        self._connections = Connections()
        self._connections.add(project.cleared, self._cleared)
        self._connections.add(project.readProject, self._read)
        self._connections.add(project.projectSaved, self._remember)

    def current(self) -> str:
        """Name of the open project."""
        return self._name

    def shut_down(self) -> None:
        """Watch no longer."""
        self._connections.clear()

    def _cleared(self) -> None:
        self._begun += 1
        self._name = f"project {self._begun}"

    def _read(self, *_: object) -> None:
        self._name = self._names.get(_path(), self._name)
        self._remember()

    def _remember(self) -> None:
        if _path():
            self._names[_path()] = self._name


def _path() -> str:
    path = QgsProject.instance().absoluteFilePath()
    return os.path.normcase(path) if path else ""
