"""Pictures of an uncertainty: asked for in the dock, run, and its layers on the map."""

from __future__ import annotations

from typing import Any, List

from tools.shots.dock import DockShots
from tools.shots.session import DRAW, Session, Step

#: Above this many units of the sample's data bicubic is taken.
_LIMIT = 15


def steps(session: Session) -> List[Step]:
    """What to do, in order."""
    shots = UncertaintyShots(session)
    return [
        (shots.open_panel, DRAW),
        (session.load_raster, DRAW),
        session.wait_until(lambda: not shots.panel.missing()),
        (shots.unfold_advanced, DRAW),
        (shots.choose, DRAW),
        (lambda: None, DRAW),
        (lambda: shots.scroll_to("output_section"), DRAW),
        (lambda: shots.save("uncertainty_dock"), 0),
        (shots.narrow, DRAW),
        (lambda: shots.scroll_to("output_section"), DRAW),
        (lambda: shots.save("uncertainty_dock_narrow"), 0),
        (shots.use_bicubic, DRAW),
        (lambda: shots.scroll_to("output_section"), DRAW),
        (lambda: shots.save("uncertainty_dock_bicubic"), 0),
        (shots.run, DRAW),
        session.wait_until(lambda: shots.queue.runs[-1].ended),
        (lambda: None, DRAW),
        (lambda: shots.save("uncertainty_done"), 0),
        (lambda: shots.show("uncertainty"), DRAW),
        (lambda: shots.save("uncertainty_layer"), 0),
        (lambda: shots.show("bicubic"), DRAW),
        (lambda: shots.save("uncertainty_mask"), 0),
    ]


class UncertaintyShots(DockShots):
    """Asks for an uncertainty and looks at its layers."""

    @property
    def queue(self) -> Any:
        """The runs of the plugin's interface."""
        from qgis.utils import plugins

        return plugins["sr_plugin"].desktop.queue

    def open_panel(self) -> None:
        """The panel of the plugin's interface, which runs what is asked for."""
        from qgis.utils import plugins

        plugins["sr_plugin"].desktop.show_dock()
        super().open_panel()

    def choose(self) -> None:
        """Ask for layer and limit."""
        self.panel.output_section.uncertainty.layer.setChecked(True)
        self.panel.output_section.uncertainty.limit.setValue(_LIMIT)

    def run(self) -> None:
        """With the shipped model again."""
        self.panel.model_section.choose(self.session.model or "s2-rgbn-x2")
        self.panel.run_bar.run_button.click()

    def show(self, what: str) -> None:
        """Switch on the one layer beside the result whose name ends so."""
        from qgis.core import QgsProject

        for node in QgsProject.instance().layerTreeRoot().findLayers():
            if node.name().endswith(("uncertainty", "bicubic")):
                node.setItemVisibilityChecked(node.name().endswith(what))
                node.setExpanded(node.name().endswith(what))
