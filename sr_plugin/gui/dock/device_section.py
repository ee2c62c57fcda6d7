"""The device that computes, by name; found by asking the worker's Python in the background."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.gui.background import Background
from sr_plugin.gui.dock.device_list import AUTO, device_choices, needs_of
from sr_plugin.gui.dock.hint_label import PROBLEM, HintLabel
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.elided_combo import ElidedComboBox
from sr_plugin.processing import runtime_check, settings
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.find_python import find_worker_python
from sr_plugin.runtime.probe import PythonProbe

_LANE = "devices"


class DeviceSection(Section):
    """Chooses the device.

    Args:
        background: asks the Pythons.

    Attributes:
        device_changed: emitted when another device is chosen, or what is known of the devices changes.
        environment_requested: emitted when the user wants to set up an environment.
    """

    device_changed = pyqtSignal()
    environment_requested = pyqtSignal()

    def __init__(self, background: Background, parent: Optional[QWidget] = None) -> None:
        super().__init__("deviceSection", tr("Computin&g device"), parent=parent)
        self._background = background
        self._card: Optional[ModelCard] = None
        self._probe: Optional[PythonProbe] = None
        self._needs = ""
        self._missing = ""
        self._awake = False
        self._wanted = settings.DEVICE.value()
        self.combo = ElidedComboBox()
        self.combo.setAccessibleName(tr("Device"))
        self._state = QLabel(tr("Looking for devices…"))
        self._state.setWordWrap(True)
        self.missing_view = self._missing_view()
        for widget in (self.combo, self._state, self.missing_view):
            self.body.addWidget(widget)
        self.combo.activated.connect(self._on_activated)
        self._show()

    def _missing_view(self) -> QWidget:
        view = QWidget()
        layout = QVBoxLayout(view)
        layout.setContentsMargins(0, 0, 0, 0)
        self.problem = HintLabel(PROBLEM)
        self.environment_button = QPushButton(tr("Set up environment…"))
        self.environment_button.setToolTip(
            tr("Create an environment for running models, or choose a Python that has one")
        )
        self.environment_button.clicked.connect(lambda _checked: self.environment_requested.emit())
        layout.addWidget(self.problem)
        row = QHBoxLayout()
        row.addWidget(self.environment_button)
        row.addStretch(1)
        layout.addLayout(row)
        return view

    def device(self) -> str:
        """Value of the DEVICE parameter."""
        return str(self.combo.currentData() or self._wanted)

    def set_device(self, device: str) -> None:
        """Choose a device; one that is not there stays chosen and is marked."""
        self._wanted = device or AUTO
        self._show()

    def set_card(self, card: Optional[ModelCard]) -> None:
        """Look for what can run another model."""
        self._card = card
        if (
            not self._awake
            or card is None
            or (needs_of(card) == self._needs and (self._probe or self._background.is_busy(_LANE)))
        ):
            self._show()
            return
        self.refresh()

    def missing(self) -> str:
        """Why nothing can be computed, in one sentence; empty while it is not known yet, or all is well."""
        return self._missing

    def wake(self) -> None:
        """Look for devices the first time that somebody looks at the panel: a start of QGIS must cost nothing."""
        if not self._awake:
            self._awake = True
            self.set_card(self._card)

    def refresh(self) -> None:
        """Ask again, for example after an environment was made."""
        self._awake = True
        runtime_check.forget()
        self._needs, self._probe, self._missing = needs_of(self._card), None, ""
        needs, preferred = self._needs, settings.worker_python() or None
        self._background.start(_LANE, lambda: find_worker_python(needs, preferred), self._on_found, self._on_missing)
        self._show()

    def _on_found(self, probe: PythonProbe) -> None:
        self._probe = probe
        self._show()

    def _on_missing(self, error: SuperResolutionError) -> None:
        self._missing = tr("No Python environment was found that can run this model.")
        self.problem.set_text(self._missing)
        # The error names every Python that was looked at, which is more than most want to read.
        self.problem.setToolTip(error.message)
        self._show()

    def _on_activated(self, _index: int) -> None:
        self._wanted = self.device()
        self.combo.setToolTip(self.combo.currentText())
        self.device_changed.emit()

    def _show(self) -> None:
        searching = self._probe is None and not self._missing
        self._state.setVisible(searching)
        self.combo.setVisible(self._probe is not None)
        self.missing_view.setVisible(bool(self._missing))
        self.combo.clear()
        if self._probe is not None:
            self._fill(self._probe)
        self.device_changed.emit()

    def _fill(self, probe: PythonProbe) -> None:
        for value, title in device_choices(probe, self._card):
            self.combo.addItem(title, value)
            self.combo.setItemData(self.combo.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
        if self.combo.findData(self._wanted) < 0:
            self.combo.addItem(tr("{} (not found)").format(self._wanted), self._wanted)
        self.combo.setCurrentIndex(self.combo.findData(self._wanted))
        self.combo.setToolTip(f"{self.combo.currentText()}\n{probe.path}")
