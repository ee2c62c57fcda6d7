"""The area in the dock: what becomes of it as parameters, and that a run keeps to it."""

from __future__ import annotations

import pytest

from tests.gui.dock_desktop import add_raster, iface, panel, pause, project, ready, user_settings, wait_until  # noqa: F401

pytestmark = [pytest.mark.qgis, pytest.mark.gui]

#: A rectangle of 20 x 10 pixels inside the raster of 50 x 40 pixels from (500000, 4100000).
RECTANGLE = (500100, 4099800, 500300, 4099900)


def rectangle(*sides):
    from qgis.core import QgsRectangle

    return QgsRectangle(*sides)


def crs(code):
    from qgis.core import QgsCoordinateReferenceSystem

    return QgsCoordinateReferenceSystem(f"EPSG:{code}")


def run(panel, tmp_path):
    """Run the panel's parameters with the cheapest model; the result as a GDAL dataset."""
    import processing
    from osgeo import gdal

    values = {**panel.parameters(), "MODEL": "nearest:2", "OUTPUT": str(tmp_path / "result.tif")}
    return gdal.Open(processing.run("superres:superresolve", values)["OUTPUT"])


def promised(panel):
    """Width and height that the panel shows."""
    wait_until(lambda: not panel._pause.isActive())
    words = panel.area_section.estimate.size.text().split()
    return int(words[1]), int(words[3])


@pytest.fixture
def polygons(project):
    """A layer of two squares of 100 m in the raster."""
    from qgis.core import QgsFeature, QgsGeometry, QgsVectorLayer

    layer = QgsVectorLayer("Polygon?crs=EPSG:32618", "fields", "memory")
    for left in (500100, 500300):
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromRect(rectangle(left, 4099800, left + 100, 4099900)))
        layer.dataProvider().addFeature(feature)
    layer.updateExtents()
    project.addMapLayer(layer)
    return layer


def test_the_whole_layer_needs_no_parameter(ready, tmp_path):
    assert not {"EXTENT", "MASK"} & ready.parameters().keys()
    assert promised(ready) == (100, 80)
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == (100, 80)


def test_the_view_of_the_map_is_the_area(ready, iface, tmp_path):
    iface.canvas.setExtent(rectangle(*RECTANGLE))
    ready.area_section.set_mode("canvas")
    extent = iface.canvas.extent()
    assert ready.parameters()["EXTENT"].endswith("[EPSG:32618]")
    sides = [float(part) for part in ready.parameters()["EXTENT"].split(" ")[0].split(",")]
    assert sides == [extent.xMinimum(), extent.xMaximum(), extent.yMinimum(), extent.yMaximum()]
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == promised(ready)
    assert result.RasterXSize < 100


def test_the_view_of_a_map_in_another_crs_is_transformed(ready, iface, tmp_path):
    iface.canvas.setDestinationCrs(crs(4326))
    iface.canvas.setExtent(rectangle(-74.9992, 37.0440, -74.9975, 37.0450))
    ready.area_section.set_mode("canvas")
    assert ready.parameters()["EXTENT"].endswith("[EPSG:4326]")
    width, height = promised(ready)
    assert 0 < width < 100 and 0 < height < 80
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == (width, height)
    left, _, _, top, _, _ = result.GetGeoTransform()
    assert 500000 < left < 500500 and 4099600 < top < 4100000


def test_the_cost_follows_the_map(ready, iface):
    ready.area_section.set_mode("canvas")
    before = promised(ready)
    iface.canvas.setExtent(rectangle(500100, 4099850, 500150, 4099900))
    wait_until(lambda: promised(ready) != before)
    assert promised(ready)[0] < before[0] or promised(ready)[1] < before[1]


def test_a_rectangle_is_drawn_with_the_mouse_and_the_tool_comes_back(ready, iface):
    from qgis.gui import QgsMapToolPan
    from qgis.PyQt.QtCore import QPoint, Qt
    from qgis.PyQt.QtTest import QTest

    pan = QgsMapToolPan(iface.canvas)
    iface.canvas.setMapTool(pan)
    ready.area_section.set_mode("drawn")
    assert ready.missing() == "Draw the area on the map."
    ready.area_section.draw_button.click()
    assert iface.canvas.mapTool() is not pan and ready.area_section.draw_button.isChecked()
    view, button = iface.canvas.viewport(), Qt.MouseButton.LeftButton
    QTest.mousePress(view, button, Qt.KeyboardModifier.NoModifier, QPoint(100, 100))
    QTest.mouseMove(view, QPoint(150, 160))
    QTest.mouseMove(view, QPoint(200, 180))
    QTest.mouseRelease(view, button, Qt.KeyboardModifier.NoModifier, QPoint(200, 180))
    drawn = ready.area_section.rectangle.rectangle
    transform = iface.canvas.getCoordinateTransform()
    corner, other = transform.toMapCoordinates(100, 100), transform.toMapCoordinates(200, 180)
    assert drawn.xMinimum() == pytest.approx(corner.x()) and drawn.yMinimum() == pytest.approx(other.y())
    assert drawn.xMaximum() == pytest.approx(other.x()) and drawn.yMaximum() == pytest.approx(corner.y())
    assert iface.canvas.mapTool() is pan and not ready.area_section.draw_button.isChecked()
    assert ready.parameters()["EXTENT"].endswith("[EPSG:32618]")
    iface.canvas.unsetMapTool(pan)


