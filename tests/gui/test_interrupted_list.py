"""Interrupted runs in the dock: seen, continued, discarded, cleared away."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.gui.desktop_fixtures import project, scene, stand_in  # noqa: F401 - fixtures
from tests.gui.desktop_tools import scene_pixels, wait_until, work_off

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory, monkeypatch):
    """An index of this test's own."""
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def desktop(stand_in):
    from qgis.core import QgsSettings

    from sr_plugin.gui.desktop import Desktop

    QgsSettings().remove("superres/dock_open")
    desktop = Desktop(stand_in)
    desktop.set_up()
    yield desktop
    desktop.tear_down()
    work_off()


def interrupt(source, output, after=3, **options):
    """Leave a run behind as a kill does."""
    from sr_plugin.core.errors import Cancelled
    from sr_plugin.pipeline.request import SuperResolveRequest
    from sr_plugin.pipeline.superresolve import superresolve
    from tests.pipeline.conftest import Recorder, local

    request = SuperResolveRequest(
        source, str(output), options.pop("model", "bicubic:2"), tile=16, keep_partial=True, **options
    )
    with pytest.raises(Cancelled):
        superresolve(request, Recorder(cancel_after=after), local)
    return request


def open_dock(desktop):
    """Show the dock, anew where it was shown before, and wait until the list is up to date."""
    if desktop.dock is not None:
        desktop.dock.setUserVisible(False)
    desktop.show_dock()
    settle(desktop)
    return desktop.interrupted


def settle(desktop):
    wait_until(lambda: not desktop.interrupted._background.is_busy())
    work_off()


@pytest.fixture
def in_this_process(monkeypatch):
    """Starting workers would take most of the time."""
    from tests.pipeline.conftest import local

    monkeypatch.setattr("sr_plugin.pipeline.superresolve.worker_factory", lambda _python="": local)
    monkeypatch.setattr("sr_plugin.pipeline.series.series_worker_factory", lambda _python="": local)


def interrupt_algorithm(name, **parameters):
    """Leave a run of another algorithm behind."""
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    class Cancels(QgsProcessingFeedback):
        def setProgress(self, progress):
            if progress >= 30:
                self.cancel()

    values = {"TILE_SIZE": 16, "KEEP_PARTIAL": True, **parameters}
    with pytest.raises(QgsProcessingException, match="cancelled"):
        processing.run(f"superres:{name}", values, feedback=Cancels(False))


def run_of_first_row(desktop, seconds=60):
    """Continue what is listed first, and wait until it is done."""
    desktop.interrupted.rows[0].continue_button.click()
    run = desktop.queue.runs[-1]
    wait_until(lambda: run.ended, seconds)
    settle(desktop)
    assert run.state.value == "done", run.log
    assert "Going on with an interrupted run" in run.log
    return run


def test_a_product_goes_on_and_is_loaded_as_by_its_algorithm(desktop, in_this_process, project, tmp_path):
    from sr_plugin.pipeline.interrupted import interrupted_jobs
    from tests.sentinel2_products import make_safe

    root, _ = make_safe(tmp_path, "2A", "05.00", -1000, ("B04", "B03", "B02", "B08"))
    parameters = {"INPUT": str(root), "MODEL": "nearest:2", "ONE_FILE_PER_BAND": True}
    interrupt_algorithm("superresolvesentinel2", OUTPUT=str(tmp_path / "fine.tif"), **parameters)
    (row,) = open_dock(desktop).rows
    assert row.status.startswith("Sentinel-2, ") and "%\u00a0done" in row.status
    run = run_of_first_row(desktop)
    assert run.title == f"{root.name}, nearest:2"
    layer = project.mapLayer(run.layer_id)
    assert layer.source() == str(tmp_path / "fine.vrt") and layer.name() == f"{root.name} x2"
    assert len(project.mapLayers()) == 1 and interrupted_jobs() == [] and not (tmp_path / "fine.tif").exists()


