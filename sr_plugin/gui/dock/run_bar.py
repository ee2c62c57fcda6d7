"""The buttons that are always in sight: preview, compare, run."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr


class RunBar(QWidget):
    """Buttons and the state of the preview.

    Attributes:
        preview_clicked, run_clicked, compare_clicked, preview_cleared: emitted on a click.
        follow_changed: emitted when the preview is to follow the map, or no longer.
    """

    preview_clicked = pyqtSignal()
    preview_cleared = pyqtSignal()
    follow_changed = pyqtSignal(bool)
    compare_clicked = pyqtSignal()
    run_clicked = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.preview_button = QPushButton(QgsApplication.getThemeIcon("/mActionShowAllLayers.svg"), tr("Prev&iew"))
        self.follow = QCheckBox(tr("&Follow the map"))
        self.follow.setToolTip(tr("Make a new preview whenever the map was moved"))
        self.follow.setChecked(settings.PREVIEW_FOLLOW.value())
        self.clear_button = QToolButton()
        self.clear_button.setIcon(QgsApplication.getThemeIcon("/mIconClearText.svg"))
        self.clear_button.setAutoRaise(True)
        self.clear_button.setToolTip(tr("Take the preview off the map"))
        self.clear_button.setAccessibleName(tr("Take the preview off the map"))
        self.compare_button = QPushButton(tr("Compare…"))
        self.compare_button.setToolTip(tr("Compare input and result side by side, with their edges"))
        self.run_button = QPushButton(QgsApplication.getThemeIcon("/mActionStart.svg"), tr("R&un"))
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setMaximumHeight(6)
        self._lay_out()
        self._connect()
        self.set_preview_state("", False)
        self.set_missing("", "")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        top, bottom = QHBoxLayout(), QHBoxLayout()
        for widget in (self.preview_button, self.follow):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.clear_button)
        bottom.addWidget(self.run_button, 1)
        bottom.addWidget(self.compare_button)
        layout.addLayout(top)
        layout.addWidget(self.busy)
        layout.addWidget(self.state)
        layout.addLayout(bottom)

    def _connect(self) -> None:
        self.preview_button.clicked.connect(lambda _checked: self.preview_clicked.emit())
        self.clear_button.clicked.connect(self._on_clear)
        self.compare_button.clicked.connect(lambda _checked: self.compare_clicked.emit())
        self.run_button.clicked.connect(lambda _checked: self.run_clicked.emit())
        self.follow.toggled.connect(self.follow_changed)

    def set_missing(self, reason: str, preview_reason: str) -> None:
        """Switch the buttons off and say why.

        Args:
            reason: why nothing can be run; empty where it can.
            preview_reason: why there can be no preview; empty where there can.
        """
        self.run_button.setEnabled(not reason)
        self.run_button.setToolTip(reason or tr("Super-resolve the area in the background"))
        self.preview_button.setEnabled(not preview_reason)
        self.preview_button.setToolTip(preview_reason or tr("Super-resolve what the map shows, as a temporary overlay"))

    def set_preview_state(self, text: str, busy: bool) -> None:
        """Show what the preview is doing."""
        self.state.setText(text)
        self.state.setVisible(bool(text))
        self.busy.setVisible(busy)
        self.clear_button.setEnabled(busy or bool(text))

    def _on_clear(self, _checked: bool) -> None:
        self.set_preview_state("", False)
        self.preview_cleared.emit()
