"""The model: one of the known ones, or a file that is looked into in the background."""

from __future__ import annotations

import os
from typing import Optional

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QStandardItem, QStandardItemModel
from qgis.PyQt.QtWidgets import QFileDialog, QLabel, QWidget

from sr_plugin.core.card import SINGLE_IMAGE, TRANSLATION, ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.dock.group_delegate import GroupDelegate, title_item
from sr_plugin.gui.dock.hint_label import PROBLEM, HintLabel
from sr_plugin.gui.dock.model_card_view import ModelCardView
from sr_plugin.gui.dock.model_list import ModelEntry, file_entry, model_groups, remember_model
from sr_plugin.gui.dock.model_reading import ModelReading
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.dock.value_choice import AUTOMATIC, ValueChoice
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.gui.model_chooser import MODEL_PATTERNS
from sr_plugin.processing import settings
from sr_plugin.processing.superresolve_parameters import DEFAULT_MODEL
from sr_plugin.processing.translation import tr

_LANE = "model"
_FROM_FILE = "from-file"
_ENTRY, _ACTION = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_LAST_FOLDER = "superres/last_model_folder"


class ModelSection(Section):
    """Chooses the model and shows its card.

    Args:
        background: runs what takes long.

    Attributes:
        model_changed: emitted with the card of another model, or None while there is none.
        values_changed: emitted when another normalisation is chosen.
    """

    model_changed = pyqtSignal(object)
    values_changed = pyqtSignal()

    def __init__(self, background: Background, parent: Optional[QWidget] = None) -> None:
        super().__init__("modelSection", tr("Super-resolutio&n model"), parent=parent)
        self._background = background
        self._reading: Optional[ModelReading] = None
        self._entry: Optional[ModelEntry] = None
        self._card: Optional[ModelCard] = None
        self.combo = ElidedComboBox()
        self.combo.setModel(QStandardItemModel(0, 1, self.combo))
        self.combo.setItemDelegate(GroupDelegate(self.combo))
        self.combo.setMaxVisibleItems(20)
        self.combo.setToolTip(tr("Model that estimates the finer detail, or an interpolation to compare it with"))
        self.combo.setAccessibleName(tr("Model"))
        self._state = QLabel()
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setWordWrap(True)
        self.problem = HintLabel(PROBLEM)
        self.values = ValueChoice()
        self.card_view = ModelCardView()
        for widget in (self.combo, self._state, self.problem, self.values, self.card_view):
            self.body.addWidget(widget)
        self.combo.activated.connect(self._on_activated)
        self.values.changed.connect(self.values_changed)
        self._state.hide()
        self.values.hide()
        self.card_view.set_card(None)
        self.refresh()
        for reference in (DEFAULT_MODEL, settings.MODEL.value()):
            self.choose(reference)

    def reference(self) -> str:
        """Value of the MODEL parameter; empty where there is no model."""
        return self._entry.reference if self._entry else ""

    def card(self) -> Optional[ModelCard]:
        """The card of the model, or None while it is unknown."""
        return self._card

    def normalisation(self) -> str:
        """Value of the NORMALISATION parameter."""
        return AUTOMATIC if self.values.isHidden() else self.values.value()

    def missing(self) -> str:
        """Why the model cannot be run, in one sentence; empty where it can."""
        if self.problem.text():
            return self.problem.text()
        if self._card is None:
            return tr("The model is still being read.") if self._entry else tr("Choose a model.")
        return "" if self.values.isHidden() else self.values.missing()

    def refresh(self) -> None:
        """Read the lists of models again, and keep the choice as long as the model is there."""
        model = self.combo.model()
        model.clear()
        for title, entries in model_groups():
            model.appendRow(title_item(title))
            for entry in entries:
                self._add(entry)
        item = QStandardItem(tr("From file…"))
        item.setData(_FROM_FILE, _ACTION)
        item.setToolTip(tr("ONNX, safetensors, PyTorch or Keras file"))
        model.appendRow(item)
        self._keep_entry()

    def _keep_entry(self) -> None:
        """Follow what became of the chosen model in the lists that were just read."""
        row = self._row_of(self.reference())
        entry = self.combo.itemData(row, _ENTRY) if row >= 0 else None
        if entry is not None and entry.card is not None and entry != self._entry:
            # Installed anew under the same name.
            self._take(entry)
        elif entry is None and self._entry is not None:
            self._stop_reading()
            self._entry = None
            self._show_card(None)
        self._show_entry()

    def choose(self, reference: str) -> None:
        """Choose a model by its name or path; a name that nobody knows changes nothing."""
        row = self._row_of(reference)
        if row < 0 and os.path.isfile(reference):
            self._take(file_entry(reference))
        elif row >= 0:
            self._take(self.combo.itemData(row, _ENTRY))

    def choose_file(self) -> None:
        """Ask for a model file."""
        store = QgsSettings()
        folder = str(store.value(_LAST_FOLDER, ""))
        patterns = f"{tr('Models')} ({MODEL_PATTERNS});;{tr('All files')} (*)"
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose a model file"), folder, patterns)
        if path:
            store.setValue(_LAST_FOLDER, os.path.dirname(path))
            self.choose(path)

    def shut_down(self) -> None:
        """End a worker that still looks into a model."""
        self._stop_reading()

    def _add(self, entry: ModelEntry) -> None:
        item = QStandardItem(entry.title)
        item.setData(entry, _ENTRY)
        item.setToolTip(entry.reference)
        self.combo.model().appendRow(item)

    def _row_of(self, reference: str) -> int:
        for row in range(self.combo.count()):
            entry = self.combo.itemData(row, _ENTRY)
            if isinstance(entry, ModelEntry) and entry.reference == reference:
                return row
        return -1

    def _show_entry(self) -> None:
        self.combo.setCurrentIndex(self._row_of(self.reference()))

    def _on_activated(self, row: int) -> None:
        if self.combo.itemData(row, _ACTION) == _FROM_FILE:
            # The list shows what is chosen, also when the dialog is left without a choice.
            self._show_entry()
            self.choose_file()
            return
        entry = self.combo.itemData(row, _ENTRY)
        if isinstance(entry, ModelEntry):
            self._take(entry)

    def _take(self, entry: ModelEntry) -> None:
        self._stop_reading()
        self._entry = entry
        if entry.is_file:
            remember_model(entry.reference)
            self.refresh()
        self._show_entry()
        self.combo.setToolTip(entry.reference)
        self.problem.set_text("")
        if entry.card is not None:
            self._show_card(entry.card)
            return
        self._show_card(None)
        self._say(tr("Reading the model…"))
        self._reading = ModelReading(entry.reference, settings.worker_python())
        self._background.start(_LANE, self._reading, self._show_card, self._show_problem)

    def _stop_reading(self) -> None:
        self._background.cancel(_LANE)
        if self._reading is not None:
            self._reading.stop()
            self._reading = None

    def _show_card(self, card: Optional[ModelCard]) -> None:
        self._say("")
        self._card = card
        from_file = self._entry is not None and self._entry.is_file
        self.card_view.set_card(card, from_file)
        self.values.setVisible(card is not None and from_file)
        if card is not None and not self.values.isHidden():
            self.values.show_for(card.sha256)
        if card is not None and card.kind not in (SINGLE_IMAGE, TRANSLATION):
            text = tr("This model takes several rasters at once ({}), which this form does not offer.")
            self.problem.set_text(text.format(card.kind))
        self.model_changed.emit(card)

    def _show_problem(self, error: SuperResolutionError) -> None:
        self._show_card(None)
        self.problem.set_text(str(error))
        self.model_changed.emit(None)

    def _say(self, text: str) -> None:
        self._state.setText(text)
        self._state.setVisible(bool(text))
