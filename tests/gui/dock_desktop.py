"""A small desktop for tests of the dock: main window, map, project, and the panel in it."""

from __future__ import annotations

import time

import pytest

from tests.waiting import LONG


def wait_until(done, seconds=LONG):
    """Let Qt work until something is so; fails when it takes too long."""
    from qgis.PyQt.QtCore import QCoreApplication, QEvent
    from qgis.PyQt.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come true in time"
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        time.sleep(0.005)


def pause(seconds):
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


@pytest.fixture
def project(qgis_app):
    """An empty project, emptied again afterwards."""
    from qgis.core import QgsProject

    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()


@pytest.fixture
def user_settings(qgis_app):
    """The user's settings, without any of the plugin's before and after."""
    from qgis.core import QgsSettings

    QgsSettings().remove("superres")
    yield QgsSettings()
    QgsSettings().remove("superres")


@pytest.fixture
def iface(provider, project, user_settings):
    """What the panel needs of QGIS' interface: main window, map, active layer."""
    from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle
    from qgis.gui import QgsMapCanvas
    from qgis.PyQt.QtCore import QObject, pyqtSignal
    from qgis.PyQt.QtWidgets import QMainWindow

    class Iface(QObject):
        currentLayerChanged = pyqtSignal(object)

        def __init__(self):
            super().__init__()
            self.window, self.canvas, self.active = QMainWindow(), QgsMapCanvas(), None
            self.window.setCentralWidget(self.canvas)
            self.window.resize(1280, 800)

        def mainWindow(self):
            return self.window

        def mapCanvas(self):
            return self.canvas

        def activeLayer(self):
            return self.active

        def activate(self, layer):
            self.active = layer
            self.currentLayerChanged.emit(layer)

    desktop = Iface()
    desktop.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32618"))
    desktop.canvas.setExtent(QgsRectangle(500000, 4099000, 501000, 4100000))
    desktop.window.show()
    yield desktop
    desktop.window.close()
    desktop.window.deleteLater()
    pause(0.02)


@pytest.fixture
def panel(iface):
    """The panel, docked right, without a layer."""
    from qgis.PyQt.QtCore import Qt

    from sr_plugin.gui.dock.dock_panel import DockPanel

    dock = DockPanel(iface)
    iface.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    yield dock
    dock.shut_down()
    iface.window.removeDockWidget(dock)
    dock.deleteLater()
    pause(0.02)


@pytest.fixture
def add_raster(make_raster, project):
    """Writes a raster and adds it to the project: uint16, four bands, 10 m pixels unless told otherwise."""
    import numpy as np
    from qgis.core import QgsRasterLayer

    def add(shape=(4, 40, 50), dtype=np.uint16, name="scene", bands=("B04", "B03", "B02", "B08"), **facts):
        pixels = np.random.default_rng(5).integers(1, 200, shape).astype(dtype)
        path = make_raster(pixels, f"{name}.tif", descriptions=bands, **facts)
        layer = QgsRasterLayer(path, name)
        assert layer.isValid()
        project.addMapLayer(layer)
        return layer

    return add


@pytest.fixture
def ready(panel, add_raster):
    """The panel with a layer, its bands read and its devices found."""
    layer = add_raster()
    panel.choose_layer(layer)
    wait_until(lambda: not panel.missing() and panel.device_section.combo.count() > 0)
    panel.layer = layer
    return panel
