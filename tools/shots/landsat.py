"""Pictures of the algorithm for Landsat products: its dialog, and a run onto the grid of a Sentinel-2 raster."""

from __future__ import annotations

import os
import tempfile
from typing import List

from tools.shots.algorithm import AlgorithmShots
from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolvelandsat"
_NAME = "LC08_L2SP_015034_20160112_20200907_02_T1"
#: Bands of the sample in the product, by their numbers there: red, green, blue, near infrared.
_BANDS = (("4", 1), ("3", 2), ("2", 3), ("5", 4))
_METADATA = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{name}"
    PROCESSING_LEVEL = "L2SP"
    COLLECTION_NUMBER = 02
{files}  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_8"
    SENSOR_ID = "OLI_TIRS"
    DATE_ACQUIRED = 2016-01-12
  END_GROUP = IMAGE_ATTRIBUTES
END_GROUP = LANDSAT_METADATA_FILE
END
"""


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = LandsatShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_dialog, DRAW),
        (lambda: session.save(shots.dialog, "landsat_dialog"), 0),
        (shots.show_advanced, DRAW),
        (lambda: session.save(shots.dialog, "landsat_advanced"), 0),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "landsat_log"), 0),
        (shots.close_dialog, DRAW),
        (lambda: session.save(session.iface.mainWindow(), "landsat_result"), 0),
    ]


class LandsatShots(AlgorithmShots):
    """Opens the windows that the pictures show."""

    def open_dialog(self) -> None:
        """The algorithm's dialog, with a product made from the loaded raster, aligned to that raster."""
        import processing
        from qgis.core import QgsProject

        layer = next(iter(QgsProject.instance().mapLayers().values()))
        values = {"INPUT": self._product(layer.source()), "ALIGN_TO": layer.id(), "MODEL": "bicubic:3"}
        self.dialog = processing.createAlgorithmDialog(_ALGORITHM, values)
        self.dialog.resize(1100, 960)
        self.dialog.show()

    def _product(self, source: str) -> str:
        """A product of 30 m as Landsat sees the place of a Sentinel-2 raster."""
        from osgeo import gdal

        folder = os.path.join(tempfile.mkdtemp(prefix="sr-shots-"), _NAME)
        os.makedirs(folder)
        dataset = gdal.Open(source)
        left, step, _, top, _, _ = dataset.GetGeoTransform()
        # Corners of Landsat's pixels lie 15 m beside the multiples of 30 m.
        west, north = left // 30 * 30 + 45, top // 30 * 30 - 15
        columns = (left + dataset.RasterXSize * step - west) // 30
        rows = (north - top + dataset.RasterYSize * step) // 30
        bounds = (west, north - 30 * rows, west + 30 * columns, north)
        files = ""
        for number, band in _BANDS:
            name = f"{_NAME}_SR_B{number}.TIF"
            one = gdal.Translate("", source, format="VRT", bandList=[band])
            coarse = gdal.Warp("", one, format="MEM", outputBounds=bounds, xRes=30, yRes=30, resampleAlg="average")
            gdal.Translate(
                os.path.join(folder, name),
                coarse,
                # Reflectance of 0 and 1 in the numbers of Landsat's level 2.
                scaleParams=[[0, 10000, 0.2 / 2.75e-5, 1.2 / 2.75e-5]],
                outputType=gdal.GDT_UInt16,
                noData=0,
            )
            files += f'    FILE_NAME_BAND_{number} = "{name}"\n'
        with open(os.path.join(folder, f"{_NAME}_MTL.txt"), "w", encoding="utf-8") as file:
            file.write(_METADATA.format(name=_NAME, files=files))
        return folder
