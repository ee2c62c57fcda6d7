"""Bands in the dock: preset by name or wavelength, hints where the layer does not suit the model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.dock_desktop import add_raster, iface, panel, project, ready, user_settings, wait_until  # noqa: F401

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


def show(panel, layer):
    panel.choose_layer(layer)
    wait_until(lambda: panel._facts is not None and panel._facts.dataset == layer.source())


def chosen(panel):
    return panel.parameters()["BANDS"]


def set_wavelengths(layer, wavelengths):
    """Write the centre wavelengths (nm) into the bands' metadata, and open the file again."""
    from osgeo import gdal
    from qgis.core import QgsProject, QgsRasterLayer

    path, name = layer.source(), layer.name()
    QgsProject.instance().removeMapLayer(layer.id())
    dataset = gdal.Open(path, gdal.GA_Update)
    for number, value in enumerate(wavelengths, start=1):
        dataset.GetRasterBand(number).SetMetadataItem("wavelength", str(value))
        dataset.GetRasterBand(number).SetMetadataItem("wavelength_units", "Nanometers")
    dataset.FlushCache()
    del dataset
    return QgsProject.instance().addMapLayer(QgsRasterLayer(path, name))


def test_bands_are_preset_by_name(panel, add_raster):
    show(panel, add_raster((6, 20, 20), bands=("B01", "B02", "B03", "B04", "B05", "B08")))
    assert chosen(panel) == [4, 3, 2, 6]
    assert [combo.accessibleName() for combo in panel.band_section.combos] == [
        "Red (B04)",
        "Green (B03)",
        "Blue (B02)",
        "Near infrared (B08)",
    ]
    assert panel.band_section.combos[0].currentText() == "4: B04"
    assert panel.band_section.hint.text() == ""


def test_bands_are_preset_by_wavelength(panel, add_raster):
    layer = add_raster((5, 20, 20), bands=("a", "b", "c", "d", "e"))
    show(panel, set_wavelengths(layer, (842, 490, 1610, 665, 560)))
    assert chosen(panel) == [4, 5, 2, 1]
    assert panel.band_section.combos[3].currentText() == "1: a (842 nm)"


def test_bands_without_names_are_taken_in_order_and_that_is_told(panel, add_raster):
    show(panel, add_raster(bands=()))
    assert chosen(panel) == [1, 2, 3, 4]
    assert "taken in order" in panel.band_section.hint.text()
    panel.band_section.set_numbers([4, 3, 2, 1])
    assert chosen(panel) == [4, 3, 2, 1]
    assert "taken in order" not in panel.band_section.hint.text()


def test_8_bit_values_are_told(panel, add_raster):
    show(panel, add_raster(dtype=np.uint8, options=["ALPHA=NO"]))
    assert "8-bit" in panel.band_section.hint.text()
    assert panel.band_section.hint.isVisibleTo(panel)
    assert panel.missing() == "" or "environment" in panel.missing(), "a hint does not forbid the run"


def test_coarse_pixels_are_told_with_the_figures(panel, add_raster):
    show(panel, add_raster(geotransform=(500000, 60, 0, 4100000, 0, -60)))
    text = panel.band_section.hint.text()
    assert "10 m" in text and "60 m" in text
    panel.model_section.choose("bicubic:2")
    assert panel.band_section.hint.text() == ""


def test_geographic_coordinates_are_told(panel, add_raster):
    from osgeo import osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    step = 10 / 111320
    show(panel, add_raster(wkt=reference.ExportToWkt(), geotransform=(10, step, 0, 50, 0, -step)))
    assert "geographic" in panel.band_section.hint.text()


def test_too_few_bands_forbid_the_run(panel, add_raster):
    show(panel, add_raster((2, 20, 20), bands=("B04", "B03")))
    assert "needs 4 band(s)" in panel.band_section.hint.text() and "has 2" in panel.band_section.hint.text()
    assert panel.missing() == panel.band_section.hint.text()
    assert not panel.run_bar.run_button.isEnabled()


def test_any_bands_are_ticked_in_a_list(panel, add_raster):
    from qgis.PyQt.QtCore import Qt

    show(panel, add_raster((3, 20, 20), bands=()))
    panel.model_section.choose("bicubic:2")
    bands = panel.band_section
    assert bands.combos == [] and chosen(panel) == [1, 2, 3]
    bands.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert chosen(panel) == [1, 3]
    for row in range(3):
        bands.list.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert panel.missing() == "Choose at least one band."


def test_bands_chosen_by_hand_outlive_a_model_with_the_same_bands(panel, add_raster):
    show(panel, add_raster((5, 20, 20), bands=("B04", "B03", "B02", "B08", "B8A")))
    panel.band_section.set_numbers([1, 2, 3, 5])
    panel.model_section.choose("s2-rgbn-x4")
    assert chosen(panel) == [1, 2, 3, 5]
    panel.model_section.choose("bicubic:2")
    assert chosen(panel) == [1, 2, 3, 4, 5]


def test_a_band_that_serves_twice_is_told(panel, add_raster):
    show(panel, add_raster())
    panel.band_section.set_numbers([1, 1, 3, 4])
    assert "band 1 more than once" in panel.band_section.hint.text()


def test_a_layer_that_cannot_be_read_is_told(panel, add_raster, tmp_path):
    show(panel, add_raster(name="other"))
    layer = add_raster()
    (tmp_path / "scene.tif").unlink()
    panel.choose_layer(layer)
    wait_until(lambda: panel.band_section.problem.text())
    assert "does not exist" in panel.band_section.problem.text()
    assert panel.missing() == panel.band_section.problem.text()


def test_complex_numbers_are_refused_in_words(panel, add_raster):
    layer = add_raster((1, 20, 20), dtype=np.complex64, bands=())
    panel.choose_layer(layer)
    wait_until(lambda: panel.band_section.problem.text())
    assert "cannot be super-resolved" in panel.missing()
