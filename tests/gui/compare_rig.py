"""What the tests of the comparison window share."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.conftest import write_raster
from tests.waiting import LONG

SIZE = 64
COARSE = (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0)


def pump(done=lambda: False, seconds=LONG):
    """Let Qt work until something is done; whether it was done in time."""
    from qgis.PyQt.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if done():
            return True
        time.sleep(0.005)
    return bool(done())


def shut_down(window):
    """End a window and delete what it leaves to be deleted."""
    from qgis.PyQt.QtCore import QEvent
    from qgis.PyQt.QtWidgets import QApplication

    window.shut_down()
    pump(seconds=0.05)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def is_drawn(window):
    """Whether all views in use show their final picture."""
    return all(not view.canvas.isDrawing() for view in window.stage.shown())


def wait_for_picture(window):
    """Let the views draw; QGIS draws a resized canvas only after half a second."""
    pump(seconds=0.7)
    assert pump(lambda: is_drawn(window))


def scale_of(canvas):
    """Centre and map units per pixel of a canvas."""
    return canvas.center().x(), canvas.center().y(), canvas.mapUnitsPerPixel()


def colour_at(window, column, row):
    """Red, green and blue of the stage at a share of its width and height."""
    picture = window.stage.grab().toImage()
    colour = picture.pixelColor(int(column * (picture.width() - 1)), int(row * (picture.height() - 1)))
    return colour.red(), colour.green(), colour.blue()


@pytest.fixture
def project(qgis_app):
    """An empty project, emptied again afterwards."""
    from qgis.core import QgsProject

    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()


@pytest.fixture
def settings(qgis_app):
    """Settings of the window, forgotten before and afterwards."""
    from qgis.core import QgsSettings

    QgsSettings().remove("superres/compare")
    yield QgsSettings()
    QgsSettings().remove("superres/compare")


@pytest.fixture
def add_layer(project, tmp_path):
    """Adds a raster from an array to the project."""
    from qgis.core import QgsRasterLayer

    def add(name, pixels, geotransform=COARSE, **facts):
        path = write_raster(tmp_path / f"{name}.tif", np.asarray(pixels), geotransform, **facts)
        layer = QgsRasterLayer(path, name)
        assert layer.isValid()
        project.addMapLayer(layer)
        return layer

    return add


@pytest.fixture
def plain(add_layer):
    """Adds a raster of one colour, drawn without any stretch."""
    from qgis.core import QgsMultiBandColorRenderer

    def add(name, colour):
        pixels = np.ones((3, SIZE, SIZE), np.uint8) * np.array(colour, np.uint8).reshape(3, 1, 1)
        layer = add_layer(name, pixels)
        layer.setRenderer(QgsMultiBandColorRenderer(layer.dataProvider(), 1, 2, 3))
        return layer

    return add


@pytest.fixture
def texture(add_layer):
    """Adds a raster with edges: random blocks of 8 x 8 pixels, each finer pixel the same in all of them."""

    def add(name, factor=1, seed=1, bands=3):
        rng = np.random.default_rng(seed)
        blocks = rng.integers(100, 3000, (bands, SIZE // 8, SIZE // 8)).astype(np.uint16)
        pixels = np.kron(blocks, np.ones((1, 8 * factor, 8 * factor), np.uint16))
        x, size, _, y, _, _ = COARSE
        return add_layer(name, pixels, (x, size / factor, 0.0, y, 0.0, -size / factor))

    return add


@pytest.fixture
def window(settings, project):
    """An open window."""
    from sr_plugin.gui.compare.compare_window import CompareWindow

    made = CompareWindow()
    made.resize(900, 600)
    made.show()
    yield made
    shut_down(made)
