"""Pictures of the comparison of edges as an algorithm: dialog, log, the class map with its legend, the report."""

from __future__ import annotations

import os
import tempfile
from typing import List

from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:compareedges"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = EdgeShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.super_resolve, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "edges_dialog"), 0),
        (shots.scroll_down, DRAW),
        (lambda: session.save(shots.dialog, "edges_dialog_end"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "edges_log"), 0),
        (shots.close_dialog, DRAW),
        (shots.zoom_in, 2 * DRAW),
        (lambda: session.save(session.iface.mainWindow(), "edges_classes"), 0),
    ]


class EdgeShots:
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.iface = session.iface
        self.dialog = None
        self.folder = tempfile.mkdtemp(prefix="sr-edges-")

    def super_resolve(self) -> None:
        """Make the raster to compare, and show it."""
        import processing

        output = os.path.join(self.folder, "finer.tif")
        model = self.session.model or "s2-rgbn-x4"
        processing.run("superres:superresolve", {"INPUT": self.session.raster, "MODEL": model, "OUTPUT": output})
        self.iface.addRasterLayer(output, "Sentinel-2 x4")

    def open_dialog(self) -> None:
        """The algorithm's dialog with the two layers chosen."""
        import processing
        from qgis.core import QgsProject

        layers = {layer.name(): layer.id() for layer in QgsProject.instance().mapLayers().values()}
        chosen = {"INPUT": layers["Sentinel-2"], "RESULT": layers["Sentinel-2 x4"]}
        self.dialog = processing.createAlgorithmDialog(_ALGORITHM, chosen)
        self.dialog.resize(1100, 800)
        self.dialog.show()

    def scroll_down(self) -> None:
        """Show the last parameters."""
        from qgis.PyQt.QtWidgets import QScrollArea

        for area in self.dialog.mainWidget().findChildren(QScrollArea):
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())

    def run(self) -> None:
        """Start a run from the dialog."""
        self.dialog.runAlgorithm()

    def close_dialog(self) -> None:
        """Close the dialog."""
        self.dialog.close()
        self.dialog.deleteLater()
        self.dialog = None

    def zoom_in(self) -> None:
        """Show a part of the map in which single lines can be told apart, with the legend unfolded."""
        self.iface.mapCanvas().zoomByFactor(0.3)
        self.iface.layerTreeView().expandAllNodes()