def test_a_product_given_as_a_file_that_is_a_layer_goes_on_above_it(desktop, in_this_process, project, tmp_path):
    from qgis.core import QgsRasterLayer

    from tests.sentinel2_products import make_safe

    root, _ = make_safe(tmp_path / "product", "2A", "05.00", -1000, ("B04",))
    inside = next(root.rglob("*_B04_10m.*"))
    (tmp_path / "bands").mkdir()
    band = str(inside.rename(tmp_path / "bands" / inside.name))
    layer = project.addMapLayer(QgsRasterLayer(band, "Red"))
    output = str(tmp_path / "fine.tif")
    interrupt_algorithm("superresolvesentinel2", INPUT=band, BANDS=["B04"], MODEL="nearest:2", OUTPUT=output)
    open_dock(desktop)
    run = run_of_first_row(desktop)
    assert run.parameters["INPUT"] == band and run.source_id == layer.id()
    assert [found.source() for found in project.layerTreeRoot().layerOrder()] == [output, band]


def test_a_series_goes_on_above_its_reference_with_both_results(desktop, in_this_process, make_raster, project):
    pytest.importorskip("skimage")
    from qgis.core import QgsRasterLayer

    rng, names = np.random.default_rng(3), []
    for number in range(2):
        pixels = scene_pixels(bands=1) + rng.integers(0, 5, (1, 60, 80)).astype(np.uint16)
        names.append(make_raster(pixels, f"view{number}.tif"))
    folder = os.path.dirname(names[0])
    reference = project.addMapLayer(QgsRasterLayer(names[0], "Reference"))
    outputs = {"OUTPUT": os.path.join(folder, "fused.tif"), "CHANGES": os.path.join(folder, "changes.tif")}
    interrupt_algorithm("superresolvetimeseries", INPUTS=names, MODEL="shift-and-add:2", REGISTER=False, **outputs)
    (row,) = open_dock(desktop).rows
    assert row.status.startswith("Series of 2, ")
    run = run_of_first_row(desktop)
    assert run.source_id == reference.id()
    layers = project.layerTreeRoot().layerOrder()
    assert {layer.source() for layer in layers[:2]} == set(outputs.values()) and layers[2] == reference
    assert project.mapLayer(run.layer_id).source() == outputs["OUTPUT"]
    assert project.mapLayer(run.layer_id).name() == "Reference x2"


def test_what_only_a_command_makes_is_told_and_can_be_discarded(desktop, scene, tmp_path):
    interrupt(scene.source(), tmp_path / "result.tif", gaps_as_mask=True)
    listed = open_dock(desktop)
    (row,) = listed.rows
    assert not row.continue_button.isVisibleTo(listed) and row.discard_button.text() == "Discard…"
    assert "it goes on by the command that started it" in row.status


def test_nothing_is_shown_where_nothing_was_interrupted(desktop):
    assert not open_dock(desktop).isVisibleTo(desktop.dock)


def test_a_continued_run_goes_on_and_leaves_the_list(desktop, scene, project, tmp_path):
    from sr_plugin.pipeline.interrupted import interrupted_jobs

    interrupt(scene.source(), tmp_path / "result.tif")
    listed = open_dock(desktop)
    (row,) = listed.rows
    assert listed.isVisibleTo(desktop.dock) and row.continue_button.isVisibleTo(listed)
    assert "%\u00a0done" in row.status and row.discard_button.text() == "Discard…"
    row.continue_button.click()
    run = desktop.queue.runs[-1]
    settle(desktop)
    assert not listed.rows
    wait_until(lambda: run.ended)
    settle(desktop)
    assert run.state.value == "done", run.cause
    assert "Going on with an interrupted run" in run.log
    assert not listed.rows and not listed.isVisibleTo(desktop.dock) and interrupted_jobs() == []
    assert project.mapLayer(run.layer_id).source() == str(tmp_path / "result.tif")
    # Above the layer that shows its input.
    assert run.source_id == scene.id()


