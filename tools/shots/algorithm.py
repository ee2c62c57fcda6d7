"""Pictures of the algorithm: dialog, run, result, batch, a step in the modeler."""

from __future__ import annotations

from typing import List

from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolve"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = AlgorithmShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "dialog"), 0),
        (shots.show_advanced, DRAW),
        (lambda: session.save(shots.dialog, "dialog_advanced"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "dialog_log"), 0),
        (shots.close_dialog, DRAW),
        (lambda: session.save(session.iface.mainWindow(), "result"), 0),
        (shots.open_batch, DRAW),
        (lambda: session.save(shots.dialog, "batch"), 0),
        (shots.close_dialog, 0),
        (shots.open_modeler, DRAW),
        (lambda: session.save(shots.dialog, "modeler_step"), 0),
        (shots.close_dialog, 0),
    ]


class AlgorithmShots:
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.iface = session.iface
        self.dialog = None

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
        if self.session.model:
            self.dialog.setParameters({"MODEL": self.session.model})
        self.dialog.runAlgorithm()

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
