"""The plugin's page in QGIS' options."""

from __future__ import annotations

import os
from typing import List, Optional, Tuple

from qgis.core import QgsApplication
from qgis.gui import QgsOptionsPageWidget
from qgis.PyQt.QtCore import QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.core.catalogue import available_models
from sr_plugin.core.locations import user_models_folder
from sr_plugin.gui.background import Background
from sr_plugin.gui.choice_wrapper import ChoiceCombo
from sr_plugin.gui.environment.environment_dialog import summary_of
from sr_plugin.gui.environment.one_dialog import OneDialog
from sr_plugin.gui.model_chooser import ModelChooser, model_title
from sr_plugin.processing import runtime_check, settings
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.environment_report import ASK, environment_report

#: Name of the page, for ``iface.showOptionsDialog(currentPage=...)``.
PAGE_NAME = "mOptionsPageSuperResolution"
_LANE = "runtime"


class OptionsPage(QgsOptionsPageWidget):
    """The settings; they take effect when the dialog is accepted.

    Args:
        parent: Qt parent.
        environment: the dialog of the environment; one of its own unless given.

    Attributes:
        follow_changed: emitted on acceptance where it was changed whether previews are to follow the map.
    """

    follow_changed = pyqtSignal(bool)

    def __init__(self, parent: Optional[QWidget] = None, environment: Optional[OneDialog] = None) -> None:
        super().__init__(parent)
        self.setObjectName(PAGE_NAME)
        self._environment = environment or OneDialog(self)
        self._environment.environment_changed.connect(self._environment_changed)
        self._background = Background(self)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        for box in (self._run_box(), self._preview_box(), self._environment_box()):
            layout.addWidget(box)
        layout.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._show_settings()
        self._look()

    def apply(self) -> None:
        """Called by QGIS when the dialog is accepted."""
        settings.MODEL.set(self.model.value() or settings.MODEL.default)
        settings.DEVICE.set(self.device.value() or settings.DEVICE.default)
        settings.PRECISION.set(self.precision.currentData())
        settings.CONSISTENCY.set(self.consistency.isChecked())
        settings.KEEP_PARTIAL.set(self.keep_partial.isChecked())
        before = settings.PREVIEW_FOLLOW.value()
        settings.PREVIEW_FOLLOW.set(self.preview_follow.isChecked())
        if before != self.preview_follow.isChecked():
            self.follow_changed.emit(not before)
        settings.PREVIEW_BOUND.set(self.preview_bound.value())

    def cancel(self) -> None:
        """Called by newer versions of QGIS when the dialog is cancelled: show again what is remembered."""
        self._show_settings()

    def helpKey(self) -> str:  # noqa: N802 - QGIS API
        """No page of QGIS' manual."""
        return ""

    def open_environment(self) -> None:
        """Open the dialog for the environment; what is chosen there counts at once."""
        # Modal to the options, so that they cannot be closed while an environment is made.
        self._environment.open(over=self.window())

    def _run_box(self) -> QGroupBox:
        models = [card for card in available_models() if card.takes_one_raster]
        self.model = ChoiceCombo([(card.name, model_title(card)) for card in models])
        self.device = ChoiceCombo([(name, title) for name, title in _devices()])
        self.precision = QComboBox()
        for name, title in _precisions():
            self.precision.addItem(title, name)
        self.consistency = QCheckBox(tr("Keep results consistent with their input"))
        self.consistency.setToolTip(tr("Brought back to the resolution of the input, the result equals it"))
        self.keep_partial = QCheckBox(tr("Keep the finished part after a cancel"))
        self.keep_partial.setToolTip(tr("The same run then goes on from there"))
        box = QGroupBox(tr("What forms and dialogs start with"))
        form = QFormLayout(box)
        form.addRow(tr("&Model"), ModelChooser(self.model))
        form.addRow(tr("&Device"), self.device)
        form.addRow(tr("&Precision"), self.precision)
        form.addRow(self.consistency)
        form.addRow(self.keep_partial)
        return box

    def _preview_box(self) -> QGroupBox:
        self.preview_follow = QCheckBox(tr("Follow pan and zoom of the map"))
        self.preview_bound = QSpinBox()
        smallest, largest = settings.PREVIEW_BOUND.limits or (64, 2048)
        self.preview_bound.setRange(smallest, largest)
        self.preview_bound.setSingleStep(64)
        self.preview_bound.setSuffix(tr(" pixels"))
        self.preview_bound.setToolTip(tr("A larger preview takes longer: twice the side, four times the time"))
        box = QGroupBox(tr("Preview"))
        form = QFormLayout(box)
        form.addRow(self.preview_follow)
        form.addRow(tr("Longest &side, in pixels of the input"), self.preview_bound)
        return box

    def _environment_box(self) -> QGroupBox:
        self.environment = QLabel()
        self.environment.setWordWrap(True)
        self.environment_button = QPushButton(
            QgsApplication.getThemeIcon("/mActionOptions.svg"), tr("Environment for models…")
        )
        self.environment_button.clicked.connect(lambda _checked: self.open_environment())
        self.models_button = QPushButton(
            QgsApplication.getThemeIcon("/mActionFileOpen.svg"), tr("Open the folder of installed models")
        )
        self.models_button.clicked.connect(lambda _checked: _open_models_folder())
        box = QGroupBox(tr("Python and models"))
        layout = QVBoxLayout(box)
        layout.addWidget(self.environment)
        row = QHBoxLayout()
        row.addWidget(self.environment_button)
        row.addWidget(self.models_button)
        row.addStretch(1)
        layout.addLayout(row)
        return box

    def _show_settings(self) -> None:
        self.model.set_value(settings.MODEL.value())
        self.device.set_value(settings.DEVICE.value())
        self.precision.setCurrentIndex(self.precision.findData(settings.PRECISION.value()))
        self.consistency.setChecked(settings.CONSISTENCY.value())
        self.keep_partial.setChecked(settings.KEEP_PARTIAL.value())
        self.preview_follow.setChecked(settings.PREVIEW_FOLLOW.value())
        self.preview_bound.setValue(settings.PREVIEW_BOUND.value())

    def _look(self) -> None:
        self.environment.setText(tr("Looking for Pythons on this computer…"))
        chosen = settings.worker_python() or None
        self._background.start(_LANE, lambda: summary_of(environment_report(chosen, ASK)), self._show_summary)

    def _show_summary(self, summary: Tuple[str, str, str]) -> None:
        _icon, sentence, more = summary
        self.environment.setText(f"{sentence}\n{more}")

    def _environment_changed(self) -> None:
        runtime_check.forget()
        self._look()


def _devices() -> List[Tuple[str, str]]:
    return [
        ("auto", tr("auto: the fastest one at hand")),
        ("cpu", tr("cpu")),
        ("cuda", tr("cuda: the first NVIDIA GPU")),
        ("mps", tr("mps: Apple's GPU")),
    ]


def _precisions() -> List[Tuple[str, str]]:
    return [
        ("auto", tr("auto")),
        ("float32", tr("float32: exact")),
        ("reduced", tr("reduced: 16 bits, faster on some devices")),
    ]


def _open_models_folder() -> None:
    folder = user_models_folder()
    os.makedirs(folder, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
