"""The dock panel as a whole: what it promises, remembers, forbids, and that it leaves without a trace."""

from __future__ import annotations

import threading

import pytest

from tests.gui.dock_desktop import add_raster, iface, panel, pause, project, ready, user_settings, wait_until  # noqa: F401

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


def kept(signal):
    """What a signal gives, in a list."""
    values = []
    signal.connect(lambda *value: values.append(value[0] if value else None))
    return values


def test_without_a_layer_the_panel_offers_the_sample(panel):
    asked = kept(panel.sample_requested)
    section = panel.layer_section
    assert section.empty.isVisibleTo(panel)
    assert not panel.run_bar.run_button.isEnabled() and not panel.run_bar.preview_button.isEnabled()
    assert panel.run_bar.run_button.toolTip() == panel.run_bar.preview_button.toolTip() == "Choose a raster layer."
    section.sample_button.click()
    assert len(asked) == 1


def test_the_parameters_run_as_they_are_and_keep_the_promise(ready, provider):
    import processing
    from osgeo import gdal

    wait_until(lambda: ready.area_section.estimate.size.text())
    result = gdal.Open(processing.run("superres:superresolve", ready.parameters())["OUTPUT"])
    size = f"{result.RasterXSize} x {result.RasterYSize} pixels, {result.RasterCount} band(s)"
    assert size == "100 x 80 pixels, 4 band(s)"
    assert f"Result: {size}" in ready.area_section.estimate.size.text()


def test_every_setting_reaches_the_algorithm(ready, tmp_path, add_raster):
    import processing
    from osgeo import gdal

    layer = add_raster((6, 30, 20), name="six", bands=("B01", "B02", "B03", "B04", "B05", "B08"))
    ready.choose_layer(layer)
    wait_until(lambda: ready._facts is not None and ready._facts.dataset == layer.source())
    output = ready.output_section
    output.type_combo.setCurrentIndex(output.type_combo.findData("float32"))
    output.other_combo.setCurrentIndex(output.other_combo.findData("enlarge"))
    output.consistency.setChecked(True)
    output.tile.setValue(64)
    output.cog.setChecked(True)
    output.file.setFilePath(str(tmp_path / "mine"))
    parameters = ready.parameters()
    assert parameters["OUTPUT"] == str(tmp_path / "mine.tif")
    outputs = processing.run("superres:superresolve", parameters)
    result = gdal.Open(str(tmp_path / "mine.tif"))
    assert (result.RasterXSize, result.RasterYSize, result.RasterCount) == (40, 60, 6)
    assert result.GetRasterBand(1).DataType == gdal.GDT_Float32
    assert result.GetMetadata("IMAGE_STRUCTURE").get("LAYOUT") == "COG"
    assert outputs["CONSISTENCY_RMSE"] < 0.01
    wait_until(lambda: "40 x 60 pixels, 6 band(s)" in ready.area_section.estimate.size.text())


def test_the_uncertainty_is_offered_with_its_cost(ready, tmp_path):
    choice, output = ready.output_section.uncertainty, ready.output_section
    assert choice.cost.text() == "8 times the work" and choice.layer.isEnabled()
    assert not any("UNCERTAINTY" in name for name in ready.parameters())
    sizes = ready.area_section.estimate.size
    wait_until(lambda: "up to" in sizes.text())
    plain = sizes.text()
    choice.layer.setChecked(True)
    assert ready.parameters()["UNCERTAINTY"] == ready.parameters()["OUTPUT"] == "TEMPORARY_OUTPUT"
    wait_until(lambda: sizes.text() != plain)
    output.file.setFilePath(str(tmp_path / "mine.tif"))
    choice.limit.setValue(12.5)
    given = {name: value for name, value in ready.parameters().items() if "UNCERTAINTY" in name}
    files = {"UNCERTAINTY": "mine_uncertainty.tif", "UNCERTAINTY_MASK": "mine_bicubic.tif"}
    assert given == {"UNCERTAINTY_LIMIT": 12.5, **{name: str(tmp_path / file) for name, file in files.items()}}
    assert choice.limit.text().replace(",", ".") == "12.5"
    ready.model_section.choose("bicubic:2")
    assert not choice.layer.isEnabled() and not choice.limit.isEnabled()
    assert not any("UNCERTAINTY" in name for name in ready.parameters())