def test_another_kind_of_area_lays_the_tool_down(ready, iface):
    ready.area_section.set_mode("drawn")
    ready.area_section.draw_button.click()
    assert iface.canvas.mapTool() is not None
    ready.area_section.set_mode("whole")
    assert iface.canvas.mapTool() is None and not ready.area_section.draw_button.isChecked()


def test_a_drawn_rectangle_keeps_its_place_when_the_map_changes_its_crs(ready, iface, tmp_path):
    ready.area_section.set_mode("drawn")
    ready.area_section.rectangle.set_rectangle(rectangle(*RECTANGLE), crs(32618))
    iface.canvas.setDestinationCrs(crs(4326))
    assert ready.parameters()["EXTENT"].endswith("[EPSG:32618]")
    outline = ready.area_section.rectangle._outline.asGeometry().boundingBox()
    assert -75.1 < outline.xMinimum() < -74.9, "the outline is drawn in the CRS of the map"
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == promised(ready) == (40, 20)
    assert result.GetGeoTransform()[0] == 500100 and result.GetGeoTransform()[3] == 4099900


def test_the_extent_of_another_layer_is_the_area(ready, polygons, tmp_path):
    ready.area_section.set_mode("layer")
    ready.area_section.layer_combo.setLayer(polygons)
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == promised(ready) == (60, 20)


def test_polygons_become_the_mask(ready, polygons, tmp_path):
    import numpy as np

    ready.area_section.set_mode("polygons")
    assert not ready.area_section.selected_only.isChecked()
    assert ready.parameters()["MASK"] == polygons.id()
    pixels = run(ready, tmp_path).ReadAsArray()
    assert pixels.shape[1:] == promised(ready)[::-1] == (20, 60)
    inside = pixels[0] != 0
    assert inside[:, :20].all() and inside[:, 40:].all() and not inside[:, 20:40].any()
    assert np.count_nonzero(inside) == 800


def test_only_the_selected_polygons_become_the_mask(ready, polygons, tmp_path):
    polygons.selectByIds([2])
    ready.area_section.set_mode("polygons")
    ready.area_section.selected_only.setChecked(True)
    mask = ready.parameters()["MASK"]
    assert mask.selectedFeaturesOnly and mask.source.staticValue() == polygons.id()
    result = run(ready, tmp_path)
    assert (result.RasterXSize, result.RasterYSize) == promised(ready) == (20, 20)
    assert result.GetGeoTransform()[0] == 500300
    polygons.removeSelection()
    assert "No polygon is selected" in ready.missing()
    assert not ready.run_bar.run_button.isEnabled() and ready.run_bar.preview_button.isEnabled()


def test_an_area_beside_the_raster_forbids_the_run(ready):
    ready.area_section.set_mode("drawn")
    ready.area_section.rectangle.set_rectangle(rectangle(600000, 4000000, 600100, 4000100), crs(32618))
    assert ready.missing() == "The area does not overlap the raster layer."
    wait_until(lambda: ready.area_section.estimate.problem.text() == ready.missing())


def test_a_polygon_layer_that_is_removed_is_forgotten(ready, polygons, project):
    ready.area_section.set_mode("polygons")
    project.removeMapLayer(polygons.id())
    wait_until(lambda: "Choose a polygon layer" in ready.missing())
    assert "MASK" not in ready.parameters()


def test_a_crs_without_a_name_is_given_in_full(ready):
    from qgis.core import QgsCoordinateReferenceSystem

    own = QgsCoordinateReferenceSystem()
    own.createFromProj("+proj=laea +lat_0=37 +lon_0=-75 +x_0=1234 +datum=WGS84 +units=m")
    if own.authid():
        pytest.skip("QGIS gave the CRS a name")
    ready.area_section.set_mode("drawn")
    ready.area_section.rectangle.set_rectangle(rectangle(1300, 4700, 1500, 4800), own)
    extent = ready.parameters()["EXTENT"]
    assert extent.crs() == own and extent.xMinimum() == 1300
