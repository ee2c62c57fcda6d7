"""The place of the tab Teach in the dock; what is in it is made when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from sr_plugin.gui.teach.teach_panel import TeachPanel


class TeachTab(QWidget):
    """Holds the panel once it was made.

    Args:
        parent: Qt parent.

    Attributes:
        panel: None until the tab is first seen.
        model_made, dialog_requested, environment_requested: those of the panel.
    """

    model_made = pyqtSignal(str)
    dialog_requested = pyqtSignal(str, object)
    environment_requested = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.panel: Optional[TeachPanel] = None
        self._ended = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt API
        """Make the panel the first time."""
        super().showEvent(event)
        if self.panel is None and not self._ended:
            from sr_plugin.gui.teach.teach_panel import TeachPanel

            self.panel = TeachPanel(self)
            self.panel.model_made.connect(self.model_made)
            self.panel.dialog_requested.connect(self.dialog_requested)
            self.panel.environment_requested.connect(self.environment_requested)
            self.layout().addWidget(self.panel)

    def shut_down(self) -> None:
        """Look at no training any more; those that run go on."""
        self._ended = True
        if self.panel is not None:
            self.panel.shut_down()
