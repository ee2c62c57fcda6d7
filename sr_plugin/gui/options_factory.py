"""Tells QGIS of the plugin's page in its options; the page itself is loaded when it is opened."""

from __future__ import annotations

from typing import Callable, Optional

from qgis.gui import QgsOptionsPageWidget, QgsOptionsWidgetFactory
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr


class OptionsFactory(QgsOptionsWidgetFactory):
    """Makes the page when QGIS opens its options.

    Args:
        environment_changed: called after the environment dialog changed something.
    """

    def __init__(self, environment_changed: Optional[Callable[[], None]] = None) -> None:
        super().__init__()
        self.setTitle(tr("Super-Resolution"))
        self.setIcon(plugin_icon())
        self._environment_changed = environment_changed

    def createWidget(self, parent: Optional[QWidget] = None) -> QgsOptionsPageWidget:  # noqa: N802 - QGIS API
        """A fresh page; QGIS deletes it with its dialog."""
        from sr_plugin.gui.options_page import OptionsPage

        page = OptionsPage(parent)
        if self._environment_changed is not None:
            page.environment_changed_callbacks.append(self._environment_changed)
        return page
