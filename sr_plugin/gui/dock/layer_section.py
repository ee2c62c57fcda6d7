"""The raster to super-resolve: a layer of the project, or a file that is opened for it."""

from __future__ import annotations

import os
from typing import Optional

from qgis.core import (
    QgsApplication,
    QgsMapLayer,
    QgsMapLayerProxyModel,
    QgsProject,
    QgsProviderRegistry,
    QgsRasterLayer,
)
from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.gui.connections import Connections
from sr_plugin.gui.dock.hint_label import PROBLEM, HintLabel
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.elided_combo import ElidedLayerComboBox
from sr_plugin.processing.layer_source import is_file
from sr_plugin.processing.result_notes import LEGEND_NOTE_PROPERTY
from sr_plugin.processing.translation import tr

_COARSEST, _DECIMALS = 1e6, 6


class LayerSection(Section):
    """Chooses the raster layer.

    Attributes:
        layer_changed: emitted with the chosen layer, or None.
        resolution_changed: emitted when a layer that is no file is to be read at another resolution.
        sample_requested: emitted when the user wants to try the sample.
    """

    layer_changed = pyqtSignal(object)
    resolution_changed = pyqtSignal()
    sample_requested = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("layerSection", tr("Raster la&yer"), parent=parent)
        self._chosen = False
        self._connections = Connections()
        self.combo = ElidedLayerComboBox()
        self.combo.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        self.combo.setShowCrs(False)
        self.combo.setToolTip(tr("Raster layer to super-resolve. It follows the active layer until you choose one."))
        self.combo.setAccessibleName(tr("Raster layer"))
        self.open_button = QToolButton()
        self.open_button.setIcon(QgsApplication.getThemeIcon("/mActionFileOpen.svg"))
        self.open_button.setToolTip(tr("Open a raster file and add it to the project"))
        self.open_button.setAccessibleName(tr("Open a raster file"))
        self.problem = HintLabel(PROBLEM)
        row = QHBoxLayout()
        row.addWidget(self.combo, 1)
        row.addWidget(self.open_button)
        self.body.addLayout(row)
        self.body.addWidget(self._empty_state())
        self.body.addWidget(self._resolution_row())
        self.body.addWidget(self.problem)
        self.combo.layerChanged.connect(self._on_layer_changed)
        self.combo.activated.connect(self._on_activated)
        self.open_button.clicked.connect(self.choose_file)
        self._connections.add(QgsProject.instance().layersAdded, self._on_layers_changed)
        self._connections.add(QgsProject.instance().layersRemoved, self._on_layers_changed)
        self._show_empty_state()

    def _empty_state(self) -> QWidget:
        self.empty = QWidget()
        layout = QVBoxLayout(self.empty)
        layout.setContentsMargins(0, 0, 0, 0)
        text = QLabel(tr("The project has no raster layer yet. Open a raster, or see how it works on a small sample."))
        text.setWordWrap(True)
        self.sample_button = QPushButton(tr("Try the sample"))
        self.sample_button.setToolTip(tr("Add the sample that comes with the plugin, and super-resolve it"))
        self.sample_button.clicked.connect(lambda _checked: self.sample_requested.emit())
        layout.addWidget(text)
        row = QHBoxLayout()
        row.addWidget(self.sample_button)
        row.addStretch(1)
        layout.addLayout(row)
        return self.empty

    def _resolution_row(self) -> QWidget:
        self.resolution_row = QWidget()
        self.resolution_spin = QgsDoubleSpinBox()
        self.resolution_spin.setRange(0.0, _COARSEST)
        self.resolution_spin.setDecimals(_DECIMALS)
        self.resolution_spin.setSpecialValueText(tr("Native"))
        self.resolution_spin.setClearValue(0.0)
        self.resolution_spin.setToolTip(
            tr("Size of a pixel in map units at which a layer that is no file, such as a map service, is read")
        )
        form = QFormLayout(self.resolution_row)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow(tr("Pixel size"), self.resolution_spin)
        self.resolution_spin.valueChanged.connect(self._on_resolution_changed)
        self.resolution_row.hide()
        return self.resolution_row

    @property
    def last_field(self) -> QWidget:
        """The lowest field."""
        return self.resolution_spin

    def resolution(self) -> Optional[float]:
        """Value of the RESOLUTION parameter; None for the native one, and for files."""
        value = self.resolution_spin.value()
        return None if self.resolution_row.isHidden() or value == 0 else value

    def layer(self) -> Optional[QgsRasterLayer]:
        """The chosen layer."""
        return self.combo.currentLayer()

    def choose(self, layer: QgsRasterLayer) -> None:
        """Choose a layer for good: the active layer is not followed any more."""
        self._chosen = True
        self.combo.setLayer(layer)

    def follow(self, layer: Optional[QgsMapLayer]) -> None:
        """Take over the active layer, if it is a raster and the user has not chosen one.

        Results are not taken over: whoever looks at one does not want to super-resolve it once more.
        """
        if self._chosen or not isinstance(layer, QgsRasterLayer) or layer.customProperty(LEGEND_NOTE_PROPERTY, ""):
            return
        self.combo.setLayer(layer)

    def choose_file(self) -> None:
        """Ask for a raster file and add it to the project."""
        filters = QgsProviderRegistry.instance().fileRasterFilters()
        path, _ = QFileDialog.getOpenFileName(self, tr("Open a raster"), QgsProject.instance().homePath(), filters)
        if path:
            self.open_file(path)

    def open_file(self, path: str) -> None:
        """Add a raster file to the project and choose it."""
        layer = QgsRasterLayer(path, os.path.splitext(os.path.basename(path))[0])
        if not layer.isValid():
            self.problem.set_text(tr("'{}' cannot be opened as a raster.").format(os.path.basename(path)))
            return
        QgsProject.instance().addMapLayer(layer)
        self.choose(layer)

    def reset(self) -> None:
        """Follow the active layer again."""
        self._chosen = False

    def shut_down(self) -> None:
        """Take back the connections to the project."""
        self._connections.clear()

    def _on_activated(self, _index: int) -> None:
        self._chosen = True

    def _on_layer_changed(self, layer: Optional[QgsMapLayer]) -> None:
        self.problem.set_text("")
        self._show_empty_state()
        self.resolution_row.setVisible(layer is not None and not is_file(layer))
        if layer is None:
            self._chosen = False
        self.layer_changed.emit(layer)

    def _on_resolution_changed(self, _value: float) -> None:
        self.resolution_changed.emit()

    def _on_layers_changed(self, _layers: object) -> None:
        self._show_empty_state()

    def _show_empty_state(self) -> None:
        empty = self.combo.count() == 0
        self.empty.setVisible(empty)
        self.combo.setEnabled(not empty)
