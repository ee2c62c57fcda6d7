"""Runs of the dock: in the background, one after the other, seen, cancelled, and what becomes of them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.gui.desktop_fixtures import project, scene, stand_in  # noqa: F401 - fixtures
from tests.gui.desktop_tools import scene_pixels, wait_until, work_off
from tests.gui.ticks import assert_awake, ticking

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def queue(stand_in):
    from sr_plugin.gui.runs.run_queue import RunQueue

    queue = RunQueue()
    yield queue
    queue.shut_down()
    queue.deleteLater()
    work_off()


@pytest.fixture
def run_list(queue):
    from sr_plugin.gui.runs.run_list import RunList

    widget = RunList(queue)
    widget.resize(360, 300)
    widget.show()
    yield widget
    widget.shut_down()
    widget.deleteLater()


def parameters(layer, tmp_path, name="result.tif", **more):
    return {"INPUT": layer.id(), "MODEL": "bicubic:2", "OUTPUT": str(tmp_path / name), **more}


def states(queue):
    return [run.state.value for run in queue.runs]


def test_a_run_adds_its_result_above_the_source_with_its_look(queue, scene, project, tmp_path):
    from qgis.core import QgsRasterLayer

    above = project.addMapLayer(QgsRasterLayer(scene.source(), "Above"))
    scene.renderer().setRedBand(4)
    run = queue.add(parameters(scene, tmp_path))
    wait_until(lambda: run.ended)
    assert run.state.value == "done", run.log
    names = [node.name() for node in project.layerTreeRoot().findLayers()]
    result = project.mapLayer(run.layer_id)
    assert names == [above.name(), result.name(), "Scene"]
    assert result.renderer().redBand() == 4
    assert run.outputs["SCALE"] == 2 and os.path.exists(run.output)
    assert run.tiles[0] == run.tiles[1] > 0


@pytest.mark.parametrize("with_source", [True, False])
def test_what_tells_of_a_result_lies_above_it_and_is_switched_off(queue, scene, project, tmp_path, with_source):
    pytest.importorskip("onnxruntime")
    files = {"UNCERTAINTY": str(tmp_path / "a.tif"), "UNCERTAINTY_MASK": str(tmp_path / "b.tif")}
    asked = {**parameters(scene, tmp_path, MODEL="s2-rgbn-x2", UNCERTAINTY_LIMIT=20), **files}
    if not with_source:
        asked["INPUT"] = scene.source()
        project.removeMapLayer(scene.id())
    run = queue.add(asked)
    assert queue.busy_outputs() == {asked["OUTPUT"], *files.values()}
    wait_until(lambda: run.ended)
    assert run.state.value == "done", run.log
    nodes = project.layerTreeRoot().findLayers()
    sources = [files["UNCERTAINTY_MASK"], files["UNCERTAINTY"], asked["OUTPUT"]]
    assert [node.layer().source() for node in nodes] == [*sources, *([scene.source()] if with_source else [])]
    assert [node.itemVisibilityChecked() for node in nodes[:3]] == [False, False, True]
    assert [node.layer().renderer().type() for node in nodes[:2]] == ["paletted", "singlebandpseudocolor"]
    assert project.mapLayer(run.layer_id).source() == asked["OUTPUT"]
    assert "Uncertainty: 8 flipped and turned copies" in run.log


def test_a_result_goes_into_the_group_of_its_source(queue, scene, project, tmp_path):
    root = project.layerTreeRoot()
    group = root.insertGroup(0, "Group")
    node = root.findLayer(scene.id())
    group.addChildNode(node.clone())
    root.removeChildNode(node)
    run = queue.add(parameters(scene, tmp_path))
    wait_until(lambda: run.ended)
    assert [node.layerId() for node in group.findLayers()] == [run.layer_id, scene.id()]


def test_runs_wait_for_each_other(queue, scene, tmp_path):
    runs = [queue.add(parameters(scene, tmp_path, f"{i}.tif")) for i in range(3)]
    assert states(queue) == ["running", "queued", "queued"]
    seen = []
    queue.ended.connect(lambda run: seen.append((runs.index(run), states(queue).count("running"))))
    wait_until(lambda: all(run.ended for run in runs))
    assert states(queue) == ["done"] * 3
    assert [number for number, _ in seen] == [0, 1, 2]


def test_a_cancel_ends_the_run_and_leaves_no_file(queue, scene, tmp_path, make_raster, project):
    from qgis.core import QgsRasterLayer

    large = project.addMapLayer(QgsRasterLayer(make_raster(scene_pixels(600, 600), "large.tif"), "Large"))
    run = queue.add(parameters(large, tmp_path, TILE_SIZE=16))
    waiting = queue.add(parameters(scene, tmp_path, "second.tif"))
    wait_until(lambda: run.tiles[0] > 2)
    queue.cancel(run)
    wait_until(lambda: run.ended)
    assert run.state.value == "cancelled" and run.tiles[0] < run.tiles[1]
    wait_until(lambda: waiting.ended)
    assert waiting.state.value == "done"
    assert [name for name in os.listdir(tmp_path) if name.startswith("result")] == []


def test_a_waiting_run_is_cancelled_without_being_started(queue, scene, tmp_path):
    queue.add(parameters(scene, tmp_path))
    waiting = queue.add(parameters(scene, tmp_path, "second.tif"))
    queue.cancel(waiting)
    wait_until(lambda: all(run.ended for run in queue.runs))
    assert states(queue) == ["done", "cancelled"]
    assert not (tmp_path / "second.tif").exists()


def test_a_failure_tells_its_cause_in_a_sentence(queue, scene, tmp_path):
    run = queue.add(parameters(scene, tmp_path, MODEL="no-such-model"))
    wait_until(lambda: run.ended)
    assert run.state.value == "failed"
    assert run.cause.startswith("There is no model 'no-such-model'.")
    assert "Traceback" not in run.cause and "no-such-model" in run.log


def test_what_can_be_seen_to_be_wrong_fails_at_once(queue, scene, tmp_path):
    run = queue.add(parameters(scene, tmp_path, "result.png"))
    assert run.state.value == "failed" and ".tif" in run.cause


def test_a_result_that_vanished_is_told(queue, scene, project, tmp_path, monkeypatch):
    from sr_plugin.gui.runs import run_queue

    original = run_queue.load_results

    def load(context, source_id, feedback):
        os.remove(tmp_path / "result.tif")
        return original(context, source_id, feedback)

    monkeypatch.setattr(run_queue, "load_results", load)
    run = queue.add(parameters(scene, tmp_path))
    wait_until(lambda: run.ended)
    assert run.state.value == "failed" and "cannot be opened" in run.cause
    assert list(project.mapLayers()) == [scene.id()]


def test_a_run_whose_layer_is_gone_fails_in_words(queue, scene, project, tmp_path):
    queue.add(parameters(scene, tmp_path))
    late = queue.add(parameters(scene, tmp_path, "late.tif"))
    project.removeMapLayer(scene.id())
    wait_until(lambda: late.ended)
    assert late.state.value == "failed" and late.cause


def test_a_run_is_entered_into_the_history_of_processing(queue, scene, tmp_path):
    from qgis.gui import QgsGui

    run = queue.add(parameters(scene, tmp_path))
    wait_until(lambda: run.ended)
    if hasattr(QgsGui, "historyProviderRegistry"):
        entries = [str(entry.entry) for entry in QgsGui.historyProviderRegistry().queryEntries(providerId="processing")]
    else:
        from processing.core.ProcessingLog import ProcessingLog

        entries = [entry.text for entry in ProcessingLog.getLogEntries()]
    assert any("superres:superresolve" in entry and str(tmp_path) in entry for entry in entries)


def test_the_list_shows_progress_cancel_and_cause(queue, run_list, scene, tmp_path):
    run = queue.add(parameters(scene, tmp_path, TILE_SIZE=16))
    row = run_list.row_of(run)
    work_off()
    assert row.cancel_button.isVisibleTo(run_list) and not row.remove_button.isVisibleTo(run_list)
    texts = []
    run.changed.connect(lambda: texts.append(run.status()))
    wait_until(lambda: run.ended)
    assert any("of 20 tiles" in text for text in texts)
    assert row.remove_button.isVisibleTo(run_list) and not row.cancel_button.isVisibleTo(run_list)
    failed = queue.add(parameters(scene, tmp_path, MODEL="no-such-model"))
    wait_until(lambda: failed.ended)
    assert run_list.row_of(failed)._status.text() == failed.cause
    run_list.row_of(failed).remove_button.click()
    assert queue.runs == [run]
    queue.remove_ended()
    work_off()
    assert not run_list.isVisible()


def test_the_run_that_goes_on_is_on_top(queue, run_list, scene, tmp_path):
    runs = [queue.add(parameters(scene, tmp_path, f"{i}.tif", TILE_SIZE=16)) for i in range(3)]

    def order():
        return [runs.index(row.run) for row in run_list.rows()]

    assert order() == [0, 1, 2]
    wait_until(lambda: runs[1].state.value == "running")
    assert order() == [1, 2, 0]
    wait_until(lambda: runs[2].ended)
    assert order() == [2, 1, 0]


def test_the_details_show_the_log(queue, run_list, scene, tmp_path):
    run = queue.add(parameters(scene, tmp_path))
    run_list.show_details(run)
    wait_until(lambda: run.ended)
    dialog = next(iter(run_list._details.values()))
    assert "Bicubic interpolation" in dialog._log.toPlainText()
    assert run.output in dialog._status.text()
    dialog.close()
    assert not run_list._details


def test_results_carry_title_abstract_and_legend_note(queue, scene, project, tmp_path):
    run = queue.add(parameters(scene, tmp_path))
    wait_until(lambda: run.ended)
    layer = project.mapLayer(run.layer_id)
    assert layer.title() == "Scene, super-resolved x2" == layer.metadata().title()
    assert "bicubic:2" in layer.abstract() and layer.abstract() == layer.metadata().abstract()
    assert layer.customProperty("superres/legend_note").startswith("Interpolated: bicubic:2, 20")
    assert layer.customProperty("embeddedWidgets/0/id") == "superres_legend_note"


def test_the_interface_stays_awake_during_a_run(
    queue, run_list, scene, make_raster, project, tmp_path, record_property
):
    from qgis.core import QgsRasterLayer

    pixels = np.tile(scene_pixels(128, 128), (1, 2, 3))
    large = project.addMapLayer(QgsRasterLayer(make_raster(pixels, "large.tif"), "Large"))
    work_off(0.2)
    first = queue.add(parameters(scene, tmp_path, "warm_up.tif"))
    wait_until(lambda: first.ended)
    with ticking() as seen:
        run = queue.add(parameters(large, tmp_path, TILE_SIZE=64, MODEL="s2-rgbn-x2"))
        wait_until(lambda: run.ended)
    assert run.state.value == "done", run.cause
    record_property("largest_gap_run_seconds", round(max(seen.gaps), 3))
    assert_awake(seen)


def test_a_result_stays_out_of_a_project_it_was_not_made_for(queue, run_list, scene, project, tmp_path):
    source = scene.source()
    run = queue.add(parameters(scene, tmp_path))
    project.clear()
    wait_until(lambda: run.ended)
    assert run.state.value == "done" and os.path.exists(run.output)
    assert run.kept_out and project.mapLayers() == {}
    row = run_list.row_of(run)
    assert "another project is open" in run.status() and row.add_button.isVisibleTo(row)
    row.add_button.click()
    (layer,) = project.mapLayers().values()
    assert layer.id() == run.layer_id and layer.source() == run.output != source
    assert not run.kept_out and not row.add_button.isVisibleTo(row)


def test_a_project_that_is_read_again_is_the_same_one(queue, scene, project, tmp_path):
    assert project.write(str(tmp_path / "one.qgs"))
    run = queue.add(parameters(scene, tmp_path))
    project.clear()
    assert project.read(str(tmp_path / "one.qgs"))
    wait_until(lambda: run.ended)
    assert not run.kept_out and run.layer_id in project.mapLayers()


def test_a_kept_out_result_that_vanished_is_told(queue, scene, project, tmp_path):
    run = queue.add(parameters(scene, tmp_path))
    project.clear()
    wait_until(lambda: run.ended)
    os.remove(run.output)
    queue.bring_in(run)
    assert run.state.value == "failed" and "cannot be opened" in run.cause and not run.kept_out
