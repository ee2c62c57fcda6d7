"""Pictures of preparing training pairs: the algorithm's dialog and the contact sheet."""

from __future__ import annotations

import os
from typing import List

from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:preparepairs"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = PairShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_algorithm, DRAW),
        (lambda: session.save(shots.dialog, "pairs_dialog"), 0),
        (shots.close, 0),
        (shots.prepare, 0),
        (shots.open_sheet, DRAW),
        (shots.strike_some_out, DRAW),
        (lambda: session.save(shots.dialog, "pairs_contact_sheet"), 0),
        (shots.close, 0),
    ]


class PairShots:
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dialog = None
        self.folder = os.path.join(os.environ["SR_PLUGIN_DATA"], "training-pairs-x4")

    def open_algorithm(self) -> None:
        """The algorithm's dialog as the toolbox opens it."""
        import processing

        self.dialog = processing.createAlgorithmDialog(_ALGORITHM)
        self.dialog.resize(1100, 900)
        self.dialog.show()

    def prepare(self) -> None:
        """A dataset of the sample raster."""
        import processing

        values = {"HIGH": [self.session.raster], "PATCH": 16, "OUTPUT": self.folder}
        processing.run(_ALGORITHM, values)

    def open_sheet(self) -> None:
        """The contact sheet."""
        from sr_plugin.core.dataset import Dataset
        from sr_plugin.gui.pairs.contact_sheet_dialog import ContactSheetDialog

        self.dialog = ContactSheetDialog(Dataset.open(self.folder), self.session.iface.mainWindow())
        self.dialog.show()

    def strike_some_out(self) -> None:
        """Three pairs, and some more selected."""
        from qgis.PyQt.QtCore import QItemSelectionModel

        model = self.dialog.model
        model.toggle([model.index(row) for row in (1, 6, 7)])
        self.dialog.view.selectionModel().select(model.index(3), QItemSelectionModel.SelectionFlag.Select)

    def close(self) -> None:
        """Close the window of this step."""
        self.dialog.hide()
        self.dialog.deleteLater()
        self.dialog = None
