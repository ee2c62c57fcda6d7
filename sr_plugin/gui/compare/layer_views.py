"""The views of the chosen layers, with private copies of the layers in them."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

from qgis.core import QgsRasterLayer
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from sr_plugin.gui.compare.look import DrawnCopy, drawn_copy
from sr_plugin.gui.compare.map_view import MapView
from sr_plugin.gui.compare.view_link import ViewLink
from sr_plugin.gui.compare.view_stage import ViewStage
from sr_plugin.processing.translation import tr

_RESTYLE_MS = 200


class LayerViews(QObject):
    """Makes one view for each layer, and new copies when a layer gets another look.

    Args:
        link: what holds the views together.
        stage: where they are shown.

    Signals:
        restyled: the copies were drawn anew, with the notes at hand.
    """

    restyled = pyqtSignal()

    def __init__(self, link: ViewLink, stage: ViewStage) -> None:
        super().__init__(stage)
        self._link, self._stage = link, stage
        self._sources: List[QgsRasterLayer] = []
        self._copies: List[DrawnCopy] = []
        self._connections: List[Tuple[Any, Callable[..., None]]] = []
        self.views: List[MapView] = []
        self.same_stretch = True
        self._restyle = QTimer(self)
        self._restyle.setSingleShot(True)
        self._restyle.setInterval(_RESTYLE_MS)
        self._restyle.timeout.connect(self.redraw)

    def set_layers(self, layers: Sequence[QgsRasterLayer]) -> List[MapView]:
        """Show these layers, the reference first; their views."""
        self._disconnect()
        self._sources = list(layers)
        for layer in layers:
            self._connect(layer.rendererChanged, self._restyle.start)
            self._connect(layer.nameChanged, self._name_views)
        while len(self.views) < len(layers):
            self.views.append(MapView(self._link, self._stage))
            self.views[-1].hide()
        for view in self.views[len(layers) :]:
            view.release()
            view.setParent(None)
            view.deleteLater()
        del self.views[len(layers) :]
        self.redraw()
        return self.views

    def redraw(self) -> None:
        """Copy the layers anew."""
        self._restyle.stop()
        reference = self._sources[0] if self._sources and self.same_stretch else None
        old = self._copies
        self._copies = [drawn_copy(layer, reference if number else None) for number, layer in enumerate(self._sources)]
        for view, copy in zip(self.views, self._copies):
            view.set_layers([copy.layer])
        self._name_views()
        # Only now does no canvas draw them any more.
        old.clear()
        self.restyled.emit()

    def notes(self) -> List[str]:
        """For each layer, why it is not drawn with the stretch of the reference; empty where it is."""
        return [copy.note for copy in self._copies]

    def release(self) -> None:
        """Free views and copies."""
        self.set_layers([])

    def _name_views(self) -> None:
        for view, layer, copy in zip(self.views, self._sources, self._copies):
            view.set_caption(layer.name(), tr("own stretch") if copy.note else "")

    def _connect(self, signal: Any, slot: Callable[..., None]) -> None:
        signal.connect(slot)
        self._connections.append((signal, slot))

    def _disconnect(self) -> None:
        for signal, slot in self._connections:
            try:
                signal.disconnect(slot)
            except (RuntimeError, TypeError):
                # The layer is gone, and its connections with it.
                continue
        self._connections.clear()
