"""Pictures of the algorithm for time series: its dialog, and a run on three rasters made from the loaded one."""

from __future__ import annotations

import os
import tempfile
from typing import List

from tools.shots.algorithm import AlgorithmShots
from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolvetimeseries"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = TimeSeriesShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "timeseries_dialog"), 0),
        (shots.show_advanced, DRAW),
        (lambda: session.save(shots.dialog, "timeseries_advanced"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "timeseries_log"), 0),
        (shots.close_dialog, DRAW),
    ]


class TimeSeriesShots(AlgorithmShots):
    """Opens the windows that the pictures show."""

    def open_dialog(self) -> None:
        """The algorithm's dialog, with rasters at half the resolution whose pixels begin at different places."""
        import processing

        self.dialog = processing.createAlgorithmDialog(_ALGORITHM, {"INPUTS": self._rasters()})
        self.dialog.resize(1100, 860)
        self.dialog.show()

    def run(self) -> None:
        """Start a run from the dialog."""
        self.dialog.runAlgorithm()

    def _rasters(self) -> List[str]:
        from qgis.core import QgsProject

        layer = next(iter(QgsProject.instance().mapLayers().values()))
        return three_views(layer.source(), tempfile.mkdtemp(prefix="series_"))


def three_views(raster: str, folder: str) -> List[str]:
    """Three rasters at half the resolution whose pixels begin at different places."""
    from osgeo import gdal

    source = gdal.Open(raster)
    width, height = (side // 2 * 2 - 2 for side in (source.RasterXSize, source.RasterYSize))
    paths = []
    for number, (column, row) in enumerate(((0, 0), (1, 1), (0, 1)), start=1):
        path = os.path.join(folder, f"view_2016010{number}.tif")
        options = {"srcWin": [column, row, width, height], "width": width // 2, "height": height // 2}
        gdal.Translate(path, source, resampleAlg="average", **options)
        paths.append(path)
    return paths