def test_extent_mask_and_numbers_survive_the_way_through_processing(desktop, scene, tmp_path):
    from dataclasses import replace

    from qgis.core import QgsGeometry, QgsRectangle

    from sr_plugin.pipeline.superresolve import superresolve
    from tests.conftest import read_raster
    from tests.pipeline.conftest import local

    box = scene.extent()
    extent = (box.xMinimum() + 12.3, box.yMinimum() + 45.6, box.xMaximum() - 7.8, box.yMaximum() - 9.1)
    hole = QgsGeometry.fromRect(QgsRectangle(*extent).buffered(-100))
    parts = QgsGeometry.fromWkt("MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)))")
    options = dict(
        bands=(3, 1), extent=extent, nodata=7.0, output_type="float32", margin=5, consistency=True,
        normalisation="divide:3000", create_options=("COMPRESS=DEFLATE", "ZLEVEL=3"),
    )  # fmt: skip
    for masks in ((bytes(hole.asWkb()),), (bytes(parts.asWkb()), bytes(hole.convertToMultiType() and hole.asWkb()))):
        request = interrupt(scene.source(), tmp_path / "result.tif", mask=masks, **options)
        (row,) = open_dock(desktop).rows
        row.continue_button.click()
        run = desktop.queue.runs[-1]
        wait_until(lambda run=run: run.ended)
        assert run.state.value == "done", run.log
        assert "Going on with an interrupted run" in run.log
        whole = replace(request, output=str(tmp_path / "whole.tif"))
        expected = read_raster(superresolve(whole, None, local).output)
        np.testing.assert_array_equal(read_raster(run.output), expected)


def test_a_continued_run_has_its_uncertainty_too(desktop, scene, project, tmp_path):
    from dataclasses import replace

    from sr_plugin.pipeline.interrupted import interrupted_jobs
    from sr_plugin.pipeline.superresolve import superresolve
    from tests.conftest import read_raster
    from tests.pipeline.conftest import local

    pytest.importorskip("onnxruntime")
    beside = dict(uncertainty=str(tmp_path / "u.tif"), uncertainty_mask=str(tmp_path / "m.tif"))
    options = dict(uncertainty_limit=40.25, extent=_corner(scene, 32), **beside)
    request = interrupt(scene.source(), tmp_path / "result.tif", 2, model="s2-rgbn-x2", **options)
    (row,) = open_dock(desktop).rows
    row.continue_button.click()
    run = desktop.queue.runs[-1]
    wait_until(lambda: run.ended)
    settle(desktop)
    assert run.state.value == "done", run.log
    assert "Going on with an interrupted run" in run.log and interrupted_jobs() == []
    sources = [node.layer().source() for node in project.layerTreeRoot().findLayers()]
    assert sources[:3] == [beside["uncertainty_mask"], beside["uncertainty"], request.output]
    fresh = dict(output="o.tif", uncertainty="ou.tif", uncertainty_mask="om.tif")
    whole = replace(request, **{name: str(tmp_path / file) for name, file in fresh.items()})
    superresolve(whole, None, local)
    for name in fresh:
        np.testing.assert_array_equal(read_raster(getattr(request, name)), read_raster(getattr(whole, name)))


def test_further_models_are_asked_for_again(desktop, scene, tmp_path):
    from dataclasses import replace

    from sr_plugin.processing.continued_run import continued_run

    interrupt(scene.source(), tmp_path / "result.tif")
    job = open_dock(desktop).rows[0].job
    assert not any("UNCERTAINTY" in name for name in continued_run(job)[1])
    models = ("any-x2", str(tmp_path / "mine.onnx"))
    request = replace(job.request, uncertainty="u.tif", uncertainty_limit=0.25, uncertainty_models=models)
    algorithm, asked = continued_run(replace(job, request=request))
    assert algorithm == "superres:superresolve"
    given = {name: value for name, value in asked.items() if "UNCERTAINTY" in name}
    models_text = f"any-x2; {tmp_path / 'mine.onnx'}"
    assert given == {"UNCERTAINTY": "u.tif", "UNCERTAINTY_LIMIT": 0.25, "UNCERTAINTY_MODELS": models_text}


