"""The whole interface in a desktop: pick a layer, preview, run, cancel, compare, unload."""

from __future__ import annotations

import contextlib
import os

import pytest

from tests.gui.desktop_fixtures import project, scene, stand_in  # noqa: F401 - fixtures
from tests.gui.desktop_tools import wait_until, work_off
from tests.gui.traces import differences, traces

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def desktop(stand_in):
    from qgis.core import QgsSettings

    from sr_plugin.gui.desktop import Desktop

    QgsSettings().remove("superres")
    desktop = Desktop(stand_in)
    desktop.set_up()
    yield desktop
    desktop.tear_down()
    QgsSettings().remove("superres")
    work_off()


def open_dock(desktop):
    desktop.actions.dock.trigger()
    work_off(0.1)
    return desktop.dock


def ready(dock):
    """Wait until the form is filled."""
    wait_until(lambda: not dock.missing())


def choose_model(dock, model):
    """Parameters of the form with another model."""
    return {**dock.parameters(), "MODEL": model}


def buttons(item):
    from qgis.PyQt.QtWidgets import QPushButton

    return {button.text(): button for button in item.findChildren(QPushButton)}


def test_nothing_is_built_before_it_is_wanted(desktop, stand_in):
    assert desktop.dock is None and desktop.queue is None and desktop.compare is None
    assert desktop.actions.dock in stand_in.toolbar.actions()
    (menu,) = stand_in.menus.values()
    assert [action.text() for action in menu.actions()] == [
        "Super-Resolution Panel", "Compare Rasters…", "Contact Sheet…", "Try the Sample", "Environment…", "Help",
    ]  # fmt: skip
    assert len(stand_in.factories) == 1


def test_the_action_shows_and_hides_the_dock(desktop):
    dock = open_dock(desktop)
    assert dock.isVisible() and desktop.actions.dock.isChecked()
    desktop.actions.dock.trigger()
    work_off()
    assert not dock.isVisible() and not desktop.actions.dock.isChecked()
    desktop.actions.dock.trigger()
    work_off()
    assert dock.isVisible() and desktop.dock is dock
    dock.close()
    work_off()
    assert not desktop.actions.dock.isChecked()


def test_pick_a_layer_preview_run_and_compare(desktop, scene, stand_in, project, tmp_path):
    dock = open_dock(desktop)
    assert dock.parameters()["INPUT"] == scene.id()
    ready(dock)
    dock.preview_requested.emit(choose_model(dock, "bicubic:2"))
    wait_until(lambda: desktop.preview.overlay is not None)
    assert dock.run_bar.state.text().startswith("Preview of 80 x 60 pixels")
    dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "OUTPUT": str(tmp_path / "result.tif")})
    (run,) = desktop.queue.runs
    wait_until(lambda: run.ended)
    assert run.state.value == "done", run.cause
    work_off()
    item = stand_in.messageBar().currentItem()
    assert set(buttons(item)) == {"Compare", "Open folder"}
    names = [node.name() for node in project.layerTreeRoot().findLayers()]
    assert names == ["result", "Scene"] or names == ["Scene x2", "Scene"]
    buttons(item)["Compare"].click()
    wait_until(lambda: desktop.compare is not None and desktop.compare.isVisible())
    assert [layer.id() for layer in desktop.compare.bar.layers()] == [scene.id(), run.layer_id]


def test_contact_sheets_close_with_the_plugin(desktop, tmp_path, monkeypatch):
    from qgis.PyQt.QtWidgets import QApplication, QFileDialog

    from sr_plugin.core.card import BandSpec
    from sr_plugin.core.dataset_card import ArraySpec, DatasetCard
    from sr_plugin.core.dataset_writer import DatasetWriter

    bands = (BandSpec("red"),)
    arrays = ArraySpec("low", bands, 4, 4, "uint8"), ArraySpec("high", bands, 8, 8, "uint8")
    with DatasetWriter(str(tmp_path / "set"), DatasetCard("set", "single-image", 2, arrays[:1], arrays[1])) as writer:
        writer.finish()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "set"))

    def shown():
        return [w for w in QApplication.topLevelWidgets() if type(w).__name__ == "ContactSheetDialog" and w.isVisible()]

    desktop.actions.pairs.trigger()
    desktop.actions.pairs.trigger()
    work_off()
    assert len(shown()) == 2
    shown()[0].close()
    work_off()
    assert len(shown()) == 1
    desktop.tear_down()
    work_off()
    assert shown() == []


def test_a_failure_offers_details(desktop, scene, stand_in):
    dock = open_dock(desktop)
    ready(dock)
    dock.run_requested.emit(choose_model(dock, "no-such-model"))
    (run,) = desktop.queue.runs
    wait_until(lambda: run.ended)
    work_off()
    item = stand_in.messageBar().currentItem()
    assert item.text() == run.cause and item.text().startswith("There is no model 'no-such-model'.")
    buttons(item)["Details"].click()
    work_off()
    assert len(desktop.run_list._details) == 1


def test_a_cancelled_run_says_nothing_more(desktop, scene, stand_in):
    dock = open_dock(desktop)
    ready(dock)
    dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "TILE_SIZE": 16})
    (run,) = desktop.queue.runs
    desktop.run_list.row_of(run).cancel_button.click()
    wait_until(lambda: run.ended)
    assert run.state.value in ("cancelled", "done")
    if run.state.value == "cancelled":
        assert stand_in.messageBar().currentItem() is None


