"""The part of the layer to super-resolve."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapLayerProxyModel,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from sr_plugin.gui.connections import Connections
from sr_plugin.gui.dock.area import extent_value
from sr_plugin.gui.dock.draw_extent_tool import DrawnRectangle
from sr_plugin.gui.dock.estimate_label import EstimateLabel
from sr_plugin.gui.dock.section import Section
from sr_plugin.gui.elided_combo import ElidedComboBox, ElidedLayerComboBox
from sr_plugin.processing.translation import tr

WHOLE, CANVAS, DRAWN, LAYER, POLYGONS = "whole", "canvas", "drawn", "layer", "polygons"

#: A rectangle and its CRS.
Place = Tuple[QgsRectangle, QgsCoordinateReferenceSystem]


class AreaSection(Section):
    """Chooses the area and shows what it will cost.

    Args:
        canvas: the map.

    Attributes:
        area_changed: emitted when another area is chosen, or the map moves while its view is the area.
    """

    area_changed = pyqtSignal()

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QWidget] = None) -> None:
        super().__init__("areaSection", tr("&Area"), parent=parent)
        self._canvas = canvas
        self._connections = Connections()
        self._layer_connections = Connections()
        self.mode_combo = ElidedComboBox()
        for mode, title in (
            (WHOLE, tr("Whole layer")),
            (CANVAS, tr("Map canvas")),
            (DRAWN, tr("Drawn rectangle")),
            (LAYER, tr("Extent of a layer")),
            (POLYGONS, tr("Polygons of a layer")),
        ):
            self.mode_combo.addItem(title, mode)
        self.mode_combo.setToolTip(tr("Part of the raster to super-resolve"))
        self.mode_combo.setAccessibleName(tr("Area"))
        self.rectangle = DrawnRectangle(canvas, self)
        self.estimate = EstimateLabel()
        self.pages = {DRAWN: self._drawn_page(), LAYER: self._layer_page(), POLYGONS: self._polygon_page()}
        for widget in (self.mode_combo, *self.pages.values(), self.estimate):
            self.body.addWidget(widget)
        self._connect()
        self._show_page()

    def _connect(self) -> None:
        self.mode_combo.currentIndexChanged.connect(self._on_mode_changed)
        self.rectangle.drawn.connect(self._on_changed)
        self.rectangle.active_changed.connect(self.draw_button.setChecked)
        self.draw_button.clicked.connect(self._on_draw_clicked)
        self.layer_combo.layerChanged.connect(self._on_changed)
        self.polygon_combo.layerChanged.connect(self._on_polygons_changed)
        self.selected_only.toggled.connect(self._on_changed)
        self._connections.add(self._canvas.extentsChanged, self._on_canvas_moved)
        self._connections.add(self._canvas.destinationCrsChanged, self._on_canvas_moved)
        self._on_polygons_changed(self.polygon_combo.currentLayer())

    def _drawn_page(self) -> QWidget:
        self.draw_button = QPushButton(
            QgsApplication.getThemeIcon("/mActionAddBasicRectangle.svg"), tr("Draw on the map")
        )
        self.draw_button.setCheckable(True)
        self.draw_button.setToolTip(tr("Drag a rectangle on the map; the map tool in use comes back afterwards"))
        return _page(self.draw_button)

    def _layer_page(self) -> QWidget:
        self.layer_combo = ElidedLayerComboBox()
        kinds = QgsMapLayerProxyModel.Filter
        self.layer_combo.setFilters(kinds.RasterLayer | kinds.HasGeometry | kinds.MeshLayer)
        self.layer_combo.setToolTip(tr("The rectangle around this layer is the area"))
        self.layer_combo.setAccessibleName(tr("Layer whose extent is the area"))
        return _page(self.layer_combo)

    def _polygon_page(self) -> QWidget:
        self.polygon_combo = ElidedLayerComboBox()
        self.polygon_combo.setFilters(QgsMapLayerProxyModel.Filter.PolygonLayer)
        self.polygon_combo.setToolTip(tr("Pixels outside these polygons become nodata and are not computed"))
        self.polygon_combo.setAccessibleName(tr("Polygon layer"))
        self.selected_only = QCheckBox(tr("Selected features only"))
        self.selected_only.setToolTip(tr("Only the polygons that are selected in that layer"))
        self.no_polygons = QLabel(tr("The project has no polygon layer."))
        self.no_polygons.setWordWrap(True)
        return _page(self.polygon_combo, self.selected_only, self.no_polygons)

    def mode(self) -> str:
        """What kind of area is chosen."""
        return str(self.mode_combo.currentData())

    def set_mode(self, mode: str) -> None:
        """Choose a kind of area; an unknown one changes nothing."""
        index = self.mode_combo.findData(mode)
        if index >= 0:
            self.mode_combo.setCurrentIndex(index)

    def place(self) -> Optional[Place]:
        """The rectangle around the area and its CRS; None for the whole layer, or where nothing is chosen yet."""
        mode = self.mode()
        if mode == CANVAS:
            return self._canvas.extent(), self._canvas.mapSettings().destinationCrs()
        if mode == DRAWN and self.rectangle.rectangle is not None:
            return self.rectangle.rectangle, self.rectangle.crs
        layer = self.layer_combo.currentLayer() if mode == LAYER else None
        if layer is not None:
            return layer.extent(), layer.crs()
        polygons = self._polygons()
        if mode == POLYGONS and polygons is not None:
            box = polygons.boundingBoxOfSelected() if self._takes_selection() else polygons.extent()
            return box, polygons.crs()
        return None

    def parameters(self) -> Dict[str, Any]:
        """The parameters EXTENT or MASK; empty for the whole layer."""
        polygons = self._polygons()
        if self.mode() == POLYGONS:
            if polygons is None:
                return {}
            selected = self._takes_selection()
            return {
                "MASK": QgsProcessingFeatureSourceDefinition(polygons.id(), selected) if selected else polygons.id()
            }
        place = self.place()
        return {} if place is None else {"EXTENT": extent_value(*place)}

    def missing(self) -> str:
        """What is not chosen yet, in one sentence; empty where nothing is."""
        mode, polygons = self.mode(), self._polygons()
        if mode == DRAWN and self.rectangle.rectangle is None:
            return tr("Draw the area on the map.")
        if mode == LAYER and self.layer_combo.currentLayer() is None:
            return tr("Choose the layer whose extent is the area.")
        if mode == POLYGONS and polygons is None:
            return tr("Choose a polygon layer, or another kind of area.")
        if mode == POLYGONS and self.selected_only.isChecked() and not polygons.selectedFeatureCount():
            return tr("No polygon is selected in the layer '{}'.").format(polygons.name())
        return ""

    def clear(self) -> None:
        """Forget what was drawn."""
        self.rectangle.set_rectangle(None, QgsCoordinateReferenceSystem())

    def choices(self) -> Dict[str, Any]:
        """What is chosen, as JSON-serialisable values."""
        layer, polygons = self.layer_combo.currentLayer(), self._polygons()
        drawn = self.rectangle.rectangle
        return {
            "mode": self.mode(),
            "layer": layer.id() if layer is not None else "",
            "polygons": polygons.id() if polygons is not None else "",
            "selected_only": self.selected_only.isChecked(),
            "rectangle": drawn.asWktPolygon() if drawn is not None else "",
            "crs": self.rectangle.crs.toWkt(),
        }

    def set_choices(self, values: Mapping[str, Any]) -> None:
        """Make choices again; what is missing, unknown or gone is left as it is."""
        for combo, name in ((self.layer_combo, "layer"), (self.polygon_combo, "polygons")):
            layer = QgsProject.instance().mapLayer(str(values.get(name) or ""))
            if layer is not None:
                combo.setLayer(layer)
        if isinstance(values.get("selected_only"), bool):
            self.selected_only.setChecked(values["selected_only"])
        drawn = QgsRectangle.fromWkt(str(values.get("rectangle") or ""))
        if not drawn.isEmpty():
            self.rectangle.set_rectangle(drawn, QgsCoordinateReferenceSystem.fromWkt(str(values.get("crs") or "")))
        self.set_mode(str(values.get("mode") or ""))

    def shut_down(self) -> None:
        """Take back the connections to map and layers, and what was drawn."""
        self._connections.clear()
        self._layer_connections.clear()
        self.rectangle.shut_down()

    def _polygons(self) -> Optional[QgsVectorLayer]:
        return self.polygon_combo.currentLayer()

    def _takes_selection(self) -> bool:
        return self.selected_only.isChecked()

    def _show_page(self) -> None:
        for mode, page in self.pages.items():
            page.setVisible(mode == self.mode())
        self.rectangle.set_visible(self.mode() == DRAWN)

    def _on_mode_changed(self, _index: int) -> None:
        if self.mode() != DRAWN:
            self.rectangle.stop()
        self._show_page()
        self.area_changed.emit()

    def _on_draw_clicked(self, checked: bool) -> None:
        if checked:
            self.rectangle.start()
        else:
            self.rectangle.stop()

    def _on_canvas_moved(self) -> None:
        if self.mode() == CANVAS:
            self.area_changed.emit()

    def _on_changed(self, _value: Any = None) -> None:
        self.area_changed.emit()

    def _on_polygons_changed(self, layer: Optional[QgsVectorLayer]) -> None:
        self._layer_connections.clear()
        self.no_polygons.setVisible(layer is None)
        self.polygon_combo.setVisible(layer is not None)
        self.selected_only.setVisible(layer is not None)
        if layer is not None:
            self._layer_connections.add(layer.selectionChanged, self._on_selection_changed)
            self.selected_only.setChecked(layer.selectedFeatureCount() > 0)
        self.area_changed.emit()

    def _on_selection_changed(self, _selected: Any, _deselected: Any, _cleared: bool) -> None:
        if self.mode() == POLYGONS:
            self.area_changed.emit()


def _page(*widgets: QWidget) -> QWidget:
    """What belongs to one kind of area."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return page
