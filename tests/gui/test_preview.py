"""The preview over the map: right place and look, follows, dropped when stale, fast when warm, gone when told."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys

import numpy as np
import pytest

from tests.gui.desktop_fixtures import project, scene, stand_in  # noqa: F401 - fixtures
from tests.gui.desktop_tools import scene_pixels, wait_until, work_off
from tests.gui.ticks import assert_awake, ticking
from tests.waiting import LONG

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.fixture
def preview(stand_in):
    from sr_plugin.gui.preview.preview import Preview

    preview = Preview(stand_in.mapCanvas())
    preview.texts = []
    preview.state_changed.connect(lambda text, busy: preview.texts.append((text, busy)))
    yield preview
    preview.shut_down()
    preview.deleteLater()
    work_off()


def parameters(layer, **more):
    return {"INPUT": layer.id(), "MODEL": "nearest:2", **more}


def finish(preview):
    """Wait until the preview is on the map, rendered for what the map shows."""
    wait_until(lambda: not preview.busy)
    wait_until(lambda: preview.overlay is None or preview.overlay._job is None)


def shot(stand_in):
    """The canvas as ``(h, w, 3)``."""
    from qgis.PyQt.QtGui import QImage

    work_off(0.1)
    image = stand_in.mapCanvas().grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = image.constBits().asstring(image.sizeInBytes())
    rows = np.frombuffer(data, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3)


def settle(stand_in):
    """Wait for the map itself."""
    canvas = stand_in.mapCanvas()
    canvas.refresh()
    work_off(0.1)
    wait_until(lambda: not canvas.isDrawing())


def difference_inside(stand_in, before, after, margin=8):
    """Largest difference within the part of the canvas that the layer covers, its outline left out."""
    canvas = stand_in.mapCanvas()
    changed = np.abs(before.astype(int) - after.astype(int)).max(axis=2)
    height, width = changed.shape
    assert (height, width) == (canvas.height(), canvas.width())
    return changed[margin : height - margin, margin : width - margin]


def test_it_lies_exactly_over_its_source_and_looks_like_it(preview, scene, stand_in):
    """Nearest neighbour gives the same picture as its source, so wherever the map differs, place or look is wrong."""
    canvas = stand_in.mapCanvas()
    canvas.zoomByFactor(0.3)
    settle(stand_in)
    before = shot(stand_in)
    preview.show(parameters(scene))
    finish(preview)
    assert preview.overlay.image is not None
    changed = difference_inside(stand_in, before, shot(stand_in), 12)
    assert np.percentile(changed, 99) <= 2
    assert before.std() > 10


@pytest.mark.parametrize("crs, rotation", [("EPSG:3857", 0.0), ("EPSG:4326", 0.0), ("EPSG:32618", 30.0)])
def test_it_lies_right_in_another_crs_and_on_a_turned_map(preview, scene, stand_in, crs, rotation):
    from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject

    canvas = stand_in.mapCanvas()
    target = QgsCoordinateReferenceSystem(crs)
    to_map = QgsCoordinateTransform(scene.crs(), target, QgsProject.instance())
    canvas.setDestinationCrs(target)
    canvas.setExtent(to_map.transformBoundingBox(scene.extent()))
    canvas.setRotation(rotation)
    canvas.zoomByFactor(0.3)
    settle(stand_in)
    before = shot(stand_in)
    preview.show(parameters(scene))
    finish(preview)
    changed = difference_inside(stand_in, before, shot(stand_in), 12)
    # Reprojection picks pixels anew at half the pixel size, so borders of pixels may move by a fraction.
    assert np.mean(changed > 40) < 0.12
    moved = np.abs(np.roll(before, 12, axis=1).astype(int) - before.astype(int)).max(axis=2)
    assert np.mean(moved > 40) > 0.2, "the scene is too plain to tell"


def test_while_the_map_moves_the_picture_stays_at_its_place(preview, scene, stand_in):
    preview.show(parameters(scene))
    finish(preview)
    canvas, overlay = stand_in.mapCanvas(), preview.overlay
    assert overlay._placement().isIdentity()
    moved = canvas.extent()
    moved.setXMinimum(moved.xMinimum() + 100)
    moved.setXMaximum(moved.xMaximum() + 100)
    canvas.setExtent(moved)
    place = overlay._placement()
    assert place.dx() == pytest.approx(-100 / canvas.mapUnitsPerPixel(), abs=0.01)
    assert (place.m11(), place.m22(), place.dy()) == pytest.approx((1, 1, 0), abs=1e-6)
    wait_until(lambda: overlay._job is None and overlay._placement().isIdentity())


def test_it_is_no_layer_of_the_project(preview, scene, stand_in, project):
    preview.show(parameters(scene))
    finish(preview)
    assert list(project.mapLayers()) == [scene.id()]
    assert len(project.layerTreeRoot().findLayers()) == 1
    assert preview.texts[-1][0].startswith("Preview of 80 x 60 pixels")


def test_what_is_bounded_is_told(preview, stand_in, make_raster, project):
    from qgis.core import QgsRasterLayer, QgsSettings

    QgsSettings().remove("superres/preview_bound")
    large = project.addMapLayer(QgsRasterLayer(make_raster(scene_pixels(700, 900), "large.tif"), "Large"))
    stand_in.setActiveLayer(large)
    stand_in.zoomToActiveLayer()
    preview.show(parameters(large))
    finish(preview)
    assert preview._shown.bounded and (preview._shown.width, preview._shown.height) == (256, 256)
    assert "Zoom in" in preview.texts[-1][0]
    middle = large.extent().center()
    assert preview._shown.extent.center().distance(middle) < 20


def test_nothing_of_the_layer_in_sight(preview, scene, stand_in):
    from qgis.core import QgsRectangle

    told = []
    preview.failed.connect(told.append)
    stand_in.mapCanvas().setExtent(QgsRectangle(0, 0, 1000, 1000))
    preview.show(parameters(scene))
    assert told == ["The map shows nothing of the layer 'Scene'. Zoom to the layer."]
    assert not preview.busy and preview.overlay is None


def test_a_failure_is_told_and_the_next_preview_works(preview, scene):
    told = []
    preview.failed.connect(told.append)
    preview.show(parameters(scene, MODEL="no-such-model"))
    finish(preview)
    assert len(told) == 1 and told[0].startswith("There is no model 'no-such-model'.")
    preview.show(parameters(scene))
    finish(preview)
    assert preview.overlay is not None and len(told) == 1


def test_only_the_newest_preview_is_shown(preview, scene, stand_in):
    arrived = []
    original = preview._arrived
    preview._arrived = lambda run, result: (arrived.append(run._parameters["MODEL"]), original(run, result))
    for model in ("bicubic:2", "bicubic:3", "nearest:4"):
        preview.show(parameters(scene, MODEL=model))
    finish(preview)
    work_off(0.5)
    assert arrived == ["nearest:4"]
    assert preview._layer.width() == scene.width() * 4


def test_a_stale_preview_keeps_the_worker(preview, scene, stand_in):
    preview.show(parameters(scene))
    finish(preview)
    pid = preview._sessions.worker.pid
    for _ in range(3):
        preview.show(parameters(scene))
        work_off(0.03)
    finish(preview)
    assert preview._sessions.worker.pid == pid


def test_it_follows_the_map_only_when_asked_to(preview, scene, stand_in):
    canvas = stand_in.mapCanvas()
    canvas.zoomByFactor(0.3)
    preview.show(parameters(scene))
    finish(preview)
    first = preview._shown.extent
    corner = scene.extent()
    there = type(corner)(corner.xMinimum(), corner.yMinimum(), corner.xMinimum() + 200, corner.yMinimum() + 150)
    canvas.setExtent(there)
    work_off(0.8)
    assert preview._shown.extent == first and not preview.busy
    preview.set_follow(True)
    wait_until(lambda: not preview.busy and preview._shown.extent != first)
    assert preview._shown.extent.intersects(there)
    second = preview._shown.extent
    canvas.zoomByFactor(0.3)
    work_off(0.8)
    assert preview._shown.extent == second, "what is there already need not be computed again"


@pytest.mark.parametrize("how", ["clear", "escape", "layer removed", "project cleared"])
def test_it_is_cleared(preview, scene, stand_in, project, how):
    from qgis.PyQt.QtCore import Qt
    from qgis.PyQt.QtTest import QTest

    canvas = stand_in.mapCanvas()
    items = len(canvas.scene().items())
    preview.show(parameters(scene))
    finish(preview)
    assert len(canvas.scene().items()) == items + 1
    if how == "clear":
        preview.clear()
    elif how == "escape":
        QTest.keyClick(canvas, Qt.Key.Key_Escape)
    elif how == "layer removed":
        project.removeMapLayer(scene.id())
    else:
        project.clear()
    work_off()
    assert preview.overlay is None and not preview.busy
    assert len(canvas.scene().items()) == items
    assert preview.texts[-1] == ("", False)


def test_a_preview_on_its_way_is_dropped_with_its_layer(preview, scene, project):
    preview.show(parameters(scene))
    project.removeMapLayer(scene.id())
    work_off(1.5)
    assert preview.overlay is None and not preview.busy


def test_shutting_down_leaves_no_worker_and_no_file(preview, scene):
    preview.show(parameters(scene))
    finish(preview)
    session, folder = preview._sessions.worker, preview._folder
    assert session.alive and os.listdir(folder)
    preview.shut_down()
    assert not session.alive and not os.path.exists(folder)


def test_a_layer_that_is_no_file_is_previewed_too(preview, scene, stand_in, project, tmp_path):
    from qgis.core import QgsRasterLayer
    from qgis.PyQt.QtCore import QUrl

    source = QUrl.toPercentEncoding(scene.source()).data().decode()
    place = "crs=EPSG:32618&extent=500000,4099400,500800,4100000&width=80&height=60"
    uri = f"?{place}&formula=%22S%401%22&S:uri={source}&S:provider=gdal"
    virtual = QgsRasterLayer(uri, "Virtual", "virtualraster")
    if not virtual.isValid():
        pytest.skip("this QGIS has no virtual rasters of this form")
    project.addMapLayer(virtual)
    preview.show(parameters(virtual))
    finish(preview)
    assert preview.overlay is not None, preview.texts


def test_a_worker_that_died_between_two_previews_is_replaced(preview, scene):
    preview.show(parameters(scene))
    finish(preview)
    first = preview._sessions.worker.pid
    os.kill(first, signal.SIGKILL)
    preview.show(parameters(scene))
    finish(preview)
    assert preview._sessions.worker.pid != first
    assert preview.texts[-1][0].startswith("Preview of")


_DENSE = """
import os, sys
sys.path[:0] = [{project!r}]
from tests.qgis_session import start_plugin
plugin = start_plugin()
from qgis.core import QgsProject, QgsRasterLayer
from sr_plugin.gui.preview.preview import Preview
from tests.gui.desktop_tools import wait_until, work_off
from tests.gui.stand_in import StandIn
iface = StandIn()
layer = QgsProject.instance().addMapLayer(QgsRasterLayer({raster!r}, "Scene"))
iface.setActiveLayer(layer)
iface.zoomToActiveLayer()
work_off(0.2)
preview = Preview(iface.mapCanvas())
preview.show({{"INPUT": layer.id(), "MODEL": "nearest:2"}})
wait_until(lambda: not preview.busy and preview.overlay and preview.overlay.image is not None)
image, canvas = preview.overlay.image, iface.mapCanvas()
size = canvas.mapSettings().outputSize()
print("ANSWER", image.width(), image.height(), size.width(), size.height(), canvas.devicePixelRatioF(),
      preview.overlay._placement().isIdentity())
