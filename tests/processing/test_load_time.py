"""The plugin must not slow QGIS down, nor ever bring the models' packages into its process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

pytestmark = pytest.mark.qgis

_LOAD = """
import json, sys, time
sys.path[:0] = [{project!r}]
from qgis.core import QgsApplication
application = QgsApplication([], True)
application.initQgis()
sys.path.append({processing!r})
# What every QGIS has loaded already when its plugins come.
import numpy
import osgeo.gdal
from processing.core.Processing import Processing
Processing.initialize()
started = time.perf_counter()
from sr_plugin import classFactory
plugin = classFactory(None)
plugin.initProcessing()
seconds = time.perf_counter() - started
loaded = QgsApplication.processingRegistry().algorithmById("superres:superresolve") is not None
heavy = sorted({{name.split(".")[0] for name in sys.modules}} & {{"torch", "onnxruntime", "skimage", "openvino"}})
print("ANSWER" + json.dumps([seconds, loaded, heavy]))
plugin.unload()
application.exitQgis()
"""


#: The same with the parts of the desktop.
_LOAD_DESKTOP = _LOAD.replace(
    "started = time.perf_counter()",
    "from tests.gui.stand_in import StandIn\niface = StandIn()\nstarted = time.perf_counter()",
).replace("plugin = classFactory(None)\nplugin.initProcessing()", "plugin = classFactory(iface)\nplugin.initGui()")


def load_once(project_dir, byte_code, text=_LOAD):
    import processing

    script = text.format(
        project=str(project_dir), processing=os.path.dirname(os.path.dirname(os.path.abspath(processing.__file__)))
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(byte_code)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    line = next((line for line in done.stdout.splitlines() if line.startswith("ANSWER")), None)
    assert line is not None, done.stderr
    return json.loads(line[len("ANSWER") :])


def test_loading_takes_less_than_50_ms(qgis_app, project_dir, tmp_path, record_property):
    load_once(project_dir, tmp_path)  # writes the byte code that an installed plugin has, too
    answers = [load_once(project_dir, tmp_path) for _ in range(3)]
    seconds = statistics.median(answer[0] for answer in answers)
    record_property("plugin_load_seconds", round(seconds, 4))
    assert all(answer[1] for answer in answers)
    assert all(answer[2] == [] for answer in answers)
    assert seconds < 0.05, f"loading took {seconds * 1000:.0f} ms"


def test_the_desktop_parts_add_little_to_it(qgis_app, project_dir, tmp_path, record_property):
    load_once(project_dir, tmp_path, _LOAD_DESKTOP)
    answers = [load_once(project_dir, tmp_path, _LOAD_DESKTOP) for _ in range(3)]
    seconds = min(answer[0] for answer in answers)
    record_property("desktop_load_seconds", round(seconds, 4))
    assert all(answer[1] for answer in answers)
    assert all(answer[2] == [] for answer in answers)
    assert seconds < 0.1, f"loading took {seconds * 1000:.0f} ms"


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
