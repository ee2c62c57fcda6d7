"""The contact sheet of a dataset in QGIS: pairs are struck out by a click and left out of training."""

from __future__ import annotations

import os
from typing import List, Optional

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QEvent, QModelIndex, QObject, Qt
from qgis.PyQt.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.dataset import Dataset
from sr_plugin.core.dataset_card import SPLITS
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.pairs.patch_list import PatchListModel, PatchPainter
from sr_plugin.processing.translation import tr

_LAST_FOLDER = "superres/pairs/last_dataset"


class ContactSheetDialog(QDialog):
    """Thumbnails of all pairs of a dataset.

    Args:
        dataset: whose index is written on *Save*.
        parent: Qt parent.
    """

    def __init__(self, dataset: Dataset, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.dataset = dataset
        self.setWindowTitle(tr("Training pairs: {}").format(dataset.card.name))
        self.model = PatchListModel(dataset, self)
        self._saved = frozenset(self.model.struck)
        self.view = QListView(self)
        self._set_up_view()
        self.split = QComboBox(self)
        self.split.addItem(tr("All splits"), "")
        for split in SPLITS:
            self.split.addItem(f"{split} ({dataset.card.counts.get(split, 0)})", split)
        self.struck_only = QCheckBox(tr("Struck out only"), self)
        self.count = QLabel(self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Close, self
        )
        self._lay_out()
        self.view.clicked.connect(self._clicked)
        self.split.currentIndexChanged.connect(lambda _index: self._filter())
        self.struck_only.toggled.connect(lambda _checked: self._filter())
        self.model.dataChanged.connect(lambda *_: self._tell())
        self.buttons.accepted.connect(self.save)
        self.buttons.rejected.connect(self.reject)
        self.view.installEventFilter(self)
        self.resize(1110, 760)
        self._tell()

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setItemDelegate(PatchPainter(view))
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setMovement(QListView.Movement.Static)
        view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        view.setUniformItemSizes(True)
        view.setLayoutMode(QListView.LayoutMode.Batched)
        view.setSpacing(4)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setAccessibleName(tr("Training pairs"))

    def _lay_out(self) -> None:
        card = self.dataset.card
        facts = tr("{}, ×{}, {} bands, {} → {} pixels. Low resolution left, high resolution right.").format(
            card.kind, card.scale, len(card.low.bands), card.low.width, card.target.width
        )
        hint = tr(
            "Click a pair to strike it out or take it back; Ctrl or Shift and click selects several, Space strikes."
        )
        top = QHBoxLayout()
        top.addWidget(self.split)
        top.addWidget(self.struck_only)
        top.addStretch()
        top.addWidget(self.count)
        layout = QVBoxLayout(self)
        for text in filter(None, (facts, hint, self.dataset.warning)):
            label = QLabel(text, self)
            label.setWordWrap(True)
            layout.addWidget(label)
        layout.addLayout(top)
        layout.addWidget(self.view)
        layout.addWidget(self.buttons)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt API
        """Space and Delete strike the selected pairs out."""
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Delete)
        if watched is self.view and event.type() == QEvent.Type.KeyPress and event.key() in keys:
            self._toggle(self.view.selectedIndexes())
            return True
        return super().eventFilter(watched, event)

    def _clicked(self, index: QModelIndex) -> None:
        if QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier:
            self._toggle([index])

    def _toggle(self, indexes: List[QModelIndex]) -> None:
        self.model.toggle(indexes)

    def _filter(self) -> None:
        self.model.show_only(self.split.currentData(), self.struck_only.isChecked())

    @property
    def changed(self) -> bool:
        """Whether something is not saved yet."""
        return self.model.struck != self._saved

    def _tell(self) -> None:
        self.count.setText(tr("{} of {} struck out").format(len(self.model.struck), len(self.dataset.records)))
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(self.changed)

    def save(self) -> None:
        """Write what is struck out into the index."""
        try:
            self.dataset = self.dataset.exclude(self.model.struck)
        except SuperResolutionError as error:
            QMessageBox.warning(self, self.windowTitle(), str(error))
            return
        self._saved = frozenset(self.model.struck)
        self._tell()

    def reject(self) -> None:
        """Close; asks where something is not saved."""
        if self.changed:
            buttons = QMessageBox.StandardButton
            answer = QMessageBox.question(
                self,
                self.windowTitle(),
                tr("Save which pairs are struck out?"),
                buttons.Save | buttons.Discard | buttons.Cancel,
            )
            if answer == buttons.Cancel:
                return
            if answer == buttons.Save:
                self.save()
                if self.changed:
                    return
        super().reject()


def open_contact_sheet(parent: Optional[QWidget] = None) -> Optional[ContactSheetDialog]:
    """Ask for the folder of a dataset and show its pairs; None where there are none to show."""
    settings = QgsSettings()
    title = tr("Folder of a training dataset")
    folder = QFileDialog.getExistingDirectory(parent, title, settings.value(_LAST_FOLDER, ""))
    if not folder:
        return None
    try:
        dataset = Dataset.open(folder)
    except SuperResolutionError as error:
        QMessageBox.warning(parent, title, str(error))
        return None
    settings.setValue(_LAST_FOLDER, os.path.abspath(folder))
    dialog = ContactSheetDialog(dataset, parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
    return dialog
