"""Pictures of the algorithm for Sentinel-2 products: its dialog, and a run on a product of few pixels."""

from __future__ import annotations

import os
import tempfile
from typing import List

from tools.shots.algorithm import AlgorithmShots
from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolvesentinel2"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = Sentinel2Shots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "sentinel2_dialog"), 0),
        (shots.show_advanced, DRAW),
        (lambda: session.save(shots.dialog, "sentinel2_advanced"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "sentinel2_log"), 0),
        (shots.close_dialog, DRAW),
        (lambda: session.save(session.iface.mainWindow(), "sentinel2_result"), 0),
    ]


class Sentinel2Shots(AlgorithmShots):
    """Opens the windows that the pictures show."""

    def open_dialog(self) -> None:
        """The algorithm's dialog, with band files made from the loaded raster."""
        import processing

        self.dialog = processing.createAlgorithmDialog(_ALGORITHM, {"INPUT": band_files(self._shown())})
        self.dialog.resize(1100, 860)
        self.dialog.show()

    def _shown(self) -> str:
        from qgis.core import QgsProject

        return next(iter(QgsProject.instance().mapLayers().values())).source()


def band_files(raster: str) -> str:
    """A folder of band files, named as in a product, made from a raster with B04, B03, B02, B08."""
    from osgeo import gdal

    folder = tempfile.mkdtemp(prefix="S2A_MSIL1C_20160112T160242_N0201_R097_T18SVG_")
    for number, name in enumerate(("B04", "B03", "B02", "B08"), start=1):
        gdal.Translate(os.path.join(folder, f"T18SVG_20160112T160242_{name}.tif"), raster, bandList=[number])
    return folder
