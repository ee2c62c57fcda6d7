"""The dock panel: a form from layer to result, with the buttons always in sight."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from qgis.core import QgsMapLayer, QgsProcessing, QgsProcessingUtils, QgsProject, QgsRasterLayer, QgsSettings
from qgis.gui import QgsDockWidget, QgsScrollArea
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import QFrame, QTabWidget, QVBoxLayout, QWidget

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import SuperResolutionError
from sr_plugin.core.grid import Extent
from sr_plugin.gui.background import Background
from sr_plugin.gui.connections import Connections
from sr_plugin.gui.dock import project_memory
from sr_plugin.gui.dock.area import extent_in_raster, window_of
from sr_plugin.gui.dock.area_section import WHOLE, AreaSection
from sr_plugin.gui.dock.band_section import BandSection
from sr_plugin.gui.dock.choices import DockChoices
from sr_plugin.gui.dock.device_section import DeviceSection
from sr_plugin.gui.dock.estimate_label import PENDING
from sr_plugin.gui.dock.facts_of_layer import facts_of_layer
from sr_plugin.gui.dock.layer_facts import LayerFacts
from sr_plugin.gui.dock.layer_section import LayerSection
from sr_plugin.gui.dock.model_section import ModelSection
from sr_plugin.gui.dock.output_section import OutputSection
from sr_plugin.gui.dock.run_bar import RunBar
from sr_plugin.gui.dock.run_cost import expected_seconds, result_size, run_request
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr

_LAYER_LANE, _COST_LANE = "layer", "cost"
#: Milliseconds to wait for further changes before the cost is worked out anew.
_PAUSE_MS = 250
_BANDS_OF_MODEL = "superres/models/{}/bands"


class DockPanel(QgsDockWidget):
    """The form of a super-resolution run.

    Args:
        iface: the interface of the running QGIS.

    Attributes:
        run_requested, preview_requested: emitted with the parameters of ``superres:superresolve``.
        preview_follow_changed: emitted when the preview is to follow the map, or no longer.
        preview_cleared: emitted when the preview is to be taken off the map.
        sample_requested: emitted when the user wants to try the sample.
        environment_requested: emitted when the user wants to set up an environment.
        compare_requested: emitted when the user wants to compare input and result.
    """

    run_requested = pyqtSignal(object)
    preview_requested = pyqtSignal(object)
    preview_follow_changed = pyqtSignal(bool)
    preview_cleared = pyqtSignal()
    sample_requested = pyqtSignal()
    environment_requested = pyqtSignal()
    compare_requested = pyqtSignal()

    def __init__(self, iface: Any) -> None:
        super().__init__(tr("Super-Resolution"), iface.mainWindow())
        self.setObjectName("SuperResolutionDock")
        self.setAllowedAreas(Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea)
        self._iface = iface
        self._facts: Optional[LayerFacts] = None
        self._ended = False
        self._connections = Connections()
        self._layer_connections = Connections()
        self._background = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._make_sections()
        self._lay_out()
        self.choices = DockChoices(self)
        self._connect_sections()
        self._connect_qgis()
        self.layer_section.follow(iface.activeLayer())
        self._on_layer_changed(self.layer_section.layer())
        self._on_model_changed(self.model_section.card())
        self._restore()

    def _make_sections(self) -> None:
        self.layer_section = LayerSection()
        self.band_section = BandSection()
        self.model_section = ModelSection(self._background)
        self.area_section = AreaSection(self._iface.mapCanvas())
        self.device_section = DeviceSection(self._background)
        self.output_section = OutputSection()
        self.run_bar = RunBar()

    def _lay_out(self) -> None:
        form = QWidget()
        column = QVBoxLayout(form)
        column.setContentsMargins(6, 6, 6, 6)
        for section in self.sections():
            column.addWidget(section)
        column.addStretch(1)
        self.scroll_area = QgsScrollArea()
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setWidget(form)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.scroll_area, 1)
        self._column.addWidget(line)
        self._column.addWidget(self.run_bar)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabBarAutoHide(True)
        self.tabs.tabBar().setToolTip(tr("Super-resolve rasters, or teach models to do so"))
        self.tabs.addTab(content, tr("Super-resolve"))
        self.setWidget(self.tabs)

    def add_tab(self, widget: QWidget, title: str) -> None:
        """Put another page beside the form."""
        self.tabs.addTab(widget, title)

    def sections(self) -> List[QWidget]:
        """The sections from top to bottom."""
        return [
            self.layer_section,
            self.band_section,
            self.model_section,
            self.area_section,
            self.device_section,
            self.output_section,
        ]

    def _connect_sections(self) -> None:
        self.layer_section.layer_changed.connect(self._on_layer_changed)
        self.layer_section.resolution_changed.connect(self._on_source_changed)
        self.layer_section.sample_requested.connect(self.sample_requested)
        self.model_section.model_changed.connect(self._on_model_changed)
        self.model_section.values_changed.connect(self._on_changed)
        self.band_section.bands_changed.connect(self._on_changed)
        self.band_section.rebuilt.connect(self._order_tabs)
        self.area_section.area_changed.connect(self._on_changed)
        self.device_section.device_changed.connect(self._on_changed)
        self.device_section.environment_requested.connect(self.environment_requested)
        self.output_section.output_changed.connect(self._on_changed)
        self.run_bar.preview_clicked.connect(self._on_preview)
        self.run_bar.run_clicked.connect(self._on_run)
        self.run_bar.preview_cleared.connect(self.preview_cleared)
        self.run_bar.compare_clicked.connect(self.compare_requested)
        self.run_bar.follow_changed.connect(self.preview_follow_changed)
        self._pause.timeout.connect(self._show_cost)
        self.visibilityChanged.connect(self._on_visibility_changed)

    def _connect_qgis(self) -> None:
        project = QgsProject.instance()
        self._connections.add(self._iface.currentLayerChanged, self._on_active_layer)
        self._connections.add(project.readProject, self._on_project_read)
        self._connections.add(project.writeProject, self._on_project_written)
        self._connections.add(project.cleared, self._on_project_cleared)

    def parameters(self) -> Dict[str, Any]:
        """The choices as parameters of ``superres:superresolve``, as ``processing.run`` takes them."""
        layer = self.layer_section.layer()
        parameters = {
            "INPUT": layer.id() if layer is not None else "",
            "BANDS": self.band_section.numbers(),
            "MODEL": self.model_section.reference(),
            "DEVICE": self.device_section.device(),
            "NORMALISATION": self.model_section.normalisation(),
        }
        if self.layer_section.resolution() is not None:
            parameters["RESOLUTION"] = self.layer_section.resolution()
        return {**parameters, **self.area_section.parameters(), **self.output_section.parameters()}

    def missing(self, with_area: bool = True) -> str:
        """Why nothing can be run now, in one sentence; empty where it can.

        Args:
            with_area: False for a preview, which has its own area and writes no file.
        """
        if self.layer_section.layer() is None:
            return tr("Choose a raster layer.")
        reasons = [self.model_section.missing(), self.band_section.missing(), self.device_section.missing()]
        if with_area:
            reasons += [self.area_section.missing(), self._area_problem(), self.output_section.missing()]
        return next((reason for reason in reasons if reason), "")

    def set_run_list(self, widget: QWidget) -> None:
        """Put the list of runs below the buttons."""
        self._column.addWidget(widget)

    def set_preview_state(self, text: str, busy: bool) -> None:
        """Show what the preview is doing.

        Args:
            text: one short sentence, empty for none.
            busy: whether it computes now.
        """
        self.run_bar.set_preview_state(text, busy)

    def follows_map(self) -> bool:
        """Whether the preview is to follow the map."""
        return self.run_bar.follow.isChecked()

    def refresh_cost(self) -> None:
        """Work out the cost again, for example after a run that shows how fast this computer is."""
        self._pause.start()

    def refresh_models(self) -> None:
        """Read the lists of models again."""
        self.model_section.refresh()

    def refresh_devices(self) -> None:
        """Look for Pythons and devices again."""
        self.device_section.refresh()

    def shut_down(self) -> None:
        """Take back every connection to QGIS and end what runs in the background; then the panel may be deleted."""
        if self._ended:
            return
        self._ended = True
        self._connections.clear()
        self._layer_connections.clear()
        self._pause.stop()
        for section in (self.layer_section, self.area_section, self.model_section):
            section.shut_down()
        self._background.shut_down()

    def choose_layer(self, layer: QgsRasterLayer) -> None:
        """Choose a layer of the project, for example the sample that was just added."""
        self.layer_section.choose(layer)

    def _on_active_layer(self, layer: Optional[QgsMapLayer]) -> None:
        self.layer_section.follow(layer)

    def _on_layer_changed(self, layer: Optional[QgsRasterLayer]) -> None:
        self._facts = None
        self._background.cancel(_LAYER_LANE)
        self._layer_connections.clear()
        if layer is None:
            self.band_section.set_facts(None)
            return
        self._layer_connections.add(layer.dataSourceChanged, self._on_source_changed)
        self._layer_connections.add(layer.crsChanged, self._on_changed)
        self.band_section.show_reading()
        try:
            read = facts_of_layer(layer, self.layer_section.resolution())
        except SuperResolutionError as error:
            self.band_section.show_problem(error)
            return
        self._background.start(_LAYER_LANE, read, self._on_facts, self.band_section.show_problem)

    def _on_source_changed(self) -> None:
        self._on_layer_changed(self.layer_section.layer())

    def _on_facts(self, facts: LayerFacts) -> None:
        self._facts = facts
        self.band_section.set_facts(facts)
        self.choices.restore_bands()

    def _on_model_changed(self, card: Optional[ModelCard]) -> None:
        self.band_section.set_card(card, self._bands_of_file(card))
        self.device_section.set_card(card)
        self.choices.restore_bands()

    def _bands_of_file(self, card: Optional[ModelCard]) -> List[int]:
        """Bands that were last chosen by hand for a bare model file."""
        if card is None or not os.path.isfile(self.model_section.reference()):
            return []
        text = str(QgsSettings().value(_BANDS_OF_MODEL.format(card.sha256), ""))
        return [int(part) for part in text.split(",") if part.isdigit()]

    def _remember_bands_of_file(self) -> None:
        card = self.model_section.card()
        if card is not None and self.band_section.by_hand and os.path.isfile(self.model_section.reference()):
            text = ",".join(map(str, self.band_section.numbers()))
            QgsSettings().setValue(_BANDS_OF_MODEL.format(card.sha256), text)

    def _order_tabs(self) -> None:
        """New fields stand last in the order of the tabulator key, wherever they are on the screen."""
        before = self.band_section.fold_button() or self.layer_section.last_field
        for field in self.band_section.fields():
            QWidget.setTabOrder(before, field)
            before = field

    def _on_changed(self) -> None:
        """Something was chosen: buttons at once, cost after a pause."""
        numbers = self.band_section.numbers()
        layer_bands = len(self._facts.names) if self._facts else 0
        self.output_section.set_model(self.model_section.card(), len(numbers), layer_bands)
        self.run_bar.set_missing(self.missing(), self.missing(with_area=False))
        self._pause.start()

    def _extent(self) -> Optional[Extent]:
        """The area in the raster's own coordinates; None for the whole raster, and where it cannot be brought there."""
        place, layer = self.area_section.place(), self.layer_section.layer()
        if place is None or layer is None or self._facts is None:
            return None
        return extent_in_raster(*place, layer.crs(), self._facts.georeferenced)

    def _area_problem(self) -> str:
        if self._facts is None:
            return ""
        if self.area_section.place() is None:
            endless = not self._facts.bounded and not self.area_section.missing()
            return tr("A map service has no end: choose another area than the whole layer.") if endless else ""
        extent = self._extent()
        if extent is None or window_of(self._facts, extent).empty:
            return tr("The area does not overlap the raster layer.")
        return ""

    def _show_cost(self) -> None:
        """Work out what the run costs, if anybody looks."""
        self._background.cancel(_COST_LANE)
        if not self.isVisible():
            return
        view, facts, card = self.area_section.estimate, self._facts, self.model_section.card()
        problem = self.area_section.missing() or self._area_problem()
        numbers = self.band_section.numbers()
        if facts is None or card is None or not numbers or problem:
            view.clear()
            view.set_problem(problem if facts is not None else "")
            return
        parameters, extent = self.parameters(), self._extent()
        size = result_size(facts, card, numbers, window_of(facts, extent), parameters)
        view.set_size(size.width, size.height, size.bands, size.disk_bytes)
        if self.missing() or not facts.is_file:
            view.set_seconds(None)
            return
        view.set_seconds(PENDING)
        output = parameters["OUTPUT"]
        if output == QgsProcessing.TEMPORARY_OUTPUT:
            output = os.path.join(QgsProcessingUtils.tempFolder(), "superres-estimate.tif")
        request, python = run_request(facts, parameters, extent, output), settings.worker_python()
        self._background.start(
            _COST_LANE, lambda: expected_seconds(request, python), view.set_seconds, self._on_cost_problem
        )

    def _on_cost_problem(self, error: SuperResolutionError) -> None:
        self.area_section.estimate.set_problem(str(error))

    def _on_visibility_changed(self, visible: bool) -> None:
        if visible:
            self.device_section.wake()
            self._pause.start()

    def _on_preview(self) -> None:
        self.preview_requested.emit(self.parameters())

    def _on_run(self) -> None:
        self._remember_bands_of_file()
        project_memory.remember(self.choices.values())
        self.run_requested.emit(self.parameters())

    def _restore(self) -> None:
        self.choices.restore(project_memory.recall())

    def _on_project_read(self, _document: Any) -> None:
        self._restore()

    def _on_project_written(self, _document: Any) -> None:
        project_memory.remember(self.choices.values())

    def _on_project_cleared(self) -> None:
        self.layer_section.reset()
        self.area_section.set_mode(WHOLE)
        self.area_section.clear()
