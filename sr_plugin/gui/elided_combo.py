"""Combo boxes that may be narrower than their text, which then ends in an ellipsis instead of being cut off."""

from __future__ import annotations

from typing import Optional

from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QPaintEvent
from qgis.PyQt.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

#: Characters that a combo box needs at least, so that a narrow dock needs no scroll bar.
_LEAST_CHARACTERS = 6
_PADDING = 4


def narrow(combo: QComboBox) -> None:
    """Let a combo box become narrower than its longest text."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(_LEAST_CHARACTERS)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def _paint(combo: QComboBox) -> None:
    """What ``QComboBox`` paints, but with its text elided, which Qt's own styles do not do."""
    option = QStyleOptionComboBox()
    combo.initStyleOption(option)
    field = combo.style().subControlRect(
        QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, combo
    )
    room = field.width() - _PADDING - (0 if option.currentIcon.isNull() else option.iconSize.width() + _PADDING)
    option.currentText = combo.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)
    painter = QStylePainter(combo)
    painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
    painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class ElidedComboBox(QComboBox):
    """Combo box that elides its text."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        narrow(self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt API
        """Paint with the text elided."""
        _paint(self)


class ElidedLayerComboBox(QgsMapLayerComboBox):
    """Combo box with the layers of the project that elides their names."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        narrow(self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt API
        """Paint with the text elided."""
        _paint(self)
