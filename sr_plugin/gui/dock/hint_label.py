"""A sentence that the user should read, with an icon, on a tinted ground that suits light and dark themes."""

from __future__ import annotations

import html
from typing import Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

WARNING, PROBLEM, NOTE = "warning", "problem", "note"
_ICONS = {
    WARNING: "/mIconWarning.svg",
    PROBLEM: "/mIconCritical.svg",
    NOTE: "/mIconInfo.svg",
}
# Translucent, so that the text keeps the contrast that the theme gave it.
_TINTS = {WARNING: "255, 193, 7", PROBLEM: "220, 53, 69", NOTE: "64, 140, 230"}
_ICON_SIZE = 16


class HintLabel(QFrame):
    """Icon and wrapped text, each line a paragraph; hidden while there is no text.

    Args:
        kind: one of ``warning``, ``problem``, ``note``.
    """

    def __init__(self, kind: str = WARNING, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("hint")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(6)
        self._icon = QLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._text, 1)
        self.kind = ""
        self._plain = ""
        self.set_text("", kind)

    def text(self) -> str:
        """What is shown."""
        return self._plain

    def set_text(self, text: str, kind: str = "") -> None:
        """Show a text, or hide where it is empty."""
        if kind and kind != self.kind:
            self.kind = kind
            tint = _TINTS[kind]
            self.setStyleSheet(
                f"#hint {{ background: rgba({tint}, 45); border: 1px solid rgba({tint}, 150); border-radius: 3px; }}"
            )
            self._icon.setPixmap(QgsApplication.getThemeIcon(_ICONS[kind]).pixmap(_ICON_SIZE, _ICON_SIZE))
        self._plain = text
        # Escaped, because file names and messages of other programs come in here.
        paragraphs = [f'<p style="margin: 0 0 4px 0">{html.escape(line)}</p>' for line in text.splitlines()]
        self._text.setText("".join(paragraphs))
        self.setVisible(bool(text))
