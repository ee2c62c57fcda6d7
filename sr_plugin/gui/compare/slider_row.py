"""A slider with a number beside it."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QSlider, QWidget


class SliderRow(QWidget):
    """One number, set by slider or spin box.

    Args:
        least, most, step: range and step of the number.
        usual: what the button in the spin box goes back to.
        decimals: digits after the point.
        suffix: unit behind the number.
        tip: tooltip of both.
        parent: Qt parent.

    Signals:
        changed: the new number.
    """

    changed = pyqtSignal(float)

    def __init__(
        self,
        least: float,
        most: float,
        step: float,
        usual: float,
        decimals: int = 1,
        suffix: str = "",
        tip: str = "",
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._step = step
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(least / step), round(most / step))
        self.slider.setPageStep(max(1, round((most - least) / step / 10)))
        self.spin = QgsDoubleSpinBox()
        self.spin.setRange(least, most)
        self.spin.setSingleStep(step)
        self.spin.setDecimals(decimals)
        self.spin.setSuffix(suffix)
        self.spin.setClearValue(usual)
        self.spin.setShowClearButton(True)
        self.spin.setKeyboardTracking(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.spin)
        for widget in (self.slider, self.spin):
            widget.setToolTip(tip)
        self.slider.valueChanged.connect(self._slider_changed)
        self.spin.valueChanged.connect(self._spin_changed)
        self.setFocusProxy(self.spin)
        self.set_value(usual)

    def value(self) -> float:
        """The number."""
        return float(self.spin.value())

    def set_value(self, value: float) -> None:
        """Show a number."""
        self.spin.setValue(value)

    def set_name(self, name: str) -> None:
        """What a screen reader calls it."""
        self.slider.setAccessibleName(name)
        self.spin.setAccessibleName(name)

    def _slider_changed(self, steps: int) -> None:
        self.spin.setValue(steps * self._step)

    def _spin_changed(self, value: float) -> None:
        # The slider is coarser than the number, which must not jump to the slider's step.
        self.slider.blockSignals(True)
        self.slider.setValue(round(value / self._step))
        self.slider.blockSignals(False)
        self.changed.emit(float(value))
