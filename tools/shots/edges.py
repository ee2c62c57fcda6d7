"""Pictures of the comparison of edges as an algorithm: dialog, log, the class map with its legend, the report."""

from __future__ import annotations

import os
from typing import List

from tools.shots.dialog import DialogShots
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


class EdgeShots(DialogShots):
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _ALGORITHM)

    def super_resolve(self) -> None:
        """Make the raster to compare, and show it."""
        import processing

        output = os.path.join(self.folder, "finer.tif")
        model = self.session.model or "s2-rgbn-x4"
        processing.run("superres:superresolve", {"INPUT": self.session.raster, "MODEL": model, "OUTPUT": output})
        self.iface.addRasterLayer(output, "Sentinel-2 x4")

    def open_dialog(self) -> None:
        """The algorithm's dialog with the two layers chosen."""
        self.show_dialog({"INPUT": self.layer_id("Sentinel-2"), "RESULT": self.layer_id("Sentinel-2 x4")})

    def zoom_in(self) -> None:
        """Show a part of the map in which single lines can be told apart, with the legend unfolded."""
        self.iface.mapCanvas().zoomByFactor(0.3)
        self.iface.layerTreeView().expandAllNodes()