def test_the_sample_says_that_it_works_here(desktop, stand_in, project):
    desktop.actions.sample.trigger()
    (run,) = desktop.queue.runs
    wait_until(lambda: run.ended)
    work_off()
    item = stand_in.messageBar().currentItem()
    assert (item.title(), item.text()[-8:]) == ("Works on this machine", " on CPU."), item.text()
    desktop.actions.sample.trigger()
    assert len([layer for layer in project.mapLayers().values() if layer.name() == "Sentinel-2 sample"]) == 1
    wait_until(lambda: desktop.queue.runs[-1].ended)


def test_a_sample_that_comes_out_otherwise_is_told(desktop, stand_in, monkeypatch):
    from sr_plugin.gui import sample_check

    original = sample_check.sample_parameters
    monkeypatch.setattr(sample_check, "sample_parameters", lambda source: {**original(source), "MODEL": "bicubic:2"})
    desktop.try_sample()
    (run,) = desktop.queue.runs
    wait_until(lambda: run.ended)
    work_off()
    text = stand_in.messageBar().currentItem().text()
    assert text.startswith("The result of the sample differs from the stored one: ")
    assert "pixels of band 1 differ by up to" in text


def test_the_legend_note_of_a_result_shows_in_the_layer_tree(desktop, scene, stand_in, tmp_path):
    from qgis.PyQt.QtWidgets import QLabel

    dock = open_dock(desktop)
    ready(dock)
    dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "OUTPUT": str(tmp_path / "result.tif")})
    wait_until(lambda: desktop.queue.runs[0].ended)

    def shown():
        return [label.text() for label in stand_in.layerTreeView().findChildren(QLabel)]

    wait_until(shown)
    work_off(0.2)
    labels = shown()
    assert [text for text in labels if text.startswith("Interpolated: bicubic:2, ")] == labels and labels


def test_compare_opens_with_the_topmost_rasters(desktop, scene, stand_in, project):
    from qgis.core import QgsRasterLayer

    desktop.open_compare()
    assert stand_in.messageBar().currentItem().text() == "A comparison needs two raster layers in the project."
    other = project.addMapLayer(QgsRasterLayer(scene.source(), "Other"))
    desktop.open_compare()
    assert [layer.id() for layer in desktop.compare.bar.layers()] == [scene.id(), other.id()]


def test_an_open_panel_follows_the_map_as_the_options_say(desktop, stand_in):
    dock = open_dock(desktop)
    (factory,) = stand_in.factories
    page = factory.createWidget(None)
    page.preview_follow.setChecked(not dock.follows_map())
    before = dock.follows_map()
    page.apply()
    assert dock.follows_map() is not before
    page.preview_follow.setChecked(before)
    page.apply()
    page.deleteLater()


def test_a_result_of_another_project_is_added_on_request(desktop, scene, stand_in, project, tmp_path):
    dock = open_dock(desktop)
    ready(dock)
    dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "OUTPUT": str(tmp_path / "other.tif")})
    (run,) = desktop.queue.runs
    project.clear()
    wait_until(lambda: run.ended)
    wait_until(stand_in.messageBar().currentItem)
    item = stand_in.messageBar().currentItem()
    assert "started in another project" in item.text() and project.mapLayers() == {}
    from qgis.PyQt.QtWidgets import QAbstractButton

    button = next(each for each in item.findChildren(QAbstractButton) if each.text() == "Add")
    button.click()
    assert list(project.mapLayers()) == [run.layer_id]


def test_the_dock_comes_back_where_it_was_open(desktop, stand_in):
    from sr_plugin.gui.desktop import Desktop

    open_dock(desktop)
    desktop.tear_down()
    work_off()
    again = Desktop(stand_in)
    again.set_up()
    work_off(0.1)
    assert again.dock is not None and again.dock.isVisible()
    again.tear_down()
    work_off()
    desktop.set_up()


def test_three_reloads_leave_no_trace(scene, stand_in, tmp_path):
    from qgis.core import QgsSettings

    from sr_plugin.gui.desktop import Desktop

    QgsSettings().remove("superres")

    def cycle(number):
        desktop = Desktop(stand_in)
        desktop.set_up()
        dock = open_dock(desktop)
        ready(dock)
        dock.preview_requested.emit(choose_model(dock, "bicubic:2"))
        desktop.open_environment()
        dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "OUTPUT": str(tmp_path / f"{number}.tif")})
        wait_until(lambda: desktop.queue.runs[0].ended and not desktop.preview.busy)
        desktop.open_compare()
        desktop.run_list.show_details(desktop.queue.runs[0])
        dock.preview_requested.emit(choose_model(dock, "bicubic:4"))
        dock.run_requested.emit({**choose_model(dock, "bicubic:2"), "TILE_SIZE": 16, "OUTPUT": str(tmp_path / "x.tif")})
        work_off(0.05)
        desktop.tear_down()
        QgsSettings().remove("superres")
        from qgis.core import QgsProject

        for layer in list(QgsProject.instance().mapLayers().values()):
            if layer.id() != scene.id():
                QgsProject.instance().removeMapLayer(layer.id())
        work_off(0.5)

    # The first time brings what Qt and QGIS make once and keep.
    cycle(0)
    before = traces(stand_in)
    for number in range(1, 4):
        cycle(number)
        with contextlib.suppress(AssertionError):
            # What is left is told below.
            wait_until(lambda: not differences(before, traces(stand_in)))
        assert differences(before, traces(stand_in)) == []
    assert before["workers"] == [] and before["threads"] == [] and "superres_legend_note" not in before["legend notes"]
    assert stand_in.menus == {} and stand_in.factories == []
    assert stand_in.toolbar.actions() == []
    assert stand_in.messageBar().currentItem() is None
    assert not os.path.exists(tmp_path / "x.tif")
