"""The installed plugin in ``qgis_process``: run, model, batch, errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.qgis

# The wrapper script of Debian 12 passes on an option that the program does not know.
PROGRAM = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
MODEL_OUTPUT = "superresolve:OUTPUT"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Environment of a QGIS profile in which the staged plugin is installed and enabled."""
    if PROGRAM is None:
        pytest.skip("qgis_process is not installed")
    from tools.stage import stage

    root = tmp_path_factory.mktemp("installed")
    stage(str(root / "plugins"))
    settings = root / "profile" / "profiles" / "default" / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text("[PythonPlugins]\nsr_plugin=true\n")
    (root / "run").mkdir(mode=0o700)
    environment = {
        **os.environ,
        "QGIS_PLUGINPATH": str(root / "plugins"),
        "QGIS_CUSTOM_CONFIG_PATH": str(root / "profile"),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(root / "run"),
        "SR_PLUGIN_DATA": str(root / "data"),
        "SR_PLUGIN_WORKER_PYTHON": sys.executable,
    }
    # The installed copy must be found, not the checkout.
    environment.pop("PYTHONPATH", None)
    return environment


def qgis_process(environment, *arguments):
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=environment["QGIS_CUSTOM_CONFIG_PATH"],
    )


def test_help_names_parameters_and_outputs(installed):
    done = qgis_process(installed, "--json", "help", "superres:superresolve")
    told = json.loads(done.stdout)
    assert {"INPUT", "MODEL", "OUTPUT"} <= set(told["parameters"])
    assert {"OUTPUT", "SCALE", "CONSISTENCY_RMSE"} <= set(told["outputs"])
    assert told["algorithm_details"]["can_cancel"]


def test_run_gives_pure_json_and_the_right_pixels(installed, scene, read_pixels, tmp_path):
    output = str(tmp_path / "result.tif")
    arguments = [f"--INPUT={scene}", "--MODEL=nearest:4", "--BANDS=3;1", f"--OUTPUT={output}"]
    done = qgis_process(installed, "--json", "run", "superres:superresolve", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    # Anything printed by the plugin would spoil this.
    results = json.loads(done.stdout)["results"]
    assert results["SCALE"] == 4
    assert results["DEVICE"] == "cpu"
    assert results["OUTPUT"] == output
    expected = read_pixels(scene)[[2, 0]].repeat(4, 1).repeat(4, 2)
    np.testing.assert_array_equal(read_pixels(output), expected)


def test_errors_exit_with_one(installed, scene, tmp_path):
    output = str(tmp_path / "result.tif")
    done = qgis_process(
        installed, "run", "superres:superresolve", f"--INPUT={scene}", "--MODEL=no-such-model", f"--OUTPUT={output}"
    )
    assert done.returncode == 1
    assert "There is no model 'no-such-model'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not os.path.exists(output)


def test_example_model_in_batch(installed, project_dir, tmp_path):
    """Three rasters, one after the other, through the graphical model with the shipped network."""
    from osgeo import gdal

    if not (project_dir / "models" / "s2-rgbn-x2.json").is_file():
        pytest.skip("the shipped models are not built")
    sample = next((project_dir / "resources" / "sample").glob("*.tif"))
    model = project_dir / "resources" / "examples" / "superresolve_sentinel2.model3"
    for number in range(3):
        part, output = str(tmp_path / f"part{number}.tif"), str(tmp_path / f"result{number}.tif")
        gdal.Translate(part, str(sample), srcWin=[40 * number, 20 * number, 48, 40])
        done = qgis_process(installed, "run", str(model), f"--INPUT={part}", f"--{MODEL_OUTPUT}={output}")
        assert done.returncode == 0, done.stdout + done.stderr
        result = gdal.Open(output)
        assert (result.RasterXSize, result.RasterYSize, result.RasterCount) == (96, 80, 4)


def test_example_model_is_what_its_script_makes(provider, project_dir, tmp_path):
    from qgis.core import QgsProcessingModelAlgorithm

    from tools.make_example_model import example_model

    fresh = str(tmp_path / "fresh.model3")
    assert example_model().toFile(fresh)
    shipped, made = QgsProcessingModelAlgorithm(), QgsProcessingModelAlgorithm()
    assert shipped.fromFile(str(project_dir / "resources" / "examples" / "superresolve_sentinel2.model3"))
    assert made.fromFile(fresh)
    assert shipped.toVariant() == made.toVariant()
    # What the model calls its result differs between versions of QGIS; the tests above count on this name.
    assert [p.name() for p in shipped.destinationParameterDefinitions()] == [MODEL_OUTPUT]
    assert shipped.validate() == (True, [])
