"""Saves what the views show as a picture."""

from __future__ import annotations

import os

from qgis.core import QgsSettings
from qgis.PyQt.QtWidgets import QFileDialog, QMessageBox, QWidget

from sr_plugin.processing.translation import tr

_LAST_FOLDER = "superres/compare/last_picture_folder"


def save_picture(views: QWidget, parent: QWidget) -> str:
    """Ask for a file and write a picture of the views; its path, empty where none was written."""
    settings = QgsSettings()
    start = os.path.join(settings.value(_LAST_FOLDER, ""), "comparison.png")
    # Taken now, because the dialog may lie over the views.
    picture = views.grab()
    path, _ = QFileDialog.getSaveFileName(
        parent, tr("Save picture"), start, f"PNG (*.png);;JPEG (*.jpg *.jpeg);;{tr('All files')} (*)"
    )
    if not path:
        return ""
    if not os.path.splitext(path)[1]:
        path += ".png"
    settings.setValue(_LAST_FOLDER, os.path.dirname(path))
    if not picture.save(path):
        QMessageBox.warning(parent, tr("Save picture"), tr("The picture could not be written to {}.").format(path))
        return ""
    return path
