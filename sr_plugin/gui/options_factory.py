"""Tells QGIS of the plugin's page in its options; the page itself is loaded when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

from qgis.gui import QgsOptionsPageWidget, QgsOptionsWidgetFactory
from qgis.PyQt.QtWidgets import QWidget

from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr

if TYPE_CHECKING:
    from sr_plugin.gui.environment.one_dialog import OneDialog


class OptionsFactory(QgsOptionsWidgetFactory):
    """Makes the page when QGIS opens its options.

    Args:
        environment: gives the dialog of the environment; each page has one of its own unless given.
        follow_changed: called with whether previews are to follow the map, when that was changed.
    """

    def __init__(
        self,
        environment: Optional[Callable[[], OneDialog]] = None,
        follow_changed: Optional[Callable[[bool], None]] = None,
    ) -> None:
        super().__init__()
        self.setTitle(tr("Super-Resolution"))
        self.setIcon(plugin_icon())
        self._environment = environment
        self._follow_changed = follow_changed

    def createWidget(self, parent: Optional[QWidget] = None) -> QgsOptionsPageWidget:  # noqa: N802 - QGIS API
        """A fresh page; QGIS deletes it with its dialog."""
        from sr_plugin.gui.options_page import OptionsPage

        page = OptionsPage(parent, self._environment() if self._environment is not None else None)
        if self._follow_changed is not None:
            page.follow_changed.connect(self._follow_changed)
        return page
