"""Pictures of the dock panel: empty, with the sample, each part of the form, hints, narrow."""

from __future__ import annotations

import os
import tempfile
from typing import List

from tools.shots.session import DRAW, Session, Step

#: Width of the dock in most pictures, and the narrowest one that must do.
_WIDTH, _NARROW = 360, 300
_PYTHON = "SR_PLUGIN_WORKER_PYTHON"
_OBJECT_NAME = "SuperResolutionDock"


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = DockShots(session)
    return [
        (shots.open_panel, DRAW),
        (lambda: shots.save("dock_empty"), 0),
        (session.load_raster, DRAW),
        session.wait_until(lambda: not shots.panel.missing()),
        (lambda: None, DRAW),
        (lambda: shots.save("dock"), 0),
        (lambda: shots.unfold_advanced(), DRAW),
        (lambda: shots.scroll_to("area_section"), DRAW),
        (lambda: shots.save("dock_area"), 0),
        (lambda: shots.scroll_to("output_section"), DRAW),
        (lambda: shots.save("dock_output"), 0),
        (shots.open_models, DRAW),
        (lambda: shots.save_screen("dock_models"), 0),
        (shots.close_models, 0),
        (shots.show_report, DRAW),
        (lambda: session.save(shots.report(), "dock_model_report"), 0),
        (lambda: shots.report().close(), 0),
        (shots.use_bicubic, DRAW),
        (lambda: shots.save("dock_any_bands"), 0),
        (lambda: shots.narrow(), DRAW),
        (shots.use_8_bit, DRAW),
        (lambda: None, DRAW),
        (lambda: shots.save("dock_hint_narrow"), 0),
        (lambda: shots.scroll_to("output_section"), DRAW),
        (lambda: shots.save("dock_output_narrow"), 0),
        (shots.draw_area, DRAW),
        (lambda: shots.scroll_to("area_section"), DRAW),
        (lambda: shots.save("dock_drawn_narrow"), 0),
        (shots.use_polygons, DRAW),
        (lambda: shots.scroll_to("area_section"), DRAW),
        (lambda: shots.save("dock_polygons_narrow"), 0),
        (shots.hide_pythons, DRAW),
        (lambda: shots.scroll_to("device_section"), DRAW),
        (lambda: shots.save("dock_no_environment_narrow"), 0),
        (shots.show_pythons, DRAW),
        (shots.close, 0),
    ]


class DockShots:
    """Brings the panel into the states that the pictures show."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.window = session.iface.mainWindow()
        self.panel = None
        self._own = False

    def open_panel(self) -> None:
        """The plugin's own panel, or one made here where the plugin shows none yet."""
        from qgis.PyQt.QtCore import Qt
        from qgis.PyQt.QtWidgets import QApplication, QDockWidget

        self.panel = self.window.findChild(QDockWidget, _OBJECT_NAME)
        if self.panel is None:
            from sr_plugin.gui.dock.dock_panel import DockPanel

            self._own = True
            self.panel = DockPanel(self.session.iface)
            self.session.iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.panel)
        self.panel.show()
        # Without a window manager nobody else fills the screen.
        self.window.setGeometry(QApplication.primaryScreen().geometry())
        QApplication.processEvents()
        self._resize(_WIDTH)

    def save(self, name: str) -> None:
        """Picture of the whole window."""
        self.session.save(self.window, name)

    def save_screen(self, name: str) -> None:
        """Picture of the screen, with lists that are folded out."""
        from qgis.PyQt.QtWidgets import QApplication

        path = os.path.join(self.session.folder, f"{name}.png")
        QApplication.primaryScreen().grabWindow(0).save(path)
        print(path)

    def narrow(self) -> None:
        """As narrow as a dock may become."""
        self._resize(_NARROW)

    def unfold_advanced(self) -> None:
        """Show the advanced settings."""
        self.panel.output_section.advanced.setCollapsed(False)

    def scroll_to(self, section: str) -> None:
        """Scroll the form so that a section stands at the top."""
        bar = self.panel.scroll_area.verticalScrollBar()
        bar.setValue(getattr(self.panel, section).y())

    def open_models(self) -> None:
        """Fold out the list of models."""
        self.panel.scroll_area.verticalScrollBar().setValue(0)
        self.panel.model_section.combo.showPopup()

    def close_models(self) -> None:
        """Fold in the list of models."""
        self.panel.model_section.combo.hidePopup()

    def show_report(self) -> None:
        """All about the model, in its own window."""
        self.panel.model_section.card_view.show_all()

    def report(self):
        """The window with all about the model."""
        from qgis.PyQt.QtWidgets import QDialog

        return self.panel.model_section.card_view.findChild(QDialog)

    def use_bicubic(self) -> None:
        """A model that takes any bands."""
        self.panel.model_section.choose("bicubic:4")

    def use_8_bit(self) -> None:
        """A coarse 8-bit picture with the shipped model, which suits neither."""
        from osgeo import gdal
        from qgis.core import QgsProject, QgsRasterLayer

        path = os.path.join(tempfile.mkdtemp(prefix="sr-shots-"), "picture.tif")
        options = {"outputType": gdal.GDT_Byte, "scaleParams": [[0, 4000, 0, 255]] * 4, "xRes": 60, "yRes": 60}
        gdal.Translate(path, self.session.raster, **options)
        layer = QgsRasterLayer(path, "Overview picture, 8 bits")
        QgsProject.instance().addMapLayer(layer)
        self.panel.choose_layer(layer)
        self.panel.model_section.choose("s2-rgbn-x4")
        self.panel.scroll_area.verticalScrollBar().setValue(0)

    def draw_area(self) -> None:
        """A rectangle in the middle of the map, as if it had been drawn."""
        canvas = self.session.iface.mapCanvas()
        extent = canvas.extent()
        extent.scale(0.4)
        self.panel.area_section.set_mode("drawn")
        self.panel.area_section.rectangle.set_rectangle(extent, canvas.mapSettings().destinationCrs())

    def use_polygons(self) -> None:
        """Two fields of a vector layer, one of them selected."""
        from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer

        raster = self.panel.layer_section.layer()
        layer = QgsVectorLayer(f"Polygon?crs={raster.crs().authid()}", "Fields", "memory")
        for place in (0.3, 0.7):
            extent = raster.extent()
            point = QgsGeometry.fromPointXY(extent.center()).asPoint()
            point.setX(extent.xMinimum() + place * extent.width())
            feature = QgsFeature()
            feature.setGeometry(QgsGeometry.fromPointXY(point).buffer(extent.width() / 8, 12))
            layer.dataProvider().addFeature(feature)
        QgsProject.instance().addMapLayer(layer)
        layer.selectByIds([1])
        self.panel.area_section.set_mode("polygons")
        self.panel.area_section.selected_only.setChecked(True)

    def hide_pythons(self) -> None:
        """As on a computer without an environment for models."""
        self._python = os.environ.get(_PYTHON, "")
        os.environ[_PYTHON] = os.path.join(self.session.folder, "no-python")
        self.panel.refresh_devices()

    def show_pythons(self) -> None:
        """Undo it."""
        os.environ[_PYTHON] = self._python
        self.panel.refresh_devices()

    def close(self) -> None:
        """Take a panel that was made here away again."""
        if self._own:
            self.panel.shut_down()
            self.session.iface.removeDockWidget(self.panel)
            self.panel.deleteLater()

    def _resize(self, width: int) -> None:
        from qgis.PyQt.QtCore import Qt

        self.window.resizeDocks([self.panel], [width], Qt.Orientation.Horizontal)
