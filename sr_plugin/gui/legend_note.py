"""Shows in the layer tree, below a result, that its detail was modelled."""

from __future__ import annotations

from typing import List, Sequence

from qgis.core import QgsMapLayer, QgsProject
from qgis.gui import QgsGui, QgsLayerTreeEmbeddedWidgetProvider, QgsLayerTreeView
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QLabel, QWidget

from sr_plugin.gui.connections import Connections
from sr_plugin.processing.result_notes import LEGEND_NOTE, LEGEND_NOTE_PROPERTY
from sr_plugin.processing.translation import tr


class LegendNoteProvider(QgsLayerTreeEmbeddedWidgetProvider):
    """Makes the note's widget for QGIS' layer tree."""

    def id(self) -> str:
        """Stable name, stored with the layer."""
        return LEGEND_NOTE

    def name(self) -> str:
        """Name in the layer's properties."""
        return tr("Note of super-resolution")

    def createWidget(self, layer: QgsMapLayer, widget_index: int) -> QWidget:  # noqa: N802 - QGIS API
        """The note of a layer."""
        label = QLabel(str(layer.customProperty(LEGEND_NOTE_PROPERTY, "")))
        label.setToolTip(layer.abstract())
        font = label.font()
        font.setItalic(True)
        # A layer tree is narrow.
        font.setPointSizeF(0.85 * font.pointSizeF())
        label.setFont(font)
        return label

    def supportsLayer(self, layer: QgsMapLayer) -> bool:  # noqa: N802 - QGIS API
        """Results of this plugin."""
        return bool(layer.customProperty(LEGEND_NOTE_PROPERTY, ""))


class LegendNotes:
    """Registers the provider, and takes it back.

    Args:
        tree: the layer tree of QGIS.
    """

    def __init__(self, tree: QgsLayerTreeView) -> None:
        self._tree = tree
        self._waiting: List[str] = []
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)
        self._registered = QgsGui.layerTreeEmbeddedWidgetRegistry().addProvider(LegendNoteProvider())
        self._connections = Connections()
        self._connections.add(QgsProject.instance().layersAdded, self._layers_added)

    def remove(self) -> None:
        """No more notes are made; layers keep their text."""
        self._timer.stop()
        self._connections.clear()
        if self._registered:
            QgsGui.layerTreeEmbeddedWidgetRegistry().removeProvider(LEGEND_NOTE)
            self._registered = False

    def _layers_added(self, layers: Sequence[QgsMapLayer]) -> None:
        self._waiting += [layer.id() for layer in layers if layer.customProperty(LEGEND_NOTE_PROPERTY, "")]
        if self._waiting:
            self._timer.start()

    def _refresh(self) -> None:
        """QGIS leaves the widgets of a layer out that comes with its legend; a second look at the legend makes them."""
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            node = QgsProject.instance().layerTreeRoot().findLayer(name)
            if node is not None:
                self._tree.refreshLayerSymbology(name)
                # Unfolded anew, because the tree folds a layer up that is put above another one.
                unfolded = node.isExpanded()
                node.setExpanded(False)
                node.setExpanded(unfolded)
