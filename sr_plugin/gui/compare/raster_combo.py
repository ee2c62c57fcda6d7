"""Drop-downs with the raster layers of the project."""

from __future__ import annotations

from functools import partial
from typing import Callable, List, Sequence, Tuple

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt import sip
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.gui.elided_combo import ElidedLayerComboBox


class RemovalWatch:
    """Tells when layers of the project are about to be removed.

    A drop-down goes on to the next layer by itself when its own one is removed. Who wants none chosen instead must hear
    of it earlier than the drop-down, so must make the watch before the drop-down.

    Args:
        told: called with the identifiers of the layers.
    """

    def __init__(self, told: Callable[[List[str]], None]) -> None:
        self._told = told
        self._guests: List[Tuple[QgsMapLayer, Callable[[], None]]] = []
        QgsProject.instance().layersWillBeRemoved.connect(told)

    def set_guests(self, layers: Sequence[QgsMapLayer]) -> None:
        """Watch these layers too, which are in no project, in place of the former ones."""
        for layer, slot in self._guests:
            if not sip.isdeleted(layer):
                layer.willBeDeleted.disconnect(slot)
        self._guests = [(layer, partial(self._told, [layer.id()])) for layer in layers]
        for layer, slot in self._guests:
            layer.willBeDeleted.connect(slot)

    def release(self) -> None:
        """Watch no more."""
        self.set_guests([])
        QgsProject.instance().layersWillBeRemoved.disconnect(self._told)


def raster_combo(parent: QWidget, empty_text: str) -> QgsMapLayerComboBox:
    """A drop-down with the raster layers of the project and an entry for none; none is chosen."""
    combo = ElidedLayerComboBox(parent)
    combo.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
    combo.setAllowEmptyLayer(True, empty_text)
    combo.setShowCrs(False)
    choose_none(combo)
    # A long name must not make the window wide.
    combo.setSizeAdjustPolicy(combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(10)
    return combo


def choose_none(combo: QgsMapLayerComboBox) -> None:
    """Choose the entry for no layer; ``setLayer(None)`` would leave a blank one."""
    combo.setCurrentIndex(0)
