"""Keeps the edges of the views up to date."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCsException, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QObject, QTimer

from sr_plugin.core.errors import EmptyExtent, SuperResolutionError
from sr_plugin.gui.compare.class_view import ClassView
from sr_plugin.gui.compare.compare_settings import remember_edges
from sr_plugin.gui.compare.edge_images import EdgePictures
from sr_plugin.gui.compare.edge_panel import EdgePanel
from sr_plugin.gui.compare.edge_runner import EdgeRunner
from sr_plugin.gui.compare.map_view import MapView
from sr_plugin.gui.compare.view_link import ViewLink
from sr_plugin.pipeline.edge_view import EdgeViewRequest
from sr_plugin.processing.layer_source import gdal_dataset_name
from sr_plugin.processing.translation import tr

#: Milliseconds of rest before edges are computed.
DEBOUNCE_MS = 300


class EdgeController(QObject):
    """Computes edges when views have come to rest and shows them on all views.

    Args:
        link: what holds the views together.
        panel: where settings come from and figures go to.
        class_view: the view for the classes.
        parent: Qt parent.
    """

    def __init__(
        self, link: ViewLink, panel: EdgePanel, class_view: ClassView, parent: Optional[QObject] = None
    ) -> None:
        super().__init__(parent)
        self._link, self._panel, self._class_view = link, panel, class_view
        self._layers: List[QgsRasterLayer] = []
        self._views: List[MapView] = []
        self._pictures: Optional[EdgePictures] = None
        self._computed_for: List[MapView] = []
        self._crs = QgsCoordinateReferenceSystem()
        self.active = False
        #: Whether the user can be sent to where the environment is set up.
        self.can_set_up: Callable[[], bool] = bool
        self.runner = EdgeRunner(self)
        self.runner.done.connect(self._done)
        self.runner.failed.connect(self._failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._compute)
        link.moved.connect(self.schedule)
        panel.settings_changed.connect(self._settings_changed)
        panel.display_changed.connect(self._show)

    def set_layers(self, layers: Sequence[QgsRasterLayer], views: Sequence[MapView]) -> None:
        """Compare these layers, the reference first, each with its view."""
        self._timer.stop()
        self.runner.drop()
        self._layers, self._views = list(layers), list(views)
        self._clear()
        self.schedule()

    def set_active(self, active: bool) -> None:
        """Find edges, or stop it and take them away."""
        self.active = active
        if active:
            self.schedule()
        else:
            self._timer.stop()
            self.runner.drop()
            self._clear()

    def schedule(self) -> None:
        """Compute edges when the views have come to rest; what is being computed is stale."""
        if self.active and len(self._layers) > 1:
            self.runner.drop()
            self._panel.show_computing()
            self._timer.start()

    def forget_worker(self) -> None:
        """Start another worker, because the environment changed, and try again what may have failed without it."""
        self.runner.shut_down(wait=False)
        self.schedule()

    def shut_down(self, wait: bool = True) -> None:
        """End thread and worker."""
        self.active = False
        self._timer.stop()
        self._layers, self._views = [], []
        self.runner.shut_down(wait)
        self._pictures = None

    def _settings_changed(self) -> None:
        remember_edges(self._panel.edge_settings())
        self.schedule()

    def _compute(self) -> None:
        try:
            request, units_per_pixel = self._request()
        except (SuperResolutionError, QgsCsException) as error:
            if isinstance(error, QgsCsException):
                error = EmptyExtent(tr("The place in view cannot be converted to the CRS of the reference."))
            self._failed(self.runner.latest, error)
            return
        self._computed_for = list(self._views)
        self.runner.submit(request, units_per_pixel)

    def _request(self) -> Tuple[EdgeViewRequest, float]:
        reference = self._layers[0]
        canvas = next((view.canvas for view in self._views if view.isVisible()), self._views[0].canvas)
        self._crs = reference.crs() if reference.crs().isValid() else self._link.crs
        convert = QgsCoordinateTransform(self._link.crs, self._crs, QgsProject.instance())
        extent = convert.transformBoundingBox(canvas.extent())
        truth = self._panel.truth_layer()
        request = EdgeViewRequest(
            tuple(gdal_dataset_name(layer) for layer in self._layers),
            (extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()),
            self._panel.edge_settings().checked(),
            gdal_dataset_name(truth) if truth is not None else "",
            self._panel.band(),
        )
        return request, extent.width() / max(1, canvas.width())

    def _done(self, number: int, pictures: EdgePictures) -> None:
        if number == self.runner.latest and self.active:
            self._pictures = pictures
            self._show()

    def _failed(self, number: int, error: SuperResolutionError) -> None:
        if number != self.runner.latest or not self.active:
            return
        self._clear()
        if isinstance(error, EmptyExtent):
            self._panel.show_message(tr("The layers do not overlap in the part of the map that is in view."))
        else:
            self._panel.show_error(error, self.can_set_up())

    def _show(self) -> None:
        if self._pictures is None or self._computed_for != self._views:
            return
        grid, pictures, pixels = self._pictures
        for view, layer in zip(self._views, pictures):
            if self._panel.overlay.isChecked():
                view.overlay.show_image(layer.edges, grid, self._crs)
            else:
                view.overlay.clear()
        shown = pictures[min(1 + self._panel.shown_result(), len(pictures) - 1)]
        if shown.classes is not None:
            self._class_view.overlay.show_image(shown.classes, grid, self._crs)
        self._class_view.show_counts(shown.counts)
        self._panel.show_figures(shown.figures, pixels, shown.own_pixels)

    def _clear(self) -> None:
        self._pictures = None
        for view in (*self._views, self._class_view):
            view.overlay.clear()
        self._class_view.show_counts(None)
        self._panel.show_message("")
