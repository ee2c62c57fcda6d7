"""Row that says what is being done, for how long, and lets it be cancelled."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from sr_plugin.processing.feedback import spoken_duration
from sr_plugin.processing.translation import tr


class ProgressRow(QWidget):
    """Busy bar, text with the time taken, and a Cancel button; hidden while nothing runs.

    Args:
        parent: Qt parent.

    Attributes:
        cancelled: emitted when the user presses Cancel.
    """

    cancelled = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        # Neither pip nor venv tell how much is left.
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(140)
        self.cancel_button = QPushButton(tr("Cancel"))
        self.cancel_button.clicked.connect(lambda _checked: self._cancel())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.cancel_button)
        self.hide()

    def begin(self, text: str, can_cancel: bool = True) -> None:
        """Show the row."""
        self._text = text
        self.label.setText(text)
        self.cancel_button.setVisible(can_cancel)
        self.cancel_button.setEnabled(True)
        self.show()

    def set_seconds(self, seconds: float) -> None:
        """Tell how long it has taken."""
        if self.isVisible() and self.cancel_button.isEnabled():
            self.label.setText(tr("{} ({})").format(self._text, spoken_duration(seconds)))

    def end(self) -> None:
        """Hide the row."""
        self.hide()

    def _cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self.label.setText(tr("Cancelling and clearing up…"))
        self.cancelled.emit()
