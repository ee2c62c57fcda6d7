"""The user guide, shown without leaving QGIS."""

from __future__ import annotations

import os
from typing import Any, Optional

from qgis.PyQt.QtCore import Qt, QUrl
from qgis.PyQt.QtGui import QImage, QTextDocument
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from sr_plugin.core.locations import documents_folder
from sr_plugin.processing.translation import tr

_GUIDE = "user-guide.md"
#: Pictures of whole windows are shown no wider than this many pixels.
_WIDEST = 720


class GuideBrowser(QTextBrowser):
    """Shows the guide with its pictures at a readable size."""

    def __init__(self, folder: str, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setOpenExternalLinks(True)
        with open(os.path.join(folder, _GUIDE), encoding="utf-8") as file:
            self.setMarkdown(file.read())

    def loadResource(self, kind: int, name: QUrl) -> Any:  # noqa: N802 - Qt API
        """Pictures come from the guide's own folder only."""
        path = os.path.realpath(os.path.join(self._folder, name.toString()))
        inside = path.startswith(os.path.realpath(self._folder) + os.sep)
        wanted = QTextDocument.ResourceType.ImageResource
        if getattr(kind, "value", kind) != getattr(wanted, "value", wanted) or not inside:
            return None
        image = QImage(path)
        if image.isNull() or image.width() <= _WIDEST:
            return None if image.isNull() else image
        return image.scaledToWidth(_WIDEST, Qt.TransformationMode.SmoothTransformation)


class HelpWindow(QDialog):
    """The user guide in a window of its own.

    Args:
        parent: Qt parent.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Super-Resolution: User Guide"))
        self.browser = GuideBrowser(documents_folder(), self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.browser)
        layout.addWidget(buttons)
        self.resize(820, 700)
