"""A small desktop with the real widgets of QGIS, for tests: what the plugin uses of ``iface``."""

from __future__ import annotations

from qgis.core import QgsLayerTreeModel, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsLayerTreeView, QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QMainWindow, QMenu, QToolBar, QVBoxLayout, QWidget


class StandIn(QObject):
    """The interface of a running QGIS, as far as it is needed."""

    currentLayerChanged = pyqtSignal(QgsMapLayer)

    def __init__(self, size=(900, 600)):
        super().__init__()
        self.window = QMainWindow()
        self.window.resize(*size)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        self.bar = QgsMessageBar()
        self.canvas = QgsMapCanvas()
        column.addWidget(self.bar)
        column.addWidget(self.canvas, 1)
        self.window.setCentralWidget(middle)
        self.toolbar = QToolBar("Plugins", self.window)
        self.toolbar.setObjectName("PluginToolBar")
        self.window.addToolBar(self.toolbar)
        self.menus = {}
        self.factories = []
        self.tree = QgsLayerTreeView(self.window)
        model = QgsLayerTreeModel(QgsProject.instance().layerTreeRoot(), self.tree)
        model.setFlag(QgsLayerTreeModel.Flag.UseEmbeddedWidgets)
        self.tree.setModel(model)
        self.bridge = QgsLayerTreeMapCanvasBridge(QgsProject.instance().layerTreeRoot(), self.canvas)
        self._active = None
        self.window.show()

    def close(self):
        """Delete the window and all that is in it."""
        self.bridge.deleteLater()
        self.canvas.setLayers([])
        self.window.close()
        self.window.deleteLater()

    def mainWindow(self):
        return self.window

    def mapCanvas(self):
        return self.canvas

    def messageBar(self):
        return self.bar

    def layerTreeView(self):
        return self.tree

    def activeLayer(self):
        return self._active

    def setActiveLayer(self, layer):
        self._active = layer
        self.currentLayerChanged.emit(layer)

    def zoomToActiveLayer(self):
        self.canvas.setDestinationCrs(self._active.crs())
        self.canvas.setExtent(self._active.extent())

    def addRasterLayer(self, path, name):
        layer = QgsRasterLayer(path, name)
        return QgsProject.instance().addMapLayer(layer) if layer.isValid() else None

    def addToolBarIcon(self, action):
        self.toolbar.addAction(action)

    def removeToolBarIcon(self, action):
        self.toolbar.removeAction(action)

    def addPluginToRasterMenu(self, name, action):
        if name not in self.menus:
            self.menus[name] = QMenu(name, self.window)
        self.menus[name].addAction(action)

    def removePluginRasterMenu(self, name, action):
        menu = self.menus[name]
        menu.removeAction(action)
        if not menu.actions():
            # Like QGIS, which does not delete it.
            self.menus.pop(name)

    def addDockWidget(self, area, dock):
        self.window.addDockWidget(area, dock)

    def removeDockWidget(self, dock):
        self.window.removeDockWidget(dock)

    def registerOptionsWidgetFactory(self, factory):
        self.factories.append(factory)

    def unregisterOptionsWidgetFactory(self, factory):
        self.factories.remove(factory)