def test_the_parameters_of_an_uncertainty_run_as_they_are(ready, provider, tmp_path):
    import processing

    pytest.importorskip("onnxruntime")
    ready.output_section.uncertainty.layer.setChecked(True)
    ready.output_section.uncertainty.limit.setValue(5)
    ready.output_section.file.setFilePath(str(tmp_path / "mine.tif"))
    outputs = processing.run("superres:superresolve", ready.parameters())
    for name, file in (("OUTPUT", "mine"), ("UNCERTAINTY", "mine_uncertainty"), ("UNCERTAINTY_MASK", "mine_bicubic")):
        assert outputs[name] == str(tmp_path / f"{file}.tif") and (tmp_path / f"{file}.tif").exists()
    # The same run again replaces what this one wrote, but not as another kind.
    again = ready.parameters()
    assert all(again[name] == outputs[name] for name in ("OUTPUT", "UNCERTAINTY", "UNCERTAINTY_MASK"))
    (tmp_path / "mine_uncertainty.tif").replace(tmp_path / "mine_bicubic.tif")
    given = ready.parameters()
    assert given["UNCERTAINTY"] == outputs["UNCERTAINTY"]
    assert given["UNCERTAINTY_MASK"] == str(tmp_path / "mine_bicubic_2.tif")


def test_files_of_the_user_are_not_replaced_by_what_lies_beside_the_result(ready, tmp_path, make_raster):
    """A bicubic result that was written by hand, for example, and files that are no rasters."""
    import numpy as np

    make_raster(np.ones((1, 4, 4), np.uint8), name="mine_bicubic.tif")
    (tmp_path / "mine_bicubic_2.tif").write_text("notes")
    (tmp_path / "mine_uncertainty.tif").mkdir()
    ready.output_section.uncertainty.layer.setChecked(True)
    ready.output_section.uncertainty.limit.setValue(5)
    ready.output_section.file.setFilePath(str(tmp_path / "mine.tif"))
    given = ready.parameters()
    assert given["UNCERTAINTY"] == str(tmp_path / "mine_uncertainty_2.tif")
    assert given["UNCERTAINTY_MASK"] == str(tmp_path / "mine_bicubic_3.tif")


def test_run_and_preview_hand_over_the_parameters(ready):
    runs, previews = kept(ready.run_requested), kept(ready.preview_requested)
    ready.run_bar.run_button.click()
    ready.run_bar.preview_button.click()
    assert runs == previews == [ready.parameters()]
    follows, compares, cleared = map(
        kept, (ready.preview_follow_changed, ready.compare_requested, ready.preview_cleared)
    )
    ready.run_bar.follow.click()
    ready.run_bar.compare_button.click()
    ready.run_bar.clear_button.click()
    assert cleared == [], "there is nothing to take off the map"
    ready.set_preview_state("A preview", False)
    ready.run_bar.clear_button.click()
    assert ready.run_bar.state.text() == ""
    assert follows == [True] and len(compares) == len(cleared) == 1


def test_the_time_is_unknown_until_a_run_was_measured(ready, tmp_path, monkeypatch):
    import processing

    from sr_plugin.pipeline import estimate

    monkeypatch.setattr(estimate, "_speed_file", lambda: str(tmp_path / "speeds.json"))
    ready.output_section.output_changed.emit()
    wait_until(lambda: ready.area_section.estimate.time.text() == "Time: unknown until the first run")
    processing.run("superres:superresolve", {**ready.parameters(), "OUTPUT": str(tmp_path / "r.tif")})
    ready.output_section.output_changed.emit()
    wait_until(lambda: ready.area_section.estimate.time.text().startswith("Time: about"))


def test_what_stands_against_a_run_is_told_beside_the_cost(ready, tmp_path):
    ready.output_section.file.setFilePath(str(tmp_path / "no such folder" / "x.tif"))
    wait_until(lambda: "does not exist" in ready.area_section.estimate.problem.text())
    ready.output_section.file.setFilePath(str(tmp_path / "x.png"))
    assert "must end in .tif" in ready.missing() and not ready.run_bar.run_button.isEnabled()
    assert ready.run_bar.preview_button.isEnabled(), "a preview writes no file"