preview.shut_down()
"""


def test_on_a_dense_screen_every_device_pixel_is_rendered(qgis_app, project_dir, make_raster):
    script = _DENSE.format(project=str(project_dir), raster=make_raster(scene_pixels()))
    environment = {**os.environ, "QT_SCALE_FACTOR": "2"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LONG, env=environment)
    line = next((line for line in done.stdout.splitlines() if line.startswith("ANSWER")), None)
    assert line is not None, done.stderr
    width, height, canvas_width, canvas_height, ratio, identity = line.split()[1:]
    assert float(ratio) == 2.0 and identity == "True"
    assert (int(width), int(height)) == (2 * int(canvas_width), 2 * int(canvas_height))


@pytest.mark.slow
def test_a_warm_preview_of_256_pixels_answers_sooner_than_a_cold_one(preview, stand_in, project, record_property):
    """Click to picture, with the shipped x2 model; within a second on two cores that do nothing else."""
    from qgis.core import QgsRasterLayer, QgsSettings

    from sr_plugin.gui.sample_check import sample_path

    QgsSettings().remove("superres/preview_bound")
    sample = project.addMapLayer(QgsRasterLayer(sample_path(), "Sample"))
    stand_in.setActiveLayer(sample)
    stand_in.zoomToActiveLayer()
    preview.show(parameters(sample, MODEL="s2-rgbn-x2"))
    finish(preview)
    cold, seconds = preview.seconds, []
    with ticking() as seen:
        for _ in range(5):
            preview.show(parameters(sample, MODEL="s2-rgbn-x2"))
            finish(preview)
            seconds.append(preview.seconds)
    assert (preview._shown.width, preview._shown.height) == (256, 256)
    record_property("warm_preview_seconds", round(statistics.median(seconds), 3))
    record_property("largest_gap_preview_seconds", round(max(seen.gaps), 3))
    print(
        f"cold preview: {cold:.2f} s, warm: {statistics.median(seconds):.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f}), load {os.getloadavg()[0]:.1f}"
    )
    assert_awake(seen)
    assert min(seconds) < cold / 3
