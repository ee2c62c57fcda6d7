"""The plugin must not slow QGIS down, nor ever bring the models' packages into its process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

from tests.waiting import LONG

pytestmark = pytest.mark.qgis

_LOAD = """
import json, sys, time
sys.path[:0] = [{project!r}]
from qgis.core import QgsApplication
application = QgsApplication([], True)
application.initQgis()
sys.path.append({processing!r})
# What every QGIS has loaded already when its plugins come.
begun = time.process_time()
import numpy
import osgeo.gdal
from processing.core.Processing import Processing
Processing.initialize()
of_qgis = time.process_time() - begun
started, by_the_clock = time.process_time(), time.perf_counter()
from sr_plugin import classFactory
plugin = classFactory(None)
plugin.initProcessing()
seconds, by_the_clock = time.process_time() - started, time.perf_counter() - by_the_clock
loaded = QgsApplication.processingRegistry().algorithmById("superres:superresolve") is not None
heavy = sorted({{name.split(".")[0] for name in sys.modules}} & {{"torch", "onnxruntime", "skimage", "openvino"}})
print("ANSWER" + json.dumps([seconds / of_qgis, loaded, heavy, by_the_clock]))
plugin.unload()
application.exitQgis()
"""


#: The same with the parts of the desktop.
_LOAD_DESKTOP = _LOAD.replace(
    "started, by_the_clock = ",
    "from tests.gui.stand_in import StandIn\niface = StandIn()\nstarted, by_the_clock = ",
).replace("plugin = classFactory(None)\nplugin.initProcessing()", "plugin = classFactory(iface)\nplugin.initGui()")


def load_once(project_dir, byte_code, text=_LOAD):
    import processing

    script = text.format(
        project=str(project_dir), processing=os.path.dirname(os.path.dirname(os.path.abspath(processing.__file__)))
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(byte_code)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LONG, env=environment)
    line = next((line for line in done.stdout.splitlines() if line.startswith("ANSWER")), None)
    assert line is not None, done.stderr
    return json.loads(line[len("ANSWER") :])


def shares_of_qgis(project_dir, byte_code, text=_LOAD):
    """Load twice; CPU time as a share of what QGIS spends on Processing and NumPy, least first, and seconds."""
    load_once(project_dir, byte_code, text)  # writes the byte code that an installed plugin has, too
    answers = sorted(load_once(project_dir, byte_code, text) for _ in range(2))
    assert all(answer[1] for answer in answers)
    assert all(answer[2] == [] for answer in answers)
    return [answer[0] for answer in answers], statistics.median(answer[3] for answer in answers)


def test_loading_adds_little_to_what_qgis_loads(qgis_app, project_dir, tmp_path, record_property):
    """Measured 0.12 of it, 25 ms by the clock of a quiet machine."""
    shares, seconds = shares_of_qgis(project_dir, tmp_path)
    record_property("plugin_load_seconds", round(seconds, 4))
    assert shares[0] < 0.25, shares


def test_the_desktop_parts_add_little_to_it(qgis_app, project_dir, tmp_path, record_property):
    shares, seconds = shares_of_qgis(project_dir, tmp_path, _LOAD_DESKTOP)
    record_property("desktop_load_seconds", round(seconds, 4))
    assert shares[0] < 0.4, shares


def test_a_run_brings_no_heavy_package_into_qgis(run, scene):
    before = set(sys.modules)
    run(scene)
    new = {name.split(".")[0] for name in set(sys.modules) - before}
    assert not new & {"torch", "onnxruntime", "skimage", "openvino"}


def test_reload_leaves_no_trace(qgis_app, provider):
    from qgis.core import QgsApplication

    from sr_plugin import plugin as plugin_module
    from sr_plugin.processing.provider import SuperResolutionProvider

    class Second(SuperResolutionProvider):
        def id(self):
            return "superres_second"

    registry = QgsApplication.processingRegistry()
    before = sorted(p.id() for p in registry.providers())
    for _ in range(3):
        again = plugin_module.SuperResolutionPlugin(None)
        again.provider = Second()
        registry.addProvider(again.provider)
        again.unload()
    assert sorted(p.id() for p in registry.providers()) == before
    assert again.provider is None
