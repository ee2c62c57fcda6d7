"""Pictures of the comparison window: modes, edges, empty and failed states."""

from __future__ import annotations

import os
from typing import Any, List

from tools.shots.session import DRAW, Session, Step

_ALGORITHM = "superres:superresolve"
_MODELS = (("s2-rgbn-x4", "Super-resolved x4"), ("bicubic:4", "Bicubic x4"))
#: The harbour of the sample: share of its width and height.
_PLACE = (0.42, 0.34, 0.78, 0.70)


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = CompareShots(session)
    return [
        (session.load_raster, DRAW),
        (shots.open_window, DRAW),
        (lambda: shots.save("compare_empty"), 0),
        (shots.make_results, DRAW),
        (shots.show_pair, 2 * DRAW),
        (lambda: shots.save("compare_side"), 0),
        (lambda: shots.window.set_mode("swipe"), DRAW),
        (lambda: shots.save("compare_swipe"), 0),
        (lambda: shots.window.set_mode("blink"), DRAW),
        (lambda: shots.save("compare_blink"), 0),
        (lambda: shots.window.set_mode("side"), DRAW),
        (lambda: shots.window.set_edges(True), DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_edges"), 0),
        (lambda: shots.window.set_mode("swipe"), DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_edges_swipe"), 0),
        (shots.show_three, 2 * DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_three"), 0),
        (lambda: shots.window.set_edges(False), 0),
        (lambda: shots.window.set_mode("swipe"), 2 * DRAW),
        (lambda: shots.save("compare_three_swipe"), 0),
        (lambda: shots.window.set_mode("side"), 0),
        (lambda: shots.window.set_edges(True), 0),
        (shots.choose_sobel, DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_sobel"), 0),
        (shots.make_truth, DRAW),
        (shots.show_truth, 2 * DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_truth"), 0),
        (shots.show_tiles, DRAW),
        session.wait_until(shots.at_rest),
        (lambda: shots.save("compare_edges_refused"), 0),
        (shots.show_three, DRAW),
        (lambda: shots.window.tools.dock.setChecked(True), 2 * DRAW),
        session.wait_until(shots.at_rest),
        (lambda: session.save(session.iface.mainWindow(), "compare_docked"), 0),
        (shots.leave, DRAW),
    ]


class CompareShots:
    """Opens the comparison and puts it into the states that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.iface = session.iface
        self.window: Any = None
        self.layers: List[Any] = []
        self.known: List[Any] = []

    def save(self, name: str) -> None:
        """Write a picture of the window."""
        self.session.save(self.window, name)

    def open_window(self) -> None:
        """An empty window, as large as a maximised one."""
        from sr_plugin.gui.compare.compare_window import CompareWindow

        self.window = CompareWindow(self.iface.mainWindow(), self.iface.mapCanvas())
        screen = self.iface.mainWindow().screen().availableGeometry()
        self.window.setGeometry(screen)
        self.window.show()

    def make_results(self) -> None:
        """Super-resolve the sample with the shipped model, and enlarge it for comparison."""
        from qgis.core import QgsProject

        source = QgsProject.instance().mapLayersByName("Sentinel-2")[0]
        self.layers = [source, *self._results_of(source, "")]

    def make_truth(self) -> None:
        """Average the sample over 4 x 4 pixels and super-resolve that: then the sample is the truth."""
        from osgeo import gdal

        path = self._path("averaged.tif")
        source = gdal.Open(self.session.raster)
        size = (source.RasterXSize // 4, source.RasterYSize // 4)
        gdal.Translate(path, source, width=size[0], height=size[1], resampleAlg="average")
        coarse = self._add(path, "Averaged to 40 m")
        self.known = [coarse, *self._results_of(coarse, " of 40 m"), self.layers[0]]

    def show_pair(self) -> None:
        """The sample and its super-resolved result, at a place with detail."""
        self.window.show_layers(self.layers[:2], extent=self._place())

    def show_three(self) -> None:
        """Bicubic enlargement as well, and side by side."""
        self.window.set_mode("side")
        self.window.show_layers(self.layers, extent=self._place())

    def show_truth(self) -> None:
        """Four layers, with a truth to measure edges against."""
        self.window.panel.method.setCurrentIndex(0)
        self.window.show_layers(self.known, truth=self.layers[0])

    def choose_sobel(self) -> None:
        """The other method."""
        self.window.panel.method.setCurrentIndex(1)

    def show_tiles(self) -> None:
        """A layer that comes from no file, for which edges cannot be found."""
        from qgis.core import QgsProject, QgsRasterLayer

        tiles = QgsRasterLayer("type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png&zmin=0&zmax=3", "Web tiles", "wms")
        QgsProject.instance().addMapLayer(tiles)
        self.window.show_layers([self.layers[0], tiles], extent=self._place())

    def at_rest(self) -> bool:
        """Whether no edges are being computed."""
        return not self.window.panel.busy.isVisible()

    def leave(self) -> None:
        """End threads and worker before QGIS ends."""
        self.window.shut_down()

    def _results_of(self, source: Any, suffix: str) -> List[Any]:
        import processing

        results = []
        for model, name in _MODELS:
            path = self._path(f"{model}{suffix}.tif".replace(":", "_"))
            processing.run(_ALGORITHM, {"INPUT": source, "MODEL": model, "OUTPUT": path})
            results.append(self._add(path, name + suffix))
        return results

    def _add(self, path: str, name: str) -> Any:
        from qgis.core import QgsProject, QgsRasterLayer

        layer = QgsRasterLayer(path, name)
        QgsProject.instance().addMapLayer(layer)
        return layer

    def _path(self, name: str) -> str:
        return os.path.join(os.path.dirname(self.session.raster), name)

    def _place(self) -> Any:
        from qgis.core import QgsRectangle

        whole = self.layers[0].extent()
        left, bottom, right, top = _PLACE
        return QgsRectangle(
            whole.xMinimum() + left * whole.width(),
            whole.yMinimum() + bottom * whole.height(),
            whole.xMinimum() + right * whole.width(),
            whole.yMinimum() + top * whole.height(),
        )
