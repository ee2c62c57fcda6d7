"""The window that compares raster layers."""

from __future__ import annotations

from typing import List, Optional, Sequence

from qgis.core import QgsPointXY, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgsDockWidget, QgsMapCanvas
from qgis.PyQt.QtCore import QByteArray, Qt, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent, QHideEvent, QShowEvent
from qgis.PyQt.QtWidgets import QLabel, QMainWindow, QStackedWidget, QToolBar, QVBoxLayout, QWidget

from sr_plugin.gui.compare.blinker import Blinker, focus_for_keys
from sr_plugin.gui.compare.class_view import ClassView
from sr_plugin.gui.compare.compare_settings import remember, remembered, remembered_mode
from sr_plugin.gui.compare.compare_toolbar import CompareToolBar, own_icon
from sr_plugin.gui.compare.docking import Docking
from sr_plugin.gui.compare.edge_controller import EdgeController
from sr_plugin.gui.compare.edge_panel import EdgePanel
from sr_plugin.gui.compare.layer_bar import LEAST_LAYERS, LayerBar, usual_layers
from sr_plugin.gui.compare.layer_views import LayerViews
from sr_plugin.gui.compare.map_view import MapView
from sr_plugin.gui.compare.picture import save_picture
from sr_plugin.gui.compare.place_label import PlaceLabel
from sr_plugin.gui.compare.view_link import ViewLink
from sr_plugin.gui.compare.view_stage import SIDE, ViewStage
from sr_plugin.processing.translation import tr

_USUAL_SIZE = (1150, 700)


