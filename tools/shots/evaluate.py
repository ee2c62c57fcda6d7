"""Pictures of the evaluation: dialog, log, tiles on the map coloured by their error."""

from __future__ import annotations

import os
from typing import List

from tools.shots.dialog import DialogShots
from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:evaluate"
_SCALE = 4


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = EvaluationShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.super_resolve, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "evaluate_dialog"), 0),
        (shots.scroll_down, DRAW),
        (lambda: session.save(shots.dialog, "evaluate_dialog_end"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "evaluate_log"), 0),
        (shots.close_dialog, 2 * DRAW),
        (lambda: session.save(session.iface.mainWindow(), "evaluate_tiles"), 0),
    ]


class EvaluationShots(DialogShots):
    """Opens the windows that the pictures show."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, _ALGORITHM)

    def super_resolve(self) -> None:
        """Make the scene coarser and super-resolve that, so that the scene itself is the truth."""
        import processing
        from osgeo import gdal

        coarse, fine = (os.path.join(self.folder, name) for name in ("coarse.tif", "finer.tif"))
        size = 100 / _SCALE
        gdal.Translate(coarse, self.session.raster, widthPct=size, heightPct=size, resampleAlg="average")
        model = self.session.model or "s2-rgbn-x4"
        processing.run("superres:superresolve", {"INPUT": coarse, "MODEL": model, "OUTPUT": fine})
        self.iface.addRasterLayer(coarse, "Sentinel-2 made coarser")
        self.iface.addRasterLayer(fine, "Super-resolved")

    def open_dialog(self) -> None:
        """The algorithm's dialog with the layers chosen."""
        chosen = {
            "INPUT": self.layer_id("Sentinel-2 made coarser"),
            "RESULTS": [self.layer_id("Super-resolved")],
            "TRUTH": self.layer_id("Sentinel-2"),
            "TILE_SIZE": 32,
            "TILES": "TEMPORARY_OUTPUT",
            "OUTPUT_HTML": os.path.join(self.folder, "report.html"),
        }
        self.show_dialog(chosen)

    def close_dialog(self) -> None:
        """Close the dialog and unfold the legend."""
        super().close_dialog()
        self.iface.layerTreeView().expandAllNodes()
