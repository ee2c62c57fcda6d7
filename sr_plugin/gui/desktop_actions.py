"""Entries of the plugin in QGIS' menu and toolbar."""

from __future__ import annotations

from typing import Any, List

from qgis.core import QgsApplication
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QMenu

from sr_plugin.processing.provider import plugin_icon
from sr_plugin.processing.translation import tr


class DesktopActions:
    """Adds the actions; connecting them is left to who has the windows.

    Args:
        iface: the interface of the running QGIS.

    Attributes:
        dock: shows and hides the dock panel; also in the toolbar.
        compare, pairs, sample, environment, help: open what their names say.
    """

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._menu = tr("&Super-Resolution")
        theme = QgsApplication.getThemeIcon
        self.dock = self._action(plugin_icon(), tr("Super-Resolution Panel"), tr("Make a raster finer with a model"))
        self.dock.setCheckable(True)
        self.compare = self._action(
            theme("/mActionSplitCanvas.svg"), tr("Compare Rasters…"), tr("Compare rasters and their edges")
        )
        self.pairs = self._action(
            theme("/mIconRasterGroup.svg"),
            tr("Contact Sheet…"),
            tr("Look at the pairs of a training dataset and strike out bad ones"),
        )
        self.sample = self._action(
            theme("/mActionStart.svg"),
            tr("Try the Sample"),
            tr("Run the shipped model on the shipped raster and check the result"),
        )
        self.environment = self._action(
            theme("/mActionOptions.svg"), tr("Environment…"), tr("The Python that runs the models")
        )
        self.help = self._action(theme("/mActionHelpContents.svg"), tr("Help"), tr("The user guide"))
        iface.addToolBarIcon(self.dock)
        for action in self._all():
            iface.addPluginToRasterMenu(self._menu, action)

    def _all(self) -> List[QAction]:
        return [self.dock, self.compare, self.pairs, self.sample, self.environment, self.help]

    def _action(self, icon: QIcon, text: str, tip: str) -> QAction:
        action = QAction(icon, text, self._iface.mainWindow())
        action.setToolTip(f"<b>{text}</b><br>{tip}")
        action.setStatusTip(tip)
        return action

    def remove(self) -> None:
        """Take all actions away."""
        # QGIS takes the emptied menu out of its own, but never deletes it.
        # Qt 6 has another name for it.
        associated = getattr(self.help, "associatedObjects", None) or self.help.associatedWidgets
        menus = [widget for widget in associated() if isinstance(widget, QMenu)]
        self._iface.removeToolBarIcon(self.dock)
        for action in self._all():
            self._iface.removePluginRasterMenu(self._menu, action)
            action.deleteLater()
        for menu in menus:
            if not menu.actions():
                menu.deleteLater()
