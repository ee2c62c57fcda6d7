"""The plugin in a real QGIS desktop under a virtual display: used, unloaded and loaded again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.gui.desktop_tools import scene_pixels

pytestmark = [pytest.mark.qgis, pytest.mark.gui, pytest.mark.slow]

_TIMEOUT = 600


@pytest.fixture
def profile(tmp_path):
    """Folder of a fresh profile with the plugin switched on."""
    settings = tmp_path / "profiles" / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text("[PythonPlugins]\nsr_plugin=true\n", encoding="utf-8")
    return tmp_path / "profiles"


@pytest.mark.skipif(not (shutil.which("qgis") and shutil.which("xvfb-run")), reason="needs qgis and xvfb-run")
def test_three_reloads_in_a_real_desktop_leave_no_trace(project_dir, tmp_path, profile, make_raster):
    from tools.stage import stage

    stage(str(tmp_path / "plugins"))
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "SR_TEST_FOLDER": str(tmp_path),
        "SR_TEST_PROJECT": str(project_dir),
        "SR_TEST_RASTER": make_raster(scene_pixels()),
        "QGIS_PLUGINPATH": str(tmp_path / "plugins"),
        "XDG_RUNTIME_DIR": str(runtime),
        "SR_PLUGIN_DATA": str(tmp_path / "data"),
        "SR_PLUGIN_WORKER_PYTHON": os.environ.get("SR_PLUGIN_WORKER_PYTHON", sys.executable),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    for name in ("QT_QPA_PLATFORM", "QGIS_CUSTOM_CONFIG_PATH"):
        environment.pop(name, None)
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", "qgis", "--nologo", "--noversioncheck"]
    command += ["--profiles-path", str(profile), "--code", str(project_dir / "tests/gui/real_desktop_script.py")]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        process.wait(_TIMEOUT)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert "error" not in answer, answer["error"]
    assert [used["state"] for used in answer["used"]] == ["done"] * 4
    assert all(used["preview"] and used["above"] == ["Scene x2", "Scene"] for used in answer["used"])
    assert answer["left"] == [[], [], []]
    assert answer["workers"] == []
