"""The choices in the dock as plain values, for the memory of the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Tuple

from qgis.core import QgsProject, QgsRasterLayer

if TYPE_CHECKING:
    from sr_plugin.gui.dock.dock_panel import DockPanel


class DockChoices:
    """Reads and sets what is chosen in a panel.

    Args:
        panel: the panel.
    """

    def __init__(self, panel: DockPanel) -> None:
        self._panel = panel
        self._wanted_bands: List[int] = []
        self._wanted_for: Tuple[str, str] = ("", "")

    def values(self) -> Dict[str, Any]:
        """All choices as JSON-serialisable values; files to be written are none of them."""
        panel = self._panel
        return {
            "layer": self._layer_id(),
            "bands": panel.band_section.numbers() if panel.band_section.by_hand else [],
            "model": panel.model_section.reference(),
            "area": panel.area_section.choices(),
            "device": panel.device_section.device(),
            "output": panel.output_section.choices(),
            "follow": panel.run_bar.follow.isChecked(),
        }

    def restore(self, values: Mapping[str, Any]) -> None:
        """Make the choices again; what is missing, unknown or gone is left as it is."""
        panel = self._panel
        layer = QgsProject.instance().mapLayer(str(values.get("layer") or ""))
        if isinstance(layer, QgsRasterLayer):
            panel.choose_layer(layer)
        if values.get("model"):
            panel.model_section.choose(str(values["model"]))
        bands = values.get("bands")
        if isinstance(bands, list) and all(isinstance(number, int) for number in bands):
            self._wanted_bands, self._wanted_for = bands, (self._layer_id(), panel.model_section.reference())
        if isinstance(values.get("area"), dict):
            panel.area_section.set_choices(values["area"])
        if values.get("device"):
            panel.device_section.set_device(str(values["device"]))
        if isinstance(values.get("output"), dict):
            panel.output_section.set_choices(values["output"])
        if isinstance(values.get("follow"), bool):
            panel.run_bar.follow.setChecked(values["follow"])
        self.restore_bands()

    def restore_bands(self) -> None:
        """Choose the remembered bands as soon as layer and model are known."""
        panel = self._panel
        if not self._wanted_bands or self._wanted_for != (self._layer_id(), panel.model_section.reference()):
            return
        panel.band_section.set_numbers(self._wanted_bands)
        if panel.band_section.numbers() == self._wanted_bands:
            self._wanted_bands = []

    def _layer_id(self) -> str:
        layer = self._panel.layer_section.layer()
        return layer.id() if layer is not None else ""