def test_the_active_layer_is_followed_until_one_is_chosen(panel, iface, add_raster):
    from sr_plugin.processing.result_notes import LEGEND_NOTE_PROPERTY

    first, second = add_raster(name="first"), add_raster(name="second")
    iface.activate(second)
    assert panel.layer_section.layer() is second
    iface.activate(first)
    assert panel.layer_section.layer() is first
    result = add_raster(name="result")
    result.setCustomProperty(LEGEND_NOTE_PROPERTY, "Modelled detail")
    iface.activate(result)
    assert panel.layer_section.layer() is first, "a result is not super-resolved once more by chance"
    panel.layer_section.combo.activated.emit(panel.layer_section.combo.currentIndex())
    iface.activate(second)
    assert panel.layer_section.layer() is first


def test_a_removed_layer_is_let_go(ready, project):
    project.removeMapLayer(ready.layer.id())
    wait_until(lambda: ready.layer_section.layer() is None)
    assert ready.parameters()["INPUT"] == ""
    assert ready.missing() == "Choose a raster layer." and ready.layer_section.empty.isVisibleTo(ready)
    wait_until(lambda: ready.area_section.estimate.size.text() == "")


def test_a_layer_removed_while_it_is_read_does_no_harm(panel, project, add_raster):
    layer = add_raster()
    panel.choose_layer(layer)
    project.removeMapLayer(layer.id())
    wait_until(lambda: not panel._background.is_busy())
    assert panel._facts is None and panel.missing() == "Choose a raster layer."


def test_another_file_behind_the_layer_is_read_anew(ready, make_raster):
    import numpy as np

    bigger = make_raster(np.ones((4, 60, 70), np.uint16), "bigger.tif", descriptions=("B08", "B02", "B03", "B04"))
    ready.layer.setDataSource(bigger, "scene", "gdal")
    wait_until(lambda: ready._facts is not None and ready._facts.dataset == bigger)
    assert ready.parameters()["BANDS"] == [4, 3, 2, 1]
    wait_until(lambda: "140 x 120 pixels" in ready.area_section.estimate.size.text())


def test_a_slow_file_does_not_hold_up_the_desktop(panel, add_raster, monkeypatch):
    from qgis.PyQt.QtCore import QTimer

    from sr_plugin.gui.dock import facts_of_layer

    read, awake, in_time = facts_of_layer.read_facts, threading.Event(), []

    def slowly(name):
        """Goes on once the interface was seen to do something meanwhile."""
        in_time.append(awake.wait(10))
        return read(name)

    monkeypatch.setattr(facts_of_layer, "read_facts", slowly)
    panel.choose_layer(add_raster())
    assert panel.missing() == "The bands of the layer are still being read."
    QTimer.singleShot(100, awake.set)
    wait_until(lambda: panel._facts is not None)
    assert in_time and all(in_time)


def test_a_file_is_opened_as_a_layer(panel, make_raster, project):
    import numpy as np

    panel.layer_section.open_file(make_raster(np.zeros((4, 9, 9), np.uint16), "opened.tif"))
    assert [layer.name() for layer in project.mapLayers().values()] == ["opened"]
    assert panel.layer_section.layer().name() == "opened"
    panel.layer_section.open_file(__file__)
    assert "cannot be opened as a raster" in panel.layer_section.problem.text()


def test_choices_come_back_with_the_project(ready, iface, project, tmp_path, add_raster):
    from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle

    add_raster(name="other")
    path = str(tmp_path / "project.qgs")
    ready.choose_layer(ready.layer)
    ready.model_section.choose("s2-rgbn-x4")
    ready.band_section.set_numbers([4, 3, 2, 1])
    ready.area_section.set_mode("drawn")
    drawn = QgsRectangle(500100, 4099800, 500300, 4099900)
    ready.area_section.rectangle.set_rectangle(drawn, QgsCoordinateReferenceSystem("EPSG:32618"))
    ready.device_section.set_device("cpu")
    ready.output_section.consistency.setChecked(True)
    ready.output_section.tile.setValue(128)
    ready.output_section.uncertainty.layer.setChecked(True)
    ready.output_section.uncertainty.limit.setValue(0.25)
    ready.run_bar.follow.setChecked(True)
    before = ready.parameters()
    assert project.write(path) and not project.isDirty()
    project.clear()
    wait_until(lambda: ready.layer_section.layer() is None)
    assert ready.area_section.mode() == "whole"
    ready.model_section.choose("bicubic:2")
    ready.output_section.consistency.setChecked(False)
    ready.output_section.tile.setValue(0)
    ready.output_section.uncertainty.layer.setChecked(False)
    ready.output_section.uncertainty.limit.setValue(0)
    ready.device_section.set_device("auto")
    assert project.read(path)
    wait_until(lambda: ready.parameters() == before)
    assert ready.layer_section.layer().name() == "scene"
    assert ready.run_bar.follow.isChecked()


