"""What scenarios share that go through the dialog of an algorithm."""

from __future__ import annotations

import tempfile
from typing import Any, Dict, Optional

from tools.shots.session import Session


class DialogShots:
    """Opens, runs and closes the dialog of one algorithm.

    Args:
        session: what the pictures are taken in.
        algorithm: id of the algorithm.

    Attributes:
        dialog: the open one, or None.
        folder: for files of this scenario.
    """

    def __init__(self, session: Session, algorithm: str) -> None:
        self.session = session
        self.iface = session.iface
        self.dialog = None
        self.folder = tempfile.mkdtemp(prefix="sr-shots-")
        self._algorithm = algorithm

    def show_dialog(self, chosen: Optional[Dict[str, Any]] = None) -> None:
        """The algorithm's dialog as the toolbox opens it, with parameters filled in."""
        import processing

        self.dialog = processing.createAlgorithmDialog(self._algorithm, chosen or {})
        self.dialog.resize(1100, 800)
        self.dialog.show()

    def layer_id(self, name: str) -> str:
        """Id of the layer of the project that has this name."""
        from qgis.core import QgsProject

        (layer,) = QgsProject.instance().mapLayersByName(name)
        return layer.id()

    def scroll_down(self) -> None:
        """Show the last parameters."""
        from qgis.PyQt.QtWidgets import QScrollArea

        for area in self.dialog.mainWidget().findChildren(QScrollArea):
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())

    def run(self) -> None:
        """Start a run from the dialog."""
        self.dialog.runAlgorithm()

    def close_dialog(self) -> None:
        """Close the dialog of this step."""
        self.dialog.close()
        self.dialog.deleteLater()
        self.dialog = None
