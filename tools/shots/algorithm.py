"""Pictures of the algorithm: dialog, run, result, batch, a step in the modeler."""

from __future__ import annotations

from typing import List

from tools.shots.dialog import DialogShots
from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolve"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = AlgorithmShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.show_dialog, DRAW),
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


class AlgorithmShots(DialogShots):
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _ALGORITHM)

    def show_advanced(self) -> None:
        """Unfold the advanced parameters and scroll down to them."""
        from qgis.PyQt.QtWidgets import QApplication, QGroupBox

        # Python sees a plain group box; its class in QGIS has the property.
        self.dialog.findChild(QGroupBox, "grpAdvanced").setProperty("collapsed", False)
        QApplication.processEvents()
        self.scroll_down()

    def run(self) -> None:
        """Start a run from the dialog."""
        if self.session.model:
            self.dialog.setParameters({"MODEL": self.session.model})
        super().run()

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
