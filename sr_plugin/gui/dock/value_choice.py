"""How the pixel values of a raster become what a model expects, where a bare model file does not tell."""

from __future__ import annotations

import re
from typing import Optional

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QFormLayout, QLabel, QWidget

from sr_plugin.gui.choice_wrapper import ChoiceCombo
from sr_plugin.gui.elided_combo import narrow
from sr_plugin.processing.translation import tr

AUTOMATIC = "auto"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?"
_VALID = re.compile(
    rf"auto|none|divide:{_NUMBER}|window:{_NUMBER},{_NUMBER}|percentile(:{_NUMBER},{_NUMBER})?", re.IGNORECASE
)
_KEY = "superres/models/{}/normalisation"


class ValueChoice(QWidget):
    """Asks for the normalisation, and remembers the answer for each model file.

    Attributes:
        changed: emitted when another one is chosen.
    """

    changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._digest = ""
        choices = (
            (AUTOMATIC, tr("Automatic, by the pixel type")),
            ("none", tr("As they are")),
            ("divide:10000", tr("Divided by 10000 (Sentinel-2 reflectance)")),
            ("divide:255", tr("Divided by 255 (8-bit images)")),
            ("window:0,3000", tr("0 to 3000 becomes 0 to 1")),
            ("percentile:2,98", tr("Percentiles 2 and 98 become 0 and 1")),
        )
        self.combo = ChoiceCombo(choices)
        narrow(self.combo)
        self.combo.setToolTip(
            tr(
                "What the model expects as values; its file does not tell. Pick one, or type divide:K, window:LOW,HIGH "
                "or percentile:LOW,HIGH. The result is always in the units of the input."
            )
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        label = QLabel(tr("Values"))
        label.setBuddy(self.combo)
        form.addRow(label, self.combo)
        self.combo.currentTextChanged.connect(self._on_changed)

    def value(self) -> str:
        """The NORMALISATION parameter."""
        return self.combo.value() or AUTOMATIC

    def set_value(self, value: str) -> None:
        """Choose one."""
        self.combo.set_value(value or AUTOMATIC)

    def show_for(self, digest: str) -> None:
        """Ask for a model file of this digest, with the answer that was given before."""
        self._digest = ""
        self.set_value(str(QgsSettings().value(_KEY.format(digest), AUTOMATIC)))
        self._digest = digest

    def missing(self) -> str:
        """What is wrong with what was typed; empty where nothing is."""
        if _VALID.fullmatch(self.value().replace(" ", "")):
            return ""
        return tr("The values '{}' cannot be understood: pick one of the list, or type window:LOW,HIGH.").format(
            self.value()
        )

    def _on_changed(self, _text: str) -> None:
        if self._digest and not self.missing():
            QgsSettings().setValue(_KEY.format(self._digest), self.value())
        self.changed.emit()
