"""Translation of texts that people read."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication

CONTEXT = "SuperResolution"


def tr(text: str) -> str:
    """The text in the language of QGIS, or as it is where there is no translation."""
    return QCoreApplication.translate(CONTEXT, text)
