"""The choices of a new training: dataset, purpose, model, length."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from qgis.core import QgsApplication, QgsSettings
from qgis.gui import QgsFileWidget, QgsScrollArea
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.architectures.registry import FAMILIES
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION, ModelCard
from sr_plugin.core.catalogue import available_models
from sr_plugin.core.dataset import Dataset
from sr_plugin.core.dataset_card import DatasetCard
from sr_plugin.core.errors import RuntimeMissing, SuperResolutionError
from sr_plugin.core.training_families import FRESH_FAMILIES
from sr_plugin.core.training_presets import PRESETS, preset
from sr_plugin.gui.background import Background
from sr_plugin.gui.dock.hint_label import PROBLEM, WARNING, HintLabel
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.gui.model_chooser import ask_for_model_file
from sr_plugin.processing.train_parameters import AUTO
from sr_plugin.processing.translation import tr

_LANE = "dataset"
_LAST_DATASET = "superres/last_dataset"
_FRESH, _MODEL, _FILE = "fresh:", "model:", "file"
_PAUSE_MS = 300


def preset_titles() -> Dict[str, str]:
    """The presets as people choose them."""
    return {
        "content": tr("True to the data, fresh weights"),
        "fine-tune": tr("Fine-tune a model to my region"),
        "gan": tr("Sharp and plausible (GAN)"),
        "translation": tr("Translate images (pix2pix)"),
    }


def dataset_sentence(card: DatasetCard) -> str:
    """A dataset in a line."""
    kinds = {
        SINGLE_IMAGE: tr("x{}").format(card.scale),
        MULTI_IMAGE: tr("x{} from {} images").format(card.scale, card.views),
        TRANSLATION: tr("translation"),
        BAND_FUSION: tr("fusion of bands"),
    }
    bands = len(card.target.bands)
    counts = tr("{} patches to train, {} to validate").format(
        card.counts.get("train", 0), card.counts.get("validation", 0)
    )
    return f"{kinds[card.kind]}, " + tr("{} bands").format(bands) + f", {counts}"


def _suits(model: ModelCard, dataset: DatasetCard) -> bool:
    """Whether a model of the same kind has the scale and the bands of a dataset."""
    if model.kind in (MULTI_IMAGE, BAND_FUSION):
        # Their bands and scales are counted in ways of their own; the training checks them.
        return True
    bands = len(model.input_bands), len(model.output_bands or model.input_bands)
    same = bands == (len(dataset.low.bands), len(dataset.target.bands))
    return model.scale == dataset.scale and (same or model.per_band)


class TeachForm(QWidget):
    """Form of a new training.

    Args:
        background: reads datasets.

    Attributes:
        start_clicked: emitted when the training is to be started.
        prepare_clicked: emitted when the user wants to make a dataset.
        all_settings_clicked: emitted when the user wants the algorithm's own dialog.
        environment_clicked: emitted when the user wants to set up an environment.
    """

    start_clicked = pyqtSignal()
    prepare_clicked = pyqtSignal()
    all_settings_clicked = pyqtSignal()
    environment_clicked = pyqtSignal()

    def __init__(self, background: Background, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._background = background
        self._card: Optional[DatasetCard] = None
        self._reading = False
        self._file = ""
        self._make_fields()
        self._lay_out()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._read_dataset)
        self._connect()
        self._fill_start()
        self._on_preset()
        self.dataset.setFilePath(str(QgsSettings().value(_LAST_DATASET, "")))
        self._update()

    def _make_fields(self) -> None:
        self.dataset = QgsFileWidget()
        self.dataset.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.dataset.setDialogTitle(tr("Choose a dataset"))
        self.dataset.lineEdit().setPlaceholderText(tr("Folder of a dataset"))
        self.dataset.lineEdit().setAccessibleName(tr("Dataset"))
        self.dataset_note = QLabel()
        self.dataset_note.setWordWrap(True)
        self.dataset_problem = HintLabel(PROBLEM)
        self.prepare_button = QPushButton(tr("&Prepare pairs…"))
        self.prepare_button.setToolTip(tr("Make a dataset from rasters or from folders of images"))
        self.preset = ElidedComboBox()
        titles = preset_titles()
        for name in PRESETS:
            self.preset.addItem(titles[name], name)
        self.preset.setAccessibleName(tr("Purpose"))
        self.start = ElidedComboBox()
        self.start.setAccessibleName(tr("Begin with"))
        self.start.setToolTip(tr("Fresh weights of an architecture, or a model with a checkpoint to go on from"))
        self.name = QLineEdit()
        self.name.setPlaceholderText(tr("made up from dataset and model"))
        self.name.setAccessibleName(tr("Name of the new model"))
        self.steps = QSpinBox()
        self.steps.setRange(1, 10_000_000)
        self.steps.setGroupSeparatorShown(True)
        self.steps.setSingleStep(1000)
        self.steps.setAccessibleName(tr("Steps"))
        self.device = ElidedComboBox()
        self.device.setAccessibleName(tr("Device"))
        for value, title in ((AUTO, tr("Automatic")), ("cpu", tr("CPU")), ("cuda", tr("NVIDIA GPU")), ("mps", "Apple")):
            self.device.addItem(title, value)
        self.hint = HintLabel(WARNING)
        self.problem = HintLabel(PROBLEM)
        self.environment_button = QPushButton(tr("Set up environment…"))
        self.environment_button.setToolTip(tr("Create an environment with PyTorch, or choose a Python that has it"))
        self.environment_button.setVisible(False)
        self.start_button = QPushButton(QgsApplication.getThemeIcon("/mActionStart.svg"), tr("&Start training"))
        self.settings_button = QPushButton(tr("All settings…"))
        self.settings_button.setToolTip(tr("Open the dialog of the algorithm with these choices"))

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(6)
        intro = QLabel(tr("Teach a model with pairs of low and high resolution. The training goes on without QGIS."))
        intro.setWordWrap(True)
        column.addWidget(intro)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        box = QVBoxLayout()
        box.setSpacing(3)
        for widget in (self.dataset, self.dataset_note, self.dataset_problem):
            box.addWidget(widget)
        row = QHBoxLayout()
        row.addWidget(self.prepare_button)
        row.addStretch(1)
        box.addLayout(row)
        form.addRow(tr("Dataset"), box)
        for title, field in (
            (tr("Purpose"), self.preset),
            (tr("Begin with"), self.start),
            (tr("New name"), self.name),
            (tr("Steps"), self.steps),
            (tr("Device"), self.device),
        ):
            form.addRow(title, field)
        column.addLayout(form)
        column.addWidget(self.hint)
        column.addWidget(self.problem)
        column.addWidget(self.environment_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        scroll = QgsScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(6, 6, 6, 6)
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.settings_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.dataset.fileChanged.connect(lambda _path: self._on_dataset())
        self.preset.currentIndexChanged.connect(lambda _index: self._on_preset())
        self.start.activated.connect(lambda _index: self._on_start())
        self.start_button.clicked.connect(lambda _checked: self.start_clicked.emit())
        self.prepare_button.clicked.connect(lambda _checked: self.prepare_clicked.emit())
        self.environment_button.clicked.connect(lambda _checked: self.environment_clicked.emit())
        self.settings_button.clicked.connect(lambda _checked: self.all_settings_clicked.emit())

    def refresh_models(self) -> None:
        """Read the list of models again."""
        self._fill_start()
        self._update()

    def set_problem(self, error: Optional[SuperResolutionError]) -> None:
        """Show why a training could not be started; None for nothing."""
        missing = isinstance(error, RuntimeMissing)
        if missing:
            # The error names every Python that was looked at, which is more than most want to read.
            self.problem.set_text(tr("No Python environment was found that can train models."))
            self.problem.setToolTip(str(error))
        else:
            self.problem.set_text("" if error is None else str(error))
            self.problem.setToolTip("")
        self.environment_button.setVisible(missing)

    def set_busy(self, busy: bool) -> None:
        """Whether a training is being started now."""
        self.start_button.setEnabled(not busy and not self.missing())

    def missing(self) -> str:
        """Why no training can be started, in one sentence; empty where it can."""
        if not self.dataset.filePath().strip():
            return tr("Choose a dataset.")
        if self._reading:
            return tr("The dataset is being read.")
        if self._card is None:
            return tr("The folder holds no dataset that can be used.")
        if self.preset.currentData() == "fine-tune" and not self._start().startswith(_MODEL):
            return tr("Fine-tuning needs a model to go on from.")
        if self.start.count() == 0 or not self._start():
            return tr("No architecture suits this dataset.")
        return ""

    def _start(self) -> str:
        return str(self.start.currentData() or "")

    def parameters(self) -> Dict[str, Any]:
        """The choices as parameters of ``superres:train``."""
        start = self._start()
        fresh = start.startswith(_FRESH)
        return {
            "DATASET": self.dataset.filePath().strip(),
            "PRESET": self.preset.currentData(),
            "MODEL": "" if fresh else start[len(_MODEL) :],
            "ARCHITECTURE": start[len(_FRESH) :] if fresh else AUTO,
            "NAME": self.name.text().strip(),
            "STEPS": self.steps.value(),
            "DEVICE": self.device.currentData(),
            "DETACH": True,
        }

    def _on_dataset(self) -> None:
        self._card, self._reading = None, bool(self.dataset.filePath().strip())
        self._pause.start()
        self._update()

    def _read_dataset(self) -> None:
        path = self.dataset.filePath().strip()
        if not path:
            self._background.cancel(_LANE)
            return
        self._background.start(_LANE, lambda: Dataset.open(path).card, self._on_card, self._on_no_card)

    def _on_card(self, card: DatasetCard) -> None:
        self._card, self._reading = card, False
        QgsSettings().setValue(_LAST_DATASET, self.dataset.filePath())
        self.dataset_problem.set_text("")
        if card.kind == TRANSLATION and self.preset.currentData() in ("gan",):
            self.preset.setCurrentIndex(self.preset.findData("translation"))
        self._fill_start()
        self._update()

    def _on_no_card(self, error: SuperResolutionError) -> None:
        self._card, self._reading = None, False
        self.dataset_problem.set_text(str(error))
        self._update()

    def _on_preset(self) -> None:
        self.steps.setValue(preset(self.preset.currentData(), "x", "x").steps)
        self._fill_start()
        self._update()

    def _fill_start(self) -> None:
        """Architectures and models that suit dataset and purpose; what was chosen stays where it still can."""
        chosen = self._start()
        self.start.blockSignals(True)
        self.start.clear()
        kind = self._card.kind if self._card is not None else SINGLE_IMAGE
        if self.preset.currentData() != "fine-tune":
            titles = {family.id: family.title for family in FAMILIES}
            for family in FRESH_FAMILIES[kind]:
                self.start.addItem(tr("Fresh weights: {}").format(titles[family]), _FRESH + family)
        for title, name in self._models(kind):
            self.start.addItem(title, _MODEL + name)
        if self._file:
            self.start.addItem(os.path.basename(self._file), _MODEL + self._file)
        self.start.addItem(tr("Model file…"), _FILE)
        index = self.start.findData(chosen)
        self.start.setCurrentIndex(max(0, index))
        self.start.blockSignals(False)

    def _models(self, kind: str) -> List[Any]:
        found = []
        for card in available_models():
            trainable = any(weight.container != "onnx" for weight in card.weights)
            if trainable and card.kind == kind and (self._card is None or _suits(card, self._card)):
                found.append((card.title or card.name, card.name))
        return found

    def _on_start(self) -> None:
        if self._start() == _FILE:
            self._file = ask_for_model_file(self, self._file) or self._file
            self._fill_start()
            self.start.setCurrentIndex(max(0, self.start.findData(_MODEL + self._file)))
        self._update()

    def _update(self) -> None:
        card = self._card
        self.dataset_note.setText(dataset_sentence(card) if card is not None else "")
        self.dataset_note.setVisible(card is not None)
        if not self.dataset.filePath().strip() or self._reading:
            self.dataset_problem.set_text("")
        generative = self.preset.currentData() in ("gan", "translation")
        self.hint.set_text(tr("Such a model may invent detail that is not in the scene.") if generative else "")
        reason = self.missing()
        self.start_button.setEnabled(not reason)
        self.start_button.setToolTip(reason or tr("Train in the background; it goes on when QGIS is closed"))