def _corner(layer, pixels):
    """Extent of a square in the upper-left corner of a layer, in its own coordinates."""
    box, size = layer.extent(), layer.rasterUnitsPerPixelX()
    return box.xMinimum(), box.yMaximum() - pixels * size, box.xMinimum() + pixels * size, box.yMaximum()


def test_the_extent_of_a_raster_without_place(desktop, make_raster, tmp_path):
    path = make_raster(scene_pixels(), "bare.tif", geotransform=(), wkt="")
    interrupt(path, tmp_path / "result.tif", extent=(10.0, 5.0, 70.0, 55.0))
    (row,) = open_dock(desktop).rows
    row.continue_button.click()
    run = desktop.queue.runs[-1]
    wait_until(lambda: run.ended)
    assert run.state.value == "done" and "Going on with an interrupted run" in run.log, run.log


def test_discard_asks_first(desktop, scene, tmp_path):
    from qgis.PyQt.QtWidgets import QMessageBox

    interrupt(scene.source(), tmp_path / "result.tif")
    kept = sorted(os.listdir(tmp_path))
    listed = open_dock(desktop)
    listed.rows[0].discard_button.click()
    work_off()
    assert "result.tif" in listed.question.text() and "of 20 tiles" in listed.question.informativeText()
    listed.question.button(QMessageBox.StandardButton.Cancel).click()
    settle(desktop)
    assert sorted(os.listdir(tmp_path)) == kept and len(listed.rows) == 1 and listed.question is None
    listed.rows[0].discard_button.click()
    delete = next(b for b in listed.question.buttons() if b.text() == "Delete")
    delete.click()
    settle(desktop)
    settle(desktop)
    assert os.listdir(tmp_path) == ["input.tif"] and not listed.rows


def test_the_question_names_what_is_whole_and_stays(desktop, scene, tmp_path):
    from dataclasses import replace

    interrupt(scene.source(), tmp_path / "result.tif")
    listed = open_dock(desktop)
    listed.ask_to_discard(replace(listed.rows[0].job, whole=(str(tmp_path / "image.tif"),)))
    assert listed.question.informativeText().endswith("The input is not touched. 'image.tif' is whole and stays.")


def test_what_cannot_go_on_can_only_be_cleaned_up(desktop, scene, tmp_path):
    interrupt(scene.source(), tmp_path / "result.tif")
    os.utime(scene.source(), (1, 1))
    listed = open_dock(desktop)
    (row,) = listed.rows
    assert not row.continue_button.isVisibleTo(listed) and row.discard_button.text() == "Clean up…"
    assert "the input has changed, so it cannot go on" in row.status


def test_a_discard_that_fails_is_told(desktop, scene, stand_in, tmp_path):
    from sr_plugin.core.output_lock import OutputLock

    interrupt(scene.source(), tmp_path / "result.tif")
    listed = open_dock(desktop)
    told = []
    listed.failed.connect(told.append)
    with OutputLock(str(tmp_path / "result.tif")):
        listed.rows[0].discard_button.click()
        next(b for b in listed.question.buttons() if b.text() == "Delete").click()
        wait_until(lambda: told)
    assert "Another run is writing" in told[0]


def test_a_run_that_is_killed_under_way_is_listed_when_the_dock_comes_back(desktop, scene, tmp_path):
    open_dock(desktop)
    interrupt(scene.source(), tmp_path / "late.tif")
    desktop.dock.setUserVisible(False)
    desktop.dock.setUserVisible(True)
    wait_until(lambda: desktop.interrupted.rows)
    assert desktop.interrupted.rows[0].job.run.output == str(tmp_path / "late.tif")
