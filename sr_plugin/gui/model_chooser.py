"""Processing widget for the model: shipped, installed and built-in models by title, or a file."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Tuple

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from sr_plugin.core.card import ModelCard
from sr_plugin.core.catalogue import available_models
from sr_plugin.gui.choice_wrapper import ChoiceCombo, ChoiceWrapper
from sr_plugin.processing.translation import tr

_LAST_FOLDER = "superres/last_model_folder"
#: Endings under which people keep models; what a file is, its bytes tell.
MODEL_PATTERNS = "*.onnx *.safetensors *.safetensor *.pth *.pt *.ckpt *.bin *.tar *.h5 *.hdf5 *.keras *.npz *.json"


def model_title(card: ModelCard) -> str:
    """How a model is listed: by its title, followed by the name that scripts use."""
    return f"{card.title} ({card.name})" if card.title and card.title != card.name else card.name


def ask_for_model_file(parent: QWidget, current: str) -> str:
    """Path of a model file that the user chose, empty where it was cancelled; starts at the current one."""
    settings = QgsSettings()
    folder = os.path.dirname(current) if os.path.isfile(current) else settings.value(_LAST_FOLDER, "")
    path, _ = QFileDialog.getOpenFileName(
        parent, tr("Choose a model file"), folder, f"{tr('Models')} ({MODEL_PATTERNS});;{tr('All files')} (*)"
    )
    if path:
        settings.setValue(_LAST_FOLDER, os.path.dirname(path))
    return path


class ModelChooser(QWidget):
    """Combo box with the known models and a button to choose a file.

    Args:
        combo: the combo box; the chooser takes it in.
    """

    def __init__(self, combo: ChoiceCombo) -> None:
        super().__init__()
        self.combo = combo
        self._add_tooltips()
        self.button = QToolButton()
        self.button.setText("…")
        self.button.setToolTip(tr("Choose a model file"))
        self.button.clicked.connect(lambda _checked: self.choose_file())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(combo, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(combo)

    def choose_file(self) -> None:
        """Ask for a model file and show its path."""
        path = ask_for_model_file(self, self.combo.value())
        if path:
            self.combo.set_value(path)

    def _add_tooltips(self) -> None:
        cards = {card.name: card for card in available_models()}
        for index in range(self.combo.count()):
            card = cards.get(self.combo.itemData(index))
            if card is not None:
                self.combo.setItemData(index, _tooltip(card), Qt.ItemDataRole.ToolTipRole)


class ModelChooserWrapper(ChoiceWrapper):
    """Widget of the MODEL parameter; its value is the stable name of a model or the path of a file."""

    def choices(self, **kwargs: Any) -> List[Tuple[str, str]]:
        """All models that there are, with their titles."""
        return [(card.name, model_title(card)) for card in available_models()]

    def editor(self, combo: ChoiceCombo) -> QWidget:
        """The combo box with its file button."""
        return ModelChooser(combo)

    def more(self, line: QLineEdit) -> List[Tuple[str, Callable[[], None]]]:
        """In the modeler's list: a model file."""

        def choose_file() -> None:
            path = ask_for_model_file(line, line.text().strip())
            if path:
                line.setText(path)

        return [(tr("Choose a model file…"), choose_file)]


def _tooltip(card: ModelCard) -> str:
    """What distinguishes a model, in a few lines."""
    bands = ", ".join(band.name for band in card.input_bands) or tr("any")
    lines = [tr("Scale: x{}").format(card.scale), tr("Bands: {}").format(bands)]
    if card.gsd_m:
        lines.append(tr("Made for pixels of {:g} to {:g} m").format(*card.gsd_m))
    if card.licence:
        lines.append(tr("Licence: {}").format(card.licence))
    if card.generative:
        lines.append(tr("May invent detail"))
    return "\n".join(lines)