class CompareWindow(QMainWindow):
    """Two to four raster layers, side by side, with a swipe or blinking; and their edges.

    Args:
        parent: Qt parent; where it is a main window, the comparison can be docked in it.
        canvas: the main map, to be followed on request; None where there is none.

    Signals:
        environment_requested: the environment of the worker is to be set up; offered only where somebody hears it.
    """

    environment_requested = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None, canvas: Optional[QgsMapCanvas] = None) -> None:
        super().__init__(parent)
        self.setObjectName("superresCompareWindow")
        self.setWindowTitle(tr("Compare Rasters"))
        self._main_canvas = canvas
        self._released = False
        self._layers: List[QgsRasterLayer] = []
        self._last_layers: List[str] = []
        self.link = ViewLink(self)
        self.tools = CompareToolBar(self)
        self.bar = LayerBar(self)
        self.stage = ViewStage()
        self.layer_views = LayerViews(self.link, self.stage)
        self.blinker = Blinker(self.stage)
        self.class_view = ClassView(self.link, self.stage)
        self.class_view.set_caption(tr("Edge classes"))
        self.class_view.hide()
        self._watch(self.class_view)
        self._build()
        self.edges = EdgeController(self.link, self.panel, self.class_view, self)
        self.docking = Docking(self, parent, self.tools.dock)
        self._connect()
        self._layers_chosen()
        self.set_mode(remembered_mode())
        self._restore_geometry()

    def show_layers(
        self,
        layers: Sequence[QgsRasterLayer],
        truth: Optional[QgsRasterLayer] = None,
        extent: Optional[QgsRectangle] = None,
    ) -> None:
        """Open with layers chosen.

        Args:
            layers: two to four, the reference first; they need not be in the project.
            truth: raster of high resolution to measure edges against.
            extent: what to show, in the CRS of the reference; all of the reference unless given.
        """
        self.bar.set_layers(layers)
        self.panel.set_truth(truth)
        self.docking.bring_up()
        if extent is not None:
            self.link.fit(self._in_views(extent))
        else:
            self.zoom_to_reference()

    def set_mode(self, mode: str) -> None:
        """``side``, ``swipe`` or ``blink``."""
        self.tools.show_mode(mode)
        self.stage.set_mode(mode)
        self.link.refit()
        self.blinker.update()
        remember("mode", mode)
        focus = focus_for_keys(self.stage)
        if focus is not None:
            focus.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_edges(self, active: bool) -> None:
        """Find edges, or stop it; the same as the action in the tool bar."""
        self.tools.edges.setChecked(active)

    def forget_worker(self) -> None:
        """To be called when the environment of the worker changed."""
        self.edges.forget_worker()

    def shut_down(self) -> None:
        """End threads and worker and free views and layers; the window cannot be used afterwards."""
        if self._released:
            return
        self._released = True
        self._save_state()
        self.blinker.stop()
        self.edges.shut_down()
        self.tools.follow.setChecked(False)
        self.bar.release()
        self.panel.release()
        self.layer_views.release()
        self.class_view.release()
        self.link.clear()
        self.docking.release()
        self.hide()
        self.deleteLater()

    def views(self) -> List[MapView]:
        """The views of the layers, the reference first."""
        return list(self.layer_views.views)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt API
        """Go on blinking, and choose the layers of the last time, or the only two there are."""
        super().showEvent(event)
        if self._released:
            return
        if not self.bar.layers():
            self.bar.set_layers(usual_layers(self._last_layers))
        self.blinker.update()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt API
        """Nothing blinks that nobody sees."""
        super().hideEvent(event)
        self.blinker.update()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt API
        """Free the layers and the worker; the window can be opened again."""
        if not self._released:
            self._save_state()
            self.set_edges(False)
            self.edges.runner.shut_down(wait=False)
            self.tools.follow.setChecked(False)
            self._last_layers = [layer.id() for layer in self._layers]
            self.bar.set_layers([])
        super().closeEvent(event)

    def _build(self) -> None:
        self.setWindowIcon(own_icon("icon"))
        self.addToolBar(self.tools)
        self.addToolBarBreak()
        # Shortcuts are to work wherever in the window the keyboard is, not in the tool bar only.
        self.addActions(self.tools.with_shortcuts())
        layers = QToolBar(tr("Layers"), self)
        layers.setObjectName("superresCompareLayers")
        layers.setMovable(False)
        layers.addWidget(self.bar)
        self.addToolBar(layers)
        for bar in (self.tools, layers):
            bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.pages = QStackedWidget()
        self.empty = QLabel()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.empty.setMargin(40)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.stage)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages)
        self.setCentralWidget(centre)
        self.panel = EdgePanel()
        self.edge_dock = QgsDockWidget(tr("Edges"), self)
        self.edge_dock.setObjectName("superresCompareEdges")
        self.edge_dock.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self.edge_dock.setFeatures(QgsDockWidget.DockWidgetFeature.DockWidgetClosable)
        self.edge_dock.setWidget(self.panel)
        self.edge_dock.hide()
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.edge_dock)
        self.place = PlaceLabel(self.link)
        self.statusBar().addPermanentWidget(self.place)
        self.statusBar().setSizeGripEnabled(False)

    def _connect(self) -> None:
        self.layer_views.same_stretch = self.tools.stretch.isChecked()
        self.bar.changed.connect(self._layers_chosen)
        self.tools.mode_chosen.connect(self.set_mode)
        self.tools.pair_chosen.connect(self.stage.set_pair)
        self.tools.interval.valueChanged.connect(self.blinker.set_interval)
        self.blinker.set_interval(self.tools.interval.value())
        self.blinker.watch(self.stage.handle)
        self.tools.connect_all(
            {
                "play": self.blinker.set_automatic,
                "edges": self._edges_switched,
                "stretch": self._stretch_switched,
                "zoom": self.zoom_to_reference,
                "follow": self._follow,
                "save": self.save_picture,
            }
        )
        self.edge_dock.closed.connect(self._edges_closed)
        self.panel.display_changed.connect(self._arrange)
        self.panel.environment_requested.connect(self.environment_requested)
        self.edges.can_set_up = self._can_set_up
        self.layer_views.restyled.connect(self._tell_notes)
        if self._main_canvas is None:
            self.tools.follow.setVisible(False)
        project = QgsProject.instance()
        project.layersAdded.connect(self._tell_what_is_missing)
        project.layersRemoved.connect(self._tell_what_is_missing)

    def _watch(self, view: MapView) -> None:
        view.pointed.connect(self._pointed)
        self.blinker.watch(view.canvas)

    def _layers_chosen(self) -> None:
        before, place = self._layers, self.link.place()
        chosen = self.bar.layers()
        layers = self._layers = chosen if len(chosen) >= LEAST_LAYERS else []
        known = set(self.layer_views.views)
        # The stage lets go of views before they are deleted.
        self.stage.set_views([])
        views = self.layer_views.set_layers(layers)
        for view in views:
            if view not in known:
                self._watch(view)
        if layers and not self.tools.follow.isChecked():
            self._use_crs_of(layers[0])
        self.pages.setCurrentWidget(self.stage if layers else self.empty)
        self.tools.set_usable(bool(layers))
        self.place.setVisible(bool(layers))
        if layers:
            names = [layer.name() for layer in layers]
            bands = [layers[0].bandName(number) for number in range(1, layers[0].bandCount() + 1)]
            self.panel.set_layers(names[1:], bands)
            self.tools.set_names(names)
        self._arrange()
        if layers and (place is None or not before or before[0] is not layers[0]):
            self.zoom_to_reference()
        self.edges.set_layers(layers, views)
        self._tell_what_is_missing()
        self.blinker.update()

    def _use_crs_of(self, layer: QgsRasterLayer) -> None:
        if self.link.crs != layer.crs():
            self.link.set_crs(layer.crs())
            self.link.fit(layer.extent())

    def zoom_to_reference(self, *_: object) -> None:
        """Show the whole reference layer."""
        if self._layers:
            self.link.fit(self._in_views(self._layers[0].extent()))

    def _in_views(self, extent: QgsRectangle) -> QgsRectangle:
        """An extent of the reference in the CRS of the views, which is the main map's while they follow it."""
        if self._layers and self.tools.follow.isChecked() and self._main_canvas is not None:
            return self._main_canvas.mapSettings().layerExtentToOutputExtent(self._layers[0], extent)
        return extent

    def save_picture(self, *_: object) -> None:
        """Ask for a file and save what the views show."""
        path = save_picture(self.stage, self)
        if path:
            self.statusBar().showMessage(tr("Saved: {}").format(path), 6000)

    def _arrange(self) -> None:
        classes = self.tools.edges.isChecked() and self.panel.classes.isChecked()
        extra = self.class_view if classes and self._layers else None
        if extra is None:
            self.class_view.set_active(False)
        self.stage.set_views(self.layer_views.views, extra)
        if extra is not None and len(self._layers) > 2:
            name = self._layers[min(1 + self.panel.shown_result(), len(self._layers) - 1)].name()
            self.class_view.set_caption(tr("Edge classes of {}").format(name))
        else:
            self.class_view.set_caption(tr("Edge classes"))
        self.link.refit()
        self._order_tabs()

    def _order_tabs(self) -> None:
        """From the drop-downs to the views as they are shown, then to the edges."""
        chain = [self.bar.fewer, *(view.canvas for view in self.stage.shown()), self.stage.handle, self.panel.method]
        for first, second in zip(chain, chain[1:]):
            self.setTabOrder(first, second)

    def _edges_switched(self, active: bool) -> None:
        self.edge_dock.setVisible(active)
        self._arrange()
        self.edges.set_active(active)

    def _can_set_up(self) -> bool:
        return self.receivers(self.environment_requested) > 0

    def _edges_closed(self) -> None:
        self.set_edges(False)

    def _stretch_switched(self, same: bool) -> None:
        self.layer_views.same_stretch = same
        self.layer_views.redraw()

    def _follow(self, follow: bool) -> None:
        if self._main_canvas is None:
            return
        if follow:
            self.link.add(self._main_canvas, leads=True)
            return
        self.link.remove(self._main_canvas)
        if self._layers:
            self._use_crs_of(self._layers[0])

    def _pointed(self, source: MapView, point: Optional[QgsPointXY]) -> None:
        for view in (*self.layer_views.views, self.class_view):
            # On top of each other, the mouse itself shows the place.
            apart = self.stage.mode == SIDE or view is self.class_view or source is self.class_view
            view.mark(point if view is not source and apart else None)
        self.place.point_at(point)

    def _tell_notes(self) -> None:
        notes = [f"{layer.name()}: {note}" for layer, note in zip(self._layers, self.layer_views.notes()) if note]
        self.statusBar().showMessage("; ".join(notes))

    def _tell_what_is_missing(self, *_: object) -> None:
        rasters = [layer for layer in QgsProject.instance().mapLayers().values() if isinstance(layer, QgsRasterLayer)]
        if len(rasters) < LEAST_LAYERS and not self._layers:
            text = tr("Add at least two raster layers to the project, such as a raster and its super-resolved result.")
        else:
            text = tr("Choose a reference and at least one more raster layer above.")
        self.empty.setText(text)

    def _restore_geometry(self) -> None:
        if not self.restoreGeometry(remembered("geometry", QByteArray(), QByteArray)):
            self.resize(*_USUAL_SIZE)

    def _save_state(self) -> None:
        if not self.docking.docked:
            remember("geometry", self.saveGeometry())
