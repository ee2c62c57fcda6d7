"""Pictures of a map service that is super-resolved: its layer, the log, the result above it."""

from __future__ import annotations

import os
from typing import List

from tools.shots.session import DRAW, Session, Step

_ZOOM = 3
_WORLD = 20037508.342789244


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = MapServiceShots(session)
    return [
        (shots.add_service, 2 * DRAW),
        (shots.run, 0),
        session.wait_until(lambda: shots.dialog.feedback is None),
        (lambda: session.save(shots.dialog, "service_log"), 0),
        (shots.close_dialog, 0),
        (shots.zoom, 2 * DRAW),
        (lambda: session.save(session.iface.mainWindow(), "service_result"), 0),
    ]


class MapServiceShots:
    """Serves tiles from a folder and runs the algorithm on them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.dialog = None
        self.layer = None

    def add_service(self) -> None:
        """A layer of tiles, drawn from the sample's values."""
        from qgis.core import QgsProject, QgsRasterLayer

        folder = os.path.join(os.environ["SR_PLUGIN_DATA"], "tiles")
        _write_tiles(folder, self.session.raster)
        address = f"file://{folder}/%7Bz%7D/%7Bx%7D/%7By%7D.png"
        self.layer = QgsRasterLayer(f"type=xyz&url={address}&zmin={_ZOOM}&zmax={_ZOOM}", "Map service", "wms")
        QgsProject.instance().addMapLayer(self.layer)
        QgsProject.instance().setCrs(self.layer.crs())
        self.zoom()

    def zoom(self) -> None:
        """Show the edge of the area, so that input and result are seen side by side."""
        self.session.iface.mapCanvas().setExtent(_extent(180, 140, 120, 80))
        self.session.iface.mapCanvas().refresh()

    def run(self) -> None:
        """Super-resolve what the canvas shows."""
        import processing

        area = _extent(140, 130, 100, 80)
        extent = f"{area.xMinimum()},{area.xMaximum()},{area.yMinimum()},{area.yMaximum()} [EPSG:3857]"
        parameters = {"INPUT": self.layer.id(), "MODEL": "bicubic:4", "EXTENT": extent, "BANDS": [1, 2, 3]}
        self.dialog = processing.createAlgorithmDialog("superres:superresolve", parameters)
        self.dialog.resize(900, 560)
        self.dialog.show()
        self.dialog.runAlgorithm()

    def close_dialog(self) -> None:
        """Close the dialog."""
        self.dialog.close()
        self.dialog.deleteLater()
        self.dialog = None


def _extent(left: int, top: int, columns: int, rows: int):
    """Extent of pixels counted from the upper left corner of the tiles."""
    from qgis.core import QgsRectangle

    pixel = 2 * _WORLD / (256 << _ZOOM)
    xmin, ymax = -_WORLD + left * pixel, _WORLD - top * pixel
    return QgsRectangle(xmin, ymax - rows * pixel, xmin + columns * pixel, ymax)


def _write_tiles(folder: str, raster: str) -> None:
    """Four tiles with the sample's red, green and blue, stretched to 8 bits."""
    import numpy as np
    from osgeo import gdal

    source = gdal.Open(raster)
    colours = np.stack([source.GetRasterBand(number).ReadAsArray(0, 0, 256, 256) for number in (3, 2, 1)])
    low, high = np.percentile(colours, (2, 98), axis=(1, 2), keepdims=True)
    stretched = (np.clip((colours - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    memory, png = gdal.GetDriverByName("MEM"), gdal.GetDriverByName("PNG")
    for column in range(2):
        os.makedirs(os.path.join(folder, str(_ZOOM), str(column)), exist_ok=True)
        for row in range(2):
            tile = memory.Create("", 256, 256, 3, gdal.GDT_Byte)
            for number in range(3):
                tile.GetRasterBand(number + 1).WriteArray(stretched[number])
            png.CreateCopy(os.path.join(folder, str(_ZOOM), str(column), f"{row}.png"), tile)
