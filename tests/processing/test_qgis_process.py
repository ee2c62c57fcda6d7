"""The installed plugin in ``qgis_process``: run, model, batch, errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.waiting import LONG

pytestmark = pytest.mark.qgis

# The wrapper script of Debian 12 passes on an option that the program does not know.
PROGRAM = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
MODEL_OUTPUT = "superresolve:OUTPUT"
#: Results of the model that compares edges, with the endings of their files.
COMPARING_OUTPUTS = {
    MODEL_OUTPUT: "fine.tif",
    "compareedges:CLASSES": "classes.tif",
    "compareedges:OUTPUT_HTML": "report.html",
}


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
        timeout=LONG,
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_comparing_model_in_batch(installed, project_dir, tmp_path):
    """Clip, super-resolve, compare: three rasters, one after the other."""
    from osgeo import gdal

    pytest.importorskip("skimage")
    if not (project_dir / "models" / "s2-rgbn-x4.json").is_file():
        pytest.skip("the shipped models are not built")
    sample = next((project_dir / "resources" / "sample").glob("*.tif"))
    model = project_dir / "resources" / "examples" / "superresolve_compare_edges.model3"
    for number in range(3):
        part = str(tmp_path / f"part{number}.tif")
        gdal.Translate(part, str(sample), srcWin=[40 * number, 20 * number, 60, 50])
        left, step, _, top, _, _ = gdal.Open(part).GetGeoTransform()
        extent = f"{left + 10 * step},{left + 50 * step},{top - 42 * step},{top - 10 * step}"
        outputs = {name: str(tmp_path / f"{number}{end}") for name, end in COMPARING_OUTPUTS.items()}
        arguments = [f"--{name}={path}" for name, path in {"INPUT": part, "EXTENT": extent, **outputs}.items()]
        done = qgis_process(installed, "run", str(model), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        fine, classes, report = outputs.values()
        size = (160, 128)
        assert (gdal.Open(fine).RasterXSize, gdal.Open(fine).RasterYSize) == size
        opened = gdal.Open(classes)
        assert (opened.RasterXSize, opened.RasterYSize) == size
        assert opened.GetRasterBand(1).GetColorTable().GetColorEntry(2)[:3] == (213, 94, 0)
        found = np.unique(opened.ReadAsArray())
        assert {1, 2} <= set(found) <= {0, 1, 2, 3}
        with open(report, encoding="utf-8") as file:
            assert "not in the input" in file.read()


@pytest.mark.parametrize(
    "name", ["superresolve_sentinel2.model3", "superresolve_compare_edges.model3", "landsat_ndvi_change.model3"]
)
def test_example_models_are_what_their_script_makes(provider, project_dir, tmp_path, name):
    from qgis.core import QgsProcessingModelAlgorithm

    from tools.make_example_model import EXAMPLES

    fresh = str(tmp_path / "fresh.model3")
    assert EXAMPLES[name]().toFile(fresh)
    shipped, made = QgsProcessingModelAlgorithm(), QgsProcessingModelAlgorithm()
    assert shipped.fromFile(str(project_dir / "resources" / "examples" / name))
    assert made.fromFile(fresh)
    assert shipped.toVariant() == made.toVariant()
    # What the model calls its result differs between versions of QGIS; the tests above count on these names.
    outputs = {
        "superresolve_sentinel2.model3": [MODEL_OUTPUT],
        "superresolve_compare_edges.model3": list(COMPARING_OUTPUTS),
        "landsat_ndvi_change.model3": [f"{child}:OUTPUT" for child in ("landsat", "before", "after", "change")],
    }
    assert sorted(p.name() for p in shipped.destinationParameterDefinitions()) == sorted(outputs[name])
    assert shipped.validate() == (True, [])
