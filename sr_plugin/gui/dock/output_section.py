"""Where the result goes and what it holds."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from qgis.core import QgsProcessing, QgsSettings
from qgis.gui import QgsCollapsibleGroupBox, QgsFileWidget, QgsSpinBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QFormLayout, QVBoxLayout, QWidget

from sr_plugin.core.card import ModelCard
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.dock.uncertainty_choice import UncertaintyChoice
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.processing import settings
from sr_plugin.processing.superresolve_parameters import OUTPUT_TYPES, SAME_TYPE
from sr_plugin.processing.translation import tr

_EXTENSIONS = (".tif", ".tiff")
_LAST_FOLDER = "superres/last_output_folder"
_LARGEST_TILE = 4096


class OutputSection(Section):
    """Chooses output, type and the settings that few need.

    Attributes:
        output_changed: emitted when anything here changes.
    """

    output_changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("outputSection", tr("Ou&tput"), parent=parent)
        self._make_file()
        self._make_choices()
        form = self.add_form()
        form.addRow(tr("File"), self.file)
        form.addRow(tr("Type"), self.type_combo)
        form.addRow(tr("Other bands"), self.other_combo)
        self.body.addWidget(self.consistency)
        self.body.addWidget(self._advanced())
        self._connect()

    def _make_file(self) -> None:
        self.file = QgsFileWidget()
        self.file.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.file.setFilter(tr("GeoTIFF") + " (*.tif *.tiff)")
        self.file.setDialogTitle(tr("Save the result"))
        self.file.setDefaultRoot(str(QgsSettings().value(_LAST_FOLDER, "")))
        self.file.lineEdit().setPlaceholderText(tr("[Save to temporary file]"))
        self.file.setToolTip(tr("GeoTIFF to write. Left empty, the result is a temporary file that goes with QGIS."))

    def _make_choices(self) -> None:
        self.type_combo = ElidedComboBox()
        for name in OUTPUT_TYPES:
            self.type_combo.addItem(tr("Same as the input") if name == SAME_TYPE else name, name)
        self.type_combo.setToolTip(tr("Pixel type. Values are never rescaled; they are rounded and limited."))
        self.other_combo = ElidedComboBox()
        self.other_combo.addItem(tr("Leave out"), "drop")
        self.other_combo.addItem(tr("Enlarge by interpolation"), "enlarge")
        self.other_combo.setToolTip(tr("What becomes of the bands that the model does not take"))
        self.consistency = QCheckBox(tr("Consistent with the input"))
        self.consistency.setToolTip(
            tr("Corrects the result so that, brought back to the resolution of the input, it equals the input.")
        )
        self.consistency.setChecked(settings.CONSISTENCY.value())

    def _advanced(self) -> QWidget:
        self.advanced = QgsCollapsibleGroupBox(tr("Advanced"))
        self.advanced.setObjectName("outputAdvanced")
        self.advanced.setSettingGroup("superres/dock")
        self.advanced.setCollapsed(True)
        inside = QWidget()
        outer = QVBoxLayout(self.advanced)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(inside)
        form = QFormLayout(inside)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.precision = ElidedComboBox()
        for value, title in (
            ("auto", tr("Automatic")),
            ("float32", tr("Exact, 32 bits")),
            ("reduced", tr("Reduced, 16 bits")),
        ):
            self.precision.addItem(title, value)
        self.precision.setToolTip(
            tr(
                "Reduced is faster on many devices; values may differ by a few units. Automatic takes it in long runs "
                "only, and where the difference drowns in the noise of the image."
            )
        )
        self.precision.setCurrentIndex(max(0, self.precision.findData(settings.PRECISION.value())))
        self.tile = QgsSpinBox()
        self.tile.setRange(0, _LARGEST_TILE)
        self.tile.setSingleStep(64)
        self.tile.setSpecialValueText(tr("By memory"))
        self.tile.setClearValue(0)
        self.tile.setToolTip(tr("Side of a tile in input pixels. Smaller needs less memory; the result is the same."))
        self.exact = QCheckBox(tr("Full margins"))
        self.exact.setToolTip(tr("Reads as far as very deep models reach in theory; several times slower."))
        self.luminance = QCheckBox(tr("Sharpen luminance only"))
        self.luminance.setToolTip(
            tr("The model sharpens the luminance of red, green and blue; colour is interpolated.")
        )
        self.cog = QCheckBox(tr("Cloud-optimised GeoTIFF"))
        self.cog.setToolTip(tr("The layout that web servers want. Needs room for a second copy meanwhile."))
        form.addRow(tr("Precision"), self.precision)
        form.addRow(tr("Tile size"), self.tile)
        boxes = QVBoxLayout()
        for box in (self.exact, self.luminance, self.cog):
            boxes.addWidget(box)
        form.addRow(boxes)
        self.uncertainty = UncertaintyChoice()
        form.addRow(self.uncertainty)
        return self.advanced

    def _connect(self) -> None:
        for combo in (self.type_combo, self.other_combo, self.precision):
            combo.currentIndexChanged.connect(self._on_changed)
        for box in (self.consistency, self.exact, self.luminance, self.cog):
            box.toggled.connect(self._on_changed)
        self.tile.valueChanged.connect(self._on_changed)
        self.uncertainty.changed.connect(self._on_changed)
        self.file.fileChanged.connect(self._on_file_changed)

    def set_model(self, card: Optional[ModelCard], chosen_bands: int, layer_bands: int) -> None:
        """Offer only what makes sense for a model and the bands that are chosen."""
        luminance = card is not None and card.per_band and chosen_bands == 3
        self.luminance.setVisible(luminance)
        if not luminance:
            self.luminance.setChecked(False)
        deep = card is not None and card.reach is not None and card.effective_reach is not None
        self.exact.setVisible(deep and card.effective_reach < card.reach)
        self.other_combo.setEnabled(layer_bands > chosen_bands)
        self.uncertainty.set_model(card, chosen_bands)

    def output(self) -> str:
        """Value of the OUTPUT parameter."""
        path = self.file.filePath().strip()
        if not path:
            return QgsProcessing.TEMPORARY_OUTPUT
        return path if os.path.splitext(path)[1] else path + ".tif"

    def missing(self) -> str:
        """Why the result cannot be written there, in one sentence; empty where it can."""
        path = self.output()
        if path == QgsProcessing.TEMPORARY_OUTPUT or path.lower().endswith(_EXTENSIONS):
            return ""
        return tr("The result is always a GeoTIFF: its name must end in .tif.")

    def parameters(self) -> Dict[str, Any]:
        """The parameters that are chosen here."""
        files = {"OUTPUT": self.output(), **self.uncertainty.parameters(self.output())}
        return {**files, **self._plain_choices()}

    def choices(self) -> Dict[str, Any]:
        """What is chosen, for the memory of the project; files are none of it, so that nothing is overwritten."""
        return {**self._plain_choices(), **self.uncertainty.choices()}

    def _plain_choices(self) -> Dict[str, Any]:
        return {
            "OUTPUT_TYPE": self.type_combo.currentData(),
            "OTHER_BANDS": self.other_combo.currentData(),
            "CONSISTENCY": self.consistency.isChecked(),
            "PRECISION": self.precision.currentData(),
            "TILE_SIZE": self.tile.value(),
            "EXACT": self.exact.isChecked() and not self.exact.isHidden(),
            "LUMINANCE": self.luminance.isChecked() and not self.luminance.isHidden(),
            "COG": self.cog.isChecked(),
        }

    def set_choices(self, values: Mapping[str, Any]) -> None:
        """Choose what :meth:`choices` gave; what is missing or unknown is left as it is."""
        for combo, name in (
            (self.type_combo, "OUTPUT_TYPE"),
            (self.other_combo, "OTHER_BANDS"),
            (self.precision, "PRECISION"),
        ):
            index = combo.findData(values.get(name))
            if index >= 0:
                combo.setCurrentIndex(index)
        for box, name in (
            (self.consistency, "CONSISTENCY"),
            (self.exact, "EXACT"),
            (self.luminance, "LUMINANCE"),
            (self.cog, "COG"),
        ):
            if isinstance(values.get(name), bool):
                box.setChecked(values[name])
        tile = values.get("TILE_SIZE")
        if isinstance(tile, int) and not isinstance(tile, bool):
            self.tile.setValue(tile)
        self.uncertainty.set_choices(values)

    def _on_changed(self, _value: Any = None) -> None:
        self.output_changed.emit()

    def _on_file_changed(self, path: str) -> None:
        if os.path.isdir(os.path.dirname(path)):
            QgsSettings().setValue(_LAST_FOLDER, os.path.dirname(path))
        self.output_changed.emit()
