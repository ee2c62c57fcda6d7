"""A label that shortens its text instead of asking for more room."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QResizeEvent
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy


class ElidedLabel(QLabel):
    """A bold line that is shortened in the middle: what stands at the end tells lines with one beginning apart.

    Args:
        text: the whole text, which is also the tooltip.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        font = self.font()
        font.setBold(True)
        self.setFont(font)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt API
        """Shorten the text to the new width."""
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, event.size().width()))
        super().resizeEvent(event)
