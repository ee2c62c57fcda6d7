"""Edges in the comparison window: right, in the background, never stale."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from tests.gui.compare_rig import (  # noqa: F401 - fixtures
    COARSE,
    SIZE,
    add_layer,
    colour_at,
    project,
    pump,
    settings,
    shut_down,
    texture,
    wait_for_picture,
    window,
)
from tests.gui.ticks import assert_awake, ticking
from tests.waiting import LONG

pytestmark = [pytest.mark.qgis, pytest.mark.gui]

YELLOW = (255, 214, 0)


def at_rest(window):
    return not window.panel.busy.isVisible()


def find_edges(window):
    """Switch edges on and wait for them."""
    window.set_edges(True)
    assert window.panel.busy.isVisible()
    assert pump(lambda: at_rest(window))


def cells(window):
    """The table of figures as a dictionary: name to reference, result and, if there is one, truth."""
    rows = [line.split("\t") for line in window.panel.table.text().splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_a_raster_against_itself_keeps_all_edges(window, texture):
    layer = texture("one")
    window.show_layers([layer, layer])
    find_edges(window)
    table = cells(window)
    assert table["Kept"][1] == "100.0 %"
    assert table["New"][1] == table["Lost"][1] == "0.0 %"
    assert table["Density"][0] == table["Density"][1]
    assert float(table["Sharpness"][0]) > 0
    assert "new&nbsp;(not&nbsp;in&nbsp;the&nbsp;input):&nbsp;0&nbsp;px" in window.class_view.legend.text()


def test_edges_that_the_input_lacks_are_new(window, add_layer):
    flat = np.full((SIZE, SIZE), 1000, np.uint16)
    step = flat.copy()
    step[:, : SIZE // 2] = 500
    both = step.copy()
    both[: SIZE // 2] = 2500
    window.show_layers([add_layer("input", step), add_layer("result", both)])
    find_edges(window)
    table = cells(window)
    assert float(table["New"][1].split()[0]) > 20
    legend = window.class_view.legend.text()
    assert "new&nbsp;(not&nbsp;in&nbsp;the&nbsp;input):&nbsp;0&nbsp;px" not in legend
    assert "a generative model may invent them" in legend


def test_edges_lie_where_the_raster_changes(window, add_layer):
    pixels = np.full((SIZE, SIZE), 200, np.uint16)
    pixels[:, : SIZE // 2] = 100
    layer = add_layer("step", pixels)
    window.show_layers([layer, layer])
    window.panel.classes.setChecked(False)
    find_edges(window)
    wait_for_picture(window)
    canvas = window.views()[0].canvas
    picture = window.views()[0].grab().toImage()
    middle = layer.extent().center()
    place = canvas.getCoordinateTransform().transform(middle)
    row = int(place.y())
    yellow = [x for x in range(picture.width()) if picture.pixelColor(x, row).getRgb()[:3] == YELLOW]
    pixel = layer.rasterUnitsPerPixelX() / canvas.mapUnitsPerPixel()
    assert yellow
    assert all(abs(x - place.x()) <= 1.5 * pixel for x in yellow)
    window.panel.overlay.setChecked(False)
    picture = window.views()[0].grab().toImage()
    assert not [x for x in range(picture.width()) if picture.pixelColor(x, row).getRgb()[:3] == YELLOW]


def test_edges_stay_in_place_when_views_turn_or_change_their_crs(window, texture):
    from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject

    layer = texture("one")
    window.show_layers([layer, layer])
    find_edges(window)
    view = window.views()[0]
    view.canvas.setRotation(40)
    geographic = QgsCoordinateReferenceSystem("EPSG:4326")
    convert = QgsCoordinateTransform(layer.crs(), geographic, QgsProject.instance())
    for crs in (layer.crs(), geographic):
        window.link.set_crs(crs)
        extent = layer.extent() if crs == layer.crs() else convert.transformBoundingBox(layer.extent())
        window.link.fit(extent)
        image = view.overlay.image
        middle = view.overlay._placement().map(image.width() / 2, image.height() / 2)
        assert middle == pytest.approx((view.canvas.width() / 2, view.canvas.height() / 2), abs=3)


def test_rasters_without_crs_can_be_compared(window, add_layer):
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 3000, (SIZE, SIZE)).astype(np.uint16)
    layer = add_layer("nowhere", pixels, wkt="")
    window.show_layers([layer, layer])
    find_edges(window)
    assert cells(window)["Kept"][1] == "100.0 %"


def test_the_truth_gives_precision_and_recall(window, texture):
    coarse, fine = texture("coarse"), texture("fine", factor=2)
    window.show_layers([coarse, fine], truth=fine)
    find_edges(window)
    table = cells(window)
    assert table["Precision"][1] == table["Recall"][1] == table["F1"][1] == "100.0 %"
    assert table["Density"][2] == table["Density"][1]


def test_the_result_to_class_can_be_chosen(window, texture):
    first, other = texture("first"), texture("other", seed=5)
    window.show_layers([first, first, other])
    find_edges(window)
    assert cells(window)["New"][1] == "0.0 %"
    window.panel.result.setCurrentIndex(1)
    assert cells(window)["New"][1] != "0.0 %"
    assert window.class_view.caption.text() == "Edge classes of other"


def test_edges_follow_the_views(window, texture):
    layer = texture("one")
    window.show_layers([layer, texture("two", factor=2)])
    find_edges(window)
    before = window.panel.state.text()
    window.views()[1].canvas.zoomByFactor(0.3)
    assert window.panel.busy.isVisible()
    assert pump(lambda: at_rest(window))
    assert window.panel.state.text() != before
    assert window.panel.table.rowCount() > 0


def test_edges_follow_a_change_of_mode(window, texture):
    window.show_layers([texture("one"), texture("two", factor=2)])
    window.views()[0].canvas.zoomByFactor(0.3)
    find_edges(window)
    before = window.panel.state.text()
    window.set_mode("swipe")
    assert pump(lambda: at_rest(window) and window.panel.state.text() != before)


@pytest.mark.parametrize("method", ["canny", "sobel"])
def test_settings_are_remembered(window, texture, settings, method):
    from sr_plugin.core.edges import EdgeSettings
    from sr_plugin.gui.compare.compare_window import CompareWindow

    panel = window.panel
    panel.method.setCurrentIndex(panel.method.findData(method))
    panel.sigma.slider.setValue(23)
    panel.low.spin.setValue(95.0)
    panel.tolerance.setValue(4)
    # Low thresholds push high ones.
    assert panel.edge_settings() == EdgeSettings(method, pytest.approx(2.3), 0.95, 0.95, True, 4)
    again = CompareWindow()
    assert again.panel.edge_settings() == panel.edge_settings()
    shut_down(again)


def test_nothing_in_view_is_told(window, texture):
    from qgis.core import QgsPointXY

    window.show_layers([texture("one"), texture("two")])
    find_edges(window)
    window.views()[0].canvas.setCenter(QgsPointXY(600000, 4200000))
    assert pump(lambda: at_rest(window))
    assert "do not overlap" in window.panel.state.text()
    assert window.panel.table.rowCount() == 0


def test_layers_without_files_are_told(window, texture, project):
    from qgis.core import QgsRasterLayer

    tiles = QgsRasterLayer("type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png&zmin=0&zmax=3", "tiles", "wms")
    assert tiles.isValid()
    project.addMapLayer(tiles)
    window.show_layers([texture("one"), tiles])
    find_edges(window)
    assert "'tiles'" in window.panel.state.text()
    assert "raster file" in window.panel.state.text()


def test_a_missing_environment_is_told_with_a_hint(window, texture, monkeypatch):
    from sr_plugin.core.errors import RuntimeMissing

    def refuse():
        raise RuntimeMissing("No Python was found.", "Create one.")

    monkeypatch.setattr(window.edges.runner, "_open_session", refuse)
    window.show_layers([texture("one"), texture("two")])
    find_edges(window)
    assert window.panel.state.text() == "No Python was found. Create one."
    assert not window.panel.environment_button.isVisible()
    asked = []
    window.environment_requested.connect(lambda: asked.append(1))
    window.forget_worker()
    assert pump(lambda: at_rest(window))
    assert window.panel.state.text() == "No Python environment was found that can find edges."
    assert window.panel.environment_button.isVisible()
    window.panel.environment_button.click()
    assert asked == [1]


def test_a_new_environment_is_tried_at_once(window, texture, tmp_path):
    from sr_plugin.processing.settings import WORKER_PYTHON

    layer = texture("one")
    window.show_layers([layer, layer])
    WORKER_PYTHON.set(str(tmp_path / "no_such_python"))
    try:
        find_edges(window)
        assert "no_such_python" in window.panel.state.text()
    finally:
        WORKER_PYTHON.set("")
    window.forget_worker()
    assert pump(lambda: at_rest(window))
    assert cells(window)["Kept"][1] == "100.0 %"


def test_a_dead_worker_is_replaced(window, texture):
    layer = texture("one")
    window.show_layers([layer, layer])
    find_edges(window)
    os.kill(window.edges.runner._session.pid, signal.SIGKILL)
    window.panel.sigma.set_value(2.0)
    assert pump(lambda: at_rest(window))
    assert "signal 9" in window.panel.state.text()
    window.panel.sigma.set_value(2.5)
    assert pump(lambda: at_rest(window))
    assert cells(window)["Kept"][1] == "100.0 %"


class SlowViewer:
    """Stands in for the viewer: waits for a sign, then answers with the request."""

    made = None

    def __init__(self, _session):
        SlowViewer.made = self
        self.started, self.go = threading.Event(), threading.Event()
        self.requests = []

    def view(self, request, cancelled):
        from sr_plugin.core.edges import EdgeSettings
        from sr_plugin.core.grid import Grid
        from sr_plugin.pipeline.edge_view import EdgeView, LayerEdges

        self.requests.append(request)
        self.started.set()
        self.go.wait(LONG)
        layer = LayerEdges("a", np.zeros((2, 2), bool), np.zeros((2, 2), np.float32))
        return EdgeView(Grid(2, 2), EdgeSettings(), layer, ())


class NoSession:
    """Stands in for a worker."""

    killed = False

    def kill(self):
        NoSession.killed = True


@pytest.fixture
def runner(qgis_app, monkeypatch):
    from sr_plugin.gui.compare import edge_runner

    monkeypatch.setattr(SlowViewer, "made", None)
    monkeypatch.setattr(edge_runner, "EdgeViewer", SlowViewer)
    made = edge_runner.EdgeRunner(None, NoSession)
    yield made
    SlowViewer.made.go.set()
    made.shut_down()


def test_stale_views_are_dropped(runner):
    done = []
    runner.done.connect(lambda number, _pictures: done.append(number))
    runner.submit("first", 1.0)
    assert pump(lambda: SlowViewer.made and SlowViewer.made.started.is_set())
    viewer = SlowViewer.made
    runner.submit("second", 1.0)
    newest = runner.submit("third", 1.0)
    viewer.go.set()
    assert pump(lambda: len(viewer.requests) == 2 and done)
    pump(seconds=0.2)
    assert viewer.requests == ["first", "third"]
    assert done == [newest]


def test_shutting_down_ends_the_thread_and_the_session(runner):
    NoSession.killed = False
    runner.submit("first", 1.0)
    assert pump(lambda: SlowViewer.made and SlowViewer.made.started.is_set())
    SlowViewer.made.go.set()
    runner.shut_down()
    assert NoSession.killed
    assert not [thread for thread in threading.enumerate() if thread.name == "sr-compare-edges"]


def test_unloading_leaves_neither_threads_nor_processes(settings, texture):
    from sr_plugin.gui.compare.compare_window import CompareWindow

    before = set(threading.enumerate())
    window = CompareWindow()
    window.resize(900, 600)
    window.show_layers([texture("one"), texture("two")])
    find_edges(window)
    worker = window.edges.runner._session.pid
    assert os.path.isdir(f"/proc/{worker}")
    shut_down(window)
    assert not os.path.isdir(f"/proc/{worker}")
    assert pump(lambda: not {t for t in threading.enumerate() if t.name.startswith("sr-")} - before)


def test_closing_ends_the_worker_and_it_comes_back(window, texture):
    layer = texture("one")
    window.show_layers([layer, layer])
    find_edges(window)
    worker = window.edges.runner._session.pid
    window.close()
    assert pump(lambda: not os.path.isdir(f"/proc/{worker}"))
    window.show_layers([layer, layer])
    find_edges(window)
    assert cells(window)["Kept"][1] == "100.0 %"


def test_the_interface_stays_awake_while_edges_are_computed(window, add_layer):
    rng = np.random.default_rng(2)
    side = 256
    coarse = rng.integers(100, 3000, (4, side, side)).astype(np.uint16)
    fine = np.kron(coarse, np.ones((1, 4, 4), np.uint16))
    x, size, _, y, _, _ = COARSE
    first = add_layer("input", coarse)
    results = [add_layer(f"result {n}", fine, (x, size / 4, 0, y, 0, -size / 4)) for n in range(2)]
    window.show_layers([first, *results])
    # Starting the worker and opening the layers is done once, not with each view.
    find_edges(window)
    wait_for_picture(window)
    views = 0
    with ticking() as seen:
        for sigma in (1.0, 2.0):
            window.panel.sigma.set_value(sigma)
            assert pump(lambda: at_rest(window))
            views += window.panel.table.rowCount() > 0
    assert views == 2
    assert len(seen.gaps) > 20
    assert_awake(seen)
