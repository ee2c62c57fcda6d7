"""The plugin as QGIS sees it: puts its parts in place and takes all of them away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from qgis.core import QgsApplication, QgsProcessingProvider

if TYPE_CHECKING:
    from sr_plugin.gui.desktop import Desktop


class SuperResolutionPlugin:
    """Wires the Processing provider and, where there is a desktop, the interface into QGIS.

    Args:
        iface: the interface of the running QGIS, None in ``qgis_process``.
    """

    def __init__(self, iface: Optional[Any]) -> None:
        self.iface = iface
        self.provider: Optional[QgsProcessingProvider] = None
        self.desktop: Optional[Desktop] = None

    def initProcessing(self) -> None:  # noqa: N802 - the name that QGIS calls
        """Register the Processing provider; ``qgis_process`` calls only this."""
        # Imported here so that a disabled or half-loaded plugin costs nothing at start.
        from sr_plugin.processing.provider import SuperResolutionProvider

        provider = SuperResolutionProvider()
        # The registry owns the provider and deletes it when it refuses it.
        if QgsApplication.processingRegistry().addProvider(provider):
            self.provider = provider

    def initGui(self) -> None:  # noqa: N802 - the name that QGIS calls
        """Put the plugin's parts into the running desktop."""
        self.initProcessing()
        if self.iface is not None:
            from sr_plugin.gui.desktop import Desktop

            self.desktop = Desktop(self.iface)
            self.desktop.set_up()

    def unload(self) -> None:
        """Take everything away again."""
        if self.desktop is not None:
            # Before the provider: runs that go on are its algorithms.
            self.desktop.tear_down()
            self.desktop = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
