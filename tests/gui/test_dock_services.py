"""Layers that are no files in the dock: map services and files opened with options."""

from __future__ import annotations

import pytest

from tests.gui.dock_desktop import add_raster, iface, panel, project, ready, user_settings, wait_until  # noqa: F401

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def service(project, tmp_path):
    """A map service without an end; it is never asked for a tile."""
    from qgis.core import QgsRasterLayer

    url = f"file://{tmp_path}/{{z}}-{{x}}-{{y}}.png"
    layer = QgsRasterLayer(f"type=xyz&zmin=0&zmax=18&url={url}", "tiles", "wms")
    assert layer.isValid()
    project.addMapLayer(layer)
    return layer


def test_a_map_service_needs_an_area(panel, service, iface):
    panel.choose_layer(service)
    wait_until(lambda: panel._facts is not None)
    panel.model_section.choose("bicubic:2")
    assert panel.layer_section.resolution_row.isVisibleTo(panel)
    assert panel.parameters()["BANDS"] == [1, 2, 3], "alpha is no band to super-resolve"
    wait_until(lambda: "no end" in panel.missing())
    panel.area_section.set_mode("canvas")
    assert panel.missing() == ""


def test_the_pixel_size_of_a_service_decides_the_size_of_the_result(panel, service, iface):
    from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle

    panel.choose_layer(service)
    wait_until(lambda: panel._facts is not None)
    panel.model_section.choose("bicubic:2")
    panel.area_section.set_mode("drawn")
    web_mercator = QgsCoordinateReferenceSystem("EPSG:3857")
    panel.area_section.rectangle.set_rectangle(QgsRectangle(0, 0, 1000, 500), web_mercator)
    assert "RESOLUTION" not in panel.parameters()
    panel.layer_section.resolution_spin.setValue(10)
    assert panel.parameters()["RESOLUTION"] == 10
    wait_until(lambda: panel.missing() == "" and panel.area_section.estimate.size.text())
    width, height = panel.area_section.estimate.size.text().split()[1:4:2]
    assert 200 <= int(width) <= 202 and 100 <= int(height) <= 102


def test_a_file_that_is_opened_with_options_is_no_plain_file(panel, add_raster, project):
    from qgis.core import QgsRasterLayer

    plain = add_raster()
    panel.choose_layer(plain)
    assert not panel.layer_section.resolution_row.isVisibleTo(panel)
    layer = QgsRasterLayer(f"{plain.source()}|option:NUM_THREADS=2", "with options")
    assert layer.isValid()
    project.addMapLayer(layer)
    panel.choose_layer(layer)
    wait_until(lambda: panel._facts is not None and not panel._facts.is_file)
    assert panel._facts.grid.width == 50 and panel._facts.grid.geotransform == (500000, 10, 0, 4100000, 0, -10)
    assert panel.parameters()["BANDS"] == [1, 2, 3, 4] and panel.band_section.combos[0].currentText() == "1: B04"
