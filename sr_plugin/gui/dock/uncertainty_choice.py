"""Whether a run also tells how much of its result is guessed, and where bicubic is taken instead."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from qgis.core import QgsProcessing
from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractSpinBox, QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from sr_plugin.core.card import TRANSLATION, ModelCard
from sr_plugin.core.uncertainty import ALL_VIEWS, DEVIATION, REPLACED, views_of
from sr_plugin.pipeline.uncertainty_plan import stands_beside
from sr_plugin.processing.translation import tr

_DECIMALS = 4
_HIGHEST_LIMIT = 1e9


class LimitBox(QgsDoubleSpinBox):
    """A limit in units of the data, which may be thousandths or thousands; 0 for none."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0.0, _HIGHEST_LIMIT)
        self.setDecimals(_DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setSpecialValueText(tr("Never"))
        self.setClearValue(0.0, tr("Never"))

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt API
        """The number without zeros at its end."""
        text, point = super().textFromValue(value), self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text


class UncertaintyChoice(QWidget):
    """A box for the layer of the uncertainty with what it costs, and the limit above which bicubic is taken.

    Attributes:
        changed: emitted when anything here changes.
    """

    changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.layer = QCheckBox(tr("Uncertainty layer"))
        self.layer.setToolTip(
            tr(
                "Also writes how far the model's answers to flipped and turned copies of the input differ, in units of "
                "the data. High values are guesses; low ones may still be wrong. The file lies beside the result, with "
                "_uncertainty in its name."
            )
        )
        self.cost = QLabel()
        self.cost.setWordWrap(True)
        self.cost.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.cost.setToolTip(tr("The limit below costs the same, and both together cost no more than one of them."))
        self.limit = LimitBox()
        self.limit.setToolTip(
            tr(
                "In units of the data. Where the uncertainty is above this, bicubic interpolation takes the place of "
                "the model's result; a layer shows where. Its file lies beside the result, with _bicubic in its name."
            )
        )
        self._limit_title = QLabel(tr("Bicubic above"))
        self._limit_title.setBuddy(self.limit)
        self._lay_out()
        self.layer.toggled.connect(lambda _checked: self.changed.emit())
        self.limit.valueChanged.connect(lambda _value: self.changed.emit())
        self.set_model(None, 0)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.layer)
        top.addWidget(self.cost, 1)
        bottom.addWidget(self._limit_title)
        bottom.addWidget(self.limit, 1)
        column.addLayout(top)
        column.addLayout(bottom)

    def set_model(self, card: Optional[ModelCard], chosen_bands: int) -> None:
        """Offer only what makes sense for a model and the number of bands that it is fed."""
        guesses = card is None or bool(card.weights)
        same = card is None or (card.kind != TRANSLATION and card.output_count(chosen_bands) == chosen_bands)
        self.layer.setEnabled(guesses)
        self.cost.setEnabled(guesses)
        self._limit_title.setEnabled(guesses and same)
        self.limit.setEnabled(guesses and same)
        views = ALL_VIEWS if card is None else views_of(card.tiles)
        self.cost.setText(tr("{} times the work").format(views))

    def parameters(self, output: str) -> Dict[str, Any]:
        """The parameters that are chosen here; none where nothing is.

        Args:
            output: value of the OUTPUT parameter, beside which the other files lie.
        """
        chosen: Dict[str, Any] = {}
        if self.layer.isChecked() and self.layer.isEnabled():
            chosen["UNCERTAINTY"] = _beside(output, "uncertainty", DEVIATION)
        if self.limit.value() > 0 and self.limit.isEnabled():
            chosen["UNCERTAINTY_LIMIT"] = self.limit.value()
            chosen["UNCERTAINTY_MASK"] = _beside(output, "bicubic", REPLACED)
        return chosen

    def choices(self) -> Dict[str, Any]:
        """What is chosen, for the memory of the project; files are none of it, so that nothing is overwritten."""
        return {"UNCERTAINTY": self.layer.isChecked(), "UNCERTAINTY_LIMIT": self.limit.value()}

    def set_choices(self, values: Mapping[str, Any]) -> None:
        """Choose what :meth:`choices` gave; what is missing or unknown is left as it is."""
        if isinstance(values.get("UNCERTAINTY"), bool):
            self.layer.setChecked(values["UNCERTAINTY"])
        limit = values.get("UNCERTAINTY_LIMIT")
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            self.limit.setValue(limit)


def _beside(output: str, what: str, kind: str) -> str:
    """Path of a file that lies beside the result, temporary where that is.

    Nobody has named this file, so it replaces nothing but what an earlier run wrote as the same kind.
    """
    if output == QgsProcessing.TEMPORARY_OUTPUT:
        return output
    stem, extension = os.path.splitext(output)
    path, number = f"{stem}_{what}{extension}", 1
    while os.path.lexists(path) and not stands_beside(path, kind):
        number += 1
        path = f"{stem}_{what}_{number}{extension}"
    return path
