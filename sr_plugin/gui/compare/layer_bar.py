"""The drop-downs with the layers to compare."""

from __future__ import annotations

from typing import List, Optional, Sequence

from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from sr_plugin.gui.compare.raster_combo import RemovalWatch, choose_none, raster_combo
from sr_plugin.processing.translation import tr

MOST_LAYERS = 4
LEAST_LAYERS = 2


class LayerBar(QWidget):
    """Two to four raster layers; the first is the reference.

    Signals:
        changed: other layers are chosen, or in another order.
    """

    changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._quiet = False
        self._count = LEAST_LAYERS
        self._told: List[str] = []
        self._watch = RemovalWatch(self._forget)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(6, 4, 6, 4)
        reference = QLabel(tr("&Reference"))
        self._layout.addWidget(reference)
        self.combos = [self._make_combo(number) for number in range(MOST_LAYERS)]
        reference.setBuddy(self.combos[0])
        with_label = QLabel(tr("&with"))
        with_label.setBuddy(self.combos[1])
        for number, combo in enumerate(self.combos):
            if number == 1:
                self._layout.addWidget(with_label)
            self._layout.addWidget(combo, 1)
        self.more = self._button("/symbologyAdd.svg", tr("Compare one more layer"), self._show_more)
        self.fewer = self._button("/symbologyRemove.svg", tr("Compare one layer less"), self._show_fewer)
        self._set_count(LEAST_LAYERS)

    def layers(self) -> List[QgsRasterLayer]:
        """The chosen layers in order, without empty entries; empty where no reference is chosen."""
        chosen = [combo.currentLayer() for combo in self.combos[: self._count]]
        if not _usable(chosen[0]):
            return []
        return [layer for layer in chosen if _usable(layer)]

    def set_layers(self, layers: Sequence[QgsRasterLayer]) -> None:
        """Choose layers; those that are not in the project are offered too, for this comparison."""
        self._quiet = True
        project = QgsProject.instance()
        guests = [layer for layer in layers if project.mapLayer(layer.id()) is None]
        self._set_count(max(LEAST_LAYERS, min(MOST_LAYERS, len(layers))))
        self._watch.set_guests(guests)
        for combo in self.combos:
            combo.setAdditionalLayers(guests)
            choose_none(combo)
        for combo, layer in zip(self.combos, layers):
            combo.setLayer(layer)
        self._quiet = False
        self._told = self._identifiers()
        self.changed.emit()

    def release(self) -> None:
        """Let go of the project and of all layers."""
        self._quiet = True
        self._watch.release()
        for combo in self.combos:
            combo.currentIndexChanged.disconnect(self._tell)
            combo.setAdditionalLayers([])

    def _make_combo(self, number: int) -> QgsMapLayerComboBox:
        combo = raster_combo(self, tr("Choose a raster layer"))
        name = tr("Reference layer") if number == 0 else tr("Compared layer {}").format(number)
        combo.setAccessibleName(name)
        combo.setToolTip(tr("The layer that the others are compared with, usually the input") if number == 0 else name)
        # Not the signal that carries the layer, which may be about to be deleted.
        combo.currentIndexChanged.connect(self._tell)
        return combo

    def _button(self, icon: str, text: str, slot: object) -> QToolButton:
        button = QToolButton()
        button.setIcon(QgsApplication.getThemeIcon(icon))
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setAutoRaise(True)
        button.clicked.connect(slot)
        self._layout.addWidget(button)
        return button

    def _set_count(self, count: int) -> None:
        self._count = count
        for number, combo in enumerate(self.combos):
            combo.setVisible(number < count)
        self.more.setEnabled(count < MOST_LAYERS)
        self.fewer.setEnabled(count > LEAST_LAYERS)

    def _show_more(self) -> None:
        choose_none(self.combos[self._count])
        self._set_count(self._count + 1)
        self.combos[self._count - 1].setFocus()

    def _show_fewer(self) -> None:
        self._set_count(self._count - 1)
        self._tell()

    def _tell(self, *_: object) -> None:
        """Tell of a choice; entries also move when layers come to the project, which changes nothing."""
        if not self._quiet and self._identifiers() != self._told:
            self._told = self._identifiers()
            self.changed.emit()

    def _identifiers(self) -> List[str]:
        return [layer.id() for layer in self.layers()]

    def _forget(self, layer_ids: List[str]) -> None:
        removed = [c for c in self.combos if c.currentLayer() is not None and c.currentLayer().id() in layer_ids]
        self._quiet = True
        for combo in removed:
            choose_none(combo)
        self._quiet = False
        self._tell()


def usual_layers(last: Sequence[str]) -> List[QgsRasterLayer]:
    """Layers to begin with: those of the last time, else the only two rasters of the project, the coarser one first.

    Args:
        last: identifiers of layers, which need not be there any more.
    """
    known = QgsProject.instance().mapLayers()
    layers = [known[identifier] for identifier in last if identifier in known]
    if len(layers) >= LEAST_LAYERS:
        return layers
    rasters = [layer for layer in known.values() if _usable(layer)]
    if len(rasters) != LEAST_LAYERS:
        return []
    return sorted(rasters, key=QgsRasterLayer.rasterUnitsPerPixelX, reverse=True)


def _usable(layer: object) -> bool:
    return isinstance(layer, QgsRasterLayer) and layer.isValid()