def test_a_project_without_choices_changes_nothing(ready, project, tmp_path):
    from sr_plugin.gui.dock import project_memory

    assert project_memory.recall() == {}
    project.writeEntry("superres", "/dock", "{ broken")
    assert project_memory.recall() == {}
    before = ready.parameters()
    ready._restore()
    assert ready.parameters() == before
    output = {"TILE_SIZE": "y", "UNCERTAINTY": 1, "UNCERTAINTY_LIMIT": "z"}
    ready.choices.restore({"layer": 7, "bands": "x", "area": [], "output": output, "device": None})
    assert ready.parameters() == before


def test_looking_does_not_change_the_project(ready, project):
    project.setDirty(False)
    ready.model_section.choose("bicubic:2")
    ready.area_section.set_mode("canvas")
    pause(0.4)
    assert not project.isDirty()


def test_without_a_python_nothing_runs_and_the_way_out_is_offered(panel, add_raster, monkeypatch, tmp_path):
    panel.choose_layer(add_raster())
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", str(tmp_path / "no-python"))
    asked = kept(panel.environment_requested)
    panel.refresh_devices()
    wait_until(lambda: panel.device_section.missing())
    assert panel.device_section.missing_view.isVisibleTo(panel) and not panel.device_section.combo.isVisibleTo(panel)
    wait_until(lambda: panel.missing() == panel.device_section.missing())
    assert not panel.run_bar.run_button.isEnabled() and not panel.run_bar.preview_button.isEnabled()
    assert "No Python environment" in panel.run_bar.run_button.toolTip()
    panel.device_section.environment_button.click()
    assert len(asked) == 1
    monkeypatch.undo()
    panel.refresh_devices()
    wait_until(lambda: panel.device_section.combo.count() > 0)
    assert panel.missing() == "" and panel.run_bar.run_button.isEnabled()


def test_devices_are_named_and_automatic_says_what_it_means(ready):
    import os

    combo = ready.device_section.combo
    cores = f"{os.cpu_count()} core"
    assert combo.itemText(0).startswith("Automatic (") and combo.itemData(0) == "auto"
    row = combo.findData("cpu")
    assert combo.itemText(row).startswith("CPU: ") and cores in combo.itemText(row)
    ready.device_section.set_device("cuda:7")
    assert ready.parameters()["DEVICE"] == "cuda:7" and "not found" in combo.currentText()


def test_the_form_fits_a_narrow_dock(ready, iface):
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtWidgets import QAbstractButton

    iface.window.resizeDocks([ready], [300], Qt.Orientation.Horizontal)
    pause(0.1)
    assert ready.width() <= 310
    form = ready.scroll_area.widget()
    assert form.width() <= ready.scroll_area.viewport().width()
    for button in ready.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            assert button.width() >= button.minimumSizeHint().width(), button.text()


