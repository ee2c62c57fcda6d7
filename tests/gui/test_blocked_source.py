"""A source on a network drive that is gone: the interface stays awake and a cancel works."""

from __future__ import annotations

import os
import time

import pytest

from tests.conftest import write_raster
from tests.gui.desktop_fixtures import project  # noqa: F401 - a fixture
from tests.gui.desktop_tools import scene_pixels, wait_until, work_off
from tests.gui.ticks import assert_awake, ticking
from tests.slow_server import serve  # noqa: F401 - a fixture
from tests.waiting import SOON

pytestmark = [pytest.mark.qgis, pytest.mark.gui]


@pytest.mark.parametrize("extent", [False, True])
def test_a_run_whose_source_stops_answering_is_cancelled(provider, project, tmp_path, serve, extent):
    from osgeo import gdal
    from qgis.core import QgsRasterLayer

    from sr_plugin.gui.runs.run_queue import RunQueue

    path = write_raster(tmp_path / "far.tif", scene_pixels(600, 600))
    server = serve(path, 10**9)
    layer = project.addMapLayer(QgsRasterLayer(server.name, "Far", "gdal", QgsRasterLayer.LayerOptions(False)))
    assert layer.isValid()
    # From now on nothing is answered, and nothing is remembered.
    server.most = 0
    gdal.VSICurlClearCache()
    queue = RunQueue()
    parameters = {"INPUT": layer.id(), "MODEL": "bicubic:2", "OUTPUT": str(tmp_path / "out.tif")}
    if extent:
        box = layer.extent().buffered(-1000)
        parameters["EXTENT"] = f"{box.xMinimum()},{box.xMaximum()},{box.yMinimum()},{box.yMaximum()}"
    with ticking() as seen:
        run = queue.add(parameters)
        wait_until(server.waiting.is_set)
        work_off(0.3)
        assert run.state.value == "running"
        started = time.monotonic()
        queue.cancel(run)
        wait_until(lambda: run.ended)
    # The server would be silent for ten minutes.
    assert run.state.value == "cancelled" and time.monotonic() - started < SOON
    assert_awake(seen)
    assert sorted(os.listdir(tmp_path)) == ["far.tif"]
    server.close()
    queue.shut_down()
    queue.deleteLater()
    work_off()