def test_the_tabulator_goes_from_top_to_bottom(ready):
    from qgis.PyQt.QtCore import QPoint, Qt
    from qgis.PyQt.QtWidgets import QGroupBox, QScrollBar

    ready.output_section.advanced.setCollapsed(False)
    pause(0.05)
    order, field, form = [], ready.layer_section, ready.scroll_area.widget()
    while field not in order:
        order.append(field)
        field = field.nextInFocusChain()
    reached = [
        field
        for field in order
        if field.isVisibleTo(ready)
        and form.isAncestorOf(field)
        and field.focusPolicy() & Qt.FocusPolicy.TabFocus
        and field.focusProxy() is None
        and not isinstance(field, QScrollBar)
    ]
    # A box takes the focus at its title.
    heights = [10 if isinstance(field, QGroupBox) else field.height() // 2 for field in reached]
    tops = [field.mapTo(form, QPoint(0, height)).y() for field, height in zip(reached, heights)]
    assert len(reached) > 15
    for one, other, field in zip(tops, tops[1:], reached[1:]):
        assert other >= one - 12, (field, field.toolTip())


def test_every_field_says_what_it_is_for(ready):
    from qgis.PyQt.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

    fields = [w for kind in (QComboBox, QAbstractButton, QAbstractSpinBox) for w in ready.widget().findChildren(kind)]
    own = [w for w in fields if not w.objectName().startswith(("qt_", "collapseButton"))]
    for field in own:
        owner = field
        while owner is not None and not owner.toolTip():
            owner = owner.parentWidget()
        assert owner is not None, (field, field.objectName())


def test_the_panel_takes_a_list_of_runs_and_the_state_of_the_preview(panel):
    from qgis.PyQt.QtWidgets import QLabel

    runs = QLabel("runs")
    panel.set_run_list(runs)
    assert runs.isVisibleTo(panel) and panel._column.indexOf(runs) > panel._column.indexOf(panel.run_bar)
    panel.set_preview_state("Preview of 256 x 256 pixels", True)
    assert panel.run_bar.state.text() == "Preview of 256 x 256 pixels" and panel.run_bar.busy.isVisibleTo(panel)
    panel.set_preview_state("", False)
    assert not panel.run_bar.clear_button.isEnabled()
    assert not panel.run_bar.state.isVisibleTo(panel) and not panel.run_bar.busy.isVisibleTo(panel)


def listeners(iface, project):
    """How many slots each signal of QGIS that the panel listens to has."""
    canvas = iface.canvas
    signals = {
        "active layer": (iface, iface.currentLayerChanged),
        "read": (project, project.readProject),
        "written": (project, project.writeProject),
        "cleared": (project, project.cleared),
        "layers added": (project, project.layersAdded),
        "layers removed": (project, project.layersRemoved),
        "map moved": (canvas, canvas.extentsChanged),
        "map CRS": (canvas, canvas.destinationCrsChanged),
        "map tool": (canvas, canvas.mapToolSet),
    }
    return {name: sender.receivers(signal) for name, (sender, signal) in signals.items()}


def test_the_panel_leaves_without_a_trace(iface, project, add_raster):
    from qgis.core import QgsFeature, QgsGeometry, QgsRectangle, QgsVectorLayer
    from qgis.PyQt import sip
    from qgis.PyQt.QtCore import Qt

    from sr_plugin.gui.dock.dock_panel import DockPanel

    polygons = QgsVectorLayer("Polygon?crs=EPSG:32618", "fields", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(500100, 4099800, 500300, 4099900)))
    polygons.dataProvider().addFeature(feature)
    layer = add_raster()
    project.addMapLayer(polygons)
    selection = polygons.receivers(polygons.selectionChanged)
    before, items = listeners(iface, project), len(iface.canvas.scene().items())
    dock = DockPanel(iface)
    iface.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    dock.choose_layer(layer)
    dock.area_section.set_mode("drawn")
    dock.area_section.draw_button.click()
    dock.area_section.rectangle.set_rectangle(iface.canvas.extent(), iface.canvas.mapSettings().destinationCrs())
    dock.area_section.set_mode("polygons")
    assert all(count > before[name] for name, count in listeners(iface, project).items())
    children = [
        dock,
        dock.area_section.rectangle._outline,
        dock.area_section.rectangle._tool,
        dock.band_section,
        dock.area_section.rectangle,
        dock._background,
        dock._pause,
    ]
    dock.shut_down()
    iface.window.removeDockWidget(dock)
    dock.deleteLater()
    wait_until(lambda: all(sip.isdeleted(child) for child in children))
    assert listeners(iface, project) == before and polygons.receivers(polygons.selectionChanged) == selection
    assert len(iface.canvas.scene().items()) == items and iface.canvas.mapTool() is None
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("sr-")])
    iface.activate(None)
    iface.canvas.setExtent(QgsRectangle(0, 0, 1, 1))
    project.clear()
    pause(0.05)


def test_nothing_is_looked_for_before_somebody_looks(iface):
    from qgis.PyQt.QtCore import Qt

    from sr_plugin.gui.dock.dock_panel import DockPanel

    dock = DockPanel(iface)
    assert not dock._background.is_busy("devices")
    iface.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    wait_until(lambda: dock.device_section.combo.count() > 0)
    dock.shut_down()
    iface.window.removeDockWidget(dock)
    dock.deleteLater()
    pause(0.02)


def test_shutting_down_twice_does_no_harm(iface):
    from sr_plugin.gui.dock.dock_panel import DockPanel

    dock = DockPanel(iface)
    dock.shut_down()
    pause(0.02)
    dock.shut_down()
    dock.deleteLater()
    pause(0.02)
