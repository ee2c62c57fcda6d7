"""Runs of every algorithm whose QGIS, or whose command, is killed: listed in another QGIS, and continued there."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import read_raster, write_raster
from tests.gui.desktop_fixtures import project, stand_in  # noqa: F401 - fixtures
from tests.gui.test_interrupted_list import data_folder, desktop, open_dock, run_of_first_row  # noqa: F401 - fixtures
from tests.landsat_products import make_landsat
from tests.sentinel2_products import BANDS, make_safe

pytestmark = [pytest.mark.qgis, pytest.mark.gui, pytest.mark.slow]


@pytest.fixture
def killed(project_dir, worker_python):
    """Starts a command and kills it, and nothing but it, when some tiles are done."""

    def go(command, output, lines=10):
        environment = {**os.environ, "PYTHONPATH": str(project_dir), "SR_PLUGIN_WORKER_PYTHON": worker_python}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 240
        try:
            while tiles_of(output) < lines:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "no tile was ever done"
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL

    return go


def tiles_of(output):
    """Lines of the journals beside an output, or beside what it is made of."""
    folder, name = os.path.split(output)
    journals = [n for n in os.listdir(folder) if n.startswith(name) and n.endswith(".part.jsonl")]
    return sum(pathlib.Path(folder, journal).read_bytes().count(b"\n") for journal in journals)


def algorithm(name, parameters):
    index = os.environ["SR_PLUGIN_DATA"]
    script = os.path.join(os.path.dirname(__file__), "killed_run_script.py")
    return [sys.executable, script, index, name, json.dumps(parameters)]


def expect(name, parameters, folder):
    """What nobody kills gives."""
    import processing

    folder.mkdir()
    outputs = {key: os.path.basename(parameters[key]) for key in ("OUTPUT", "CHANGES") if key in parameters}
    parameters = {**parameters, **{key: str(folder / file) for key, file in outputs.items()}}
    return processing.run(name, parameters)


def test_all_bands_of_a_sentinel2_product(desktop, project, killed, tmp_path):
    pytest.importorskip("torch")
    from tests.fusion_scenes import write_fusion_model

    root, _ = make_safe(tmp_path, "2A", "05.00", -1000, bands=BANDS)
    models = [write_fusion_model(tmp_path / f"fuse-{g}.pth", g, seed=n) for n, g in enumerate(("20m", "60m"))]
    parameters = {
        "INPUT": str(root),
        "TARGET": "all bands at 10 m",
        "FUSION_MODELS": "; ".join(map(str, models)),
        "TILE_SIZE": 6,
        "OUTPUT": str(tmp_path / "bands.tif"),
    }
    name = "superres:superresolvesentinel2"
    killed(algorithm(name, parameters), parameters["OUTPUT"])
    (row,) = open_dock(desktop).rows
    assert row.status.startswith("Sentinel-2, ") and row.job.done >= 9
    run = run_of_first_row(desktop, 240)
    layer = project.mapLayer(run.layer_id)
    assert layer.source() == parameters["OUTPUT"] and layer.name() == f"{root.name} 10 m"
    expected = expect(name, parameters, tmp_path / "whole")
    np.testing.assert_array_equal(read_raster(run.output), read_raster(expected["OUTPUT"]))


@pytest.mark.parametrize("step", ["out.tif", "changes.tif"])
def test_a_series(desktop, project, killed, tmp_path, step):
    pytest.importorskip("skimage")
    from tests.series_scenes import fine_scene, seen

    fine, names = fine_scene(120, 140, 1), []
    for number, shift in enumerate([(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3)]):
        transform = (500000.0 + shift[1] * 10, 10.0, 0.0, 4100000.0 - shift[0] * 10, 0.0, -10.0)
        pixels = np.clip(np.round(seen(fine, shift, 0.001, number) * 10000), 1, 65535).astype(np.uint16)
        names.append(write_raster(tmp_path / f"view{number}.tif", pixels, transform))
    parameters = {"INPUTS": names, "MODEL": "shift-and-add:2", "TILE_SIZE": 12}
    parameters.update({"OUTPUT": str(tmp_path / "out.tif"), "CHANGES": str(tmp_path / "changes.tif")})
    name = "superres:superresolvetimeseries"
    killed(algorithm(name, parameters), str(tmp_path / step), 6)
    (row,) = open_dock(desktop).rows
    assert row.status.startswith("Series of 3, ") and row.job.done >= 5
    assert (row.job.share > 0.5) == (step == "changes.tif")
    run = run_of_first_row(desktop, 240)
    expected = expect(name, parameters, tmp_path / "whole")
    for key in ("OUTPUT", "CHANGES"):
        assert run.outputs[key] == parameters[key]
        np.testing.assert_array_equal(read_raster(run.outputs[key]), read_raster(expected[key]))
    assert {layer.source() for layer in project.mapLayers().values()} == {parameters["OUTPUT"], parameters["CHANGES"]}


def test_a_command_on_a_landsat_product(desktop, project, killed, tmp_path):
    """Aligned to a raster that is gone when the run goes on."""
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    target = write_raster(
        tmp_path / "grid.tif", np.ones((1, 70, 80), np.uint8), (399800.0, 10.0, 0.0, 4182400.0, 0.0, -10.0)
    )
    command = [sys.executable, "-m", "sr_plugin", "superresolve", str(root), str(tmp_path / "out.tif")]
    command += ["--model", "bicubic:3", "--bands", "SR_B4,nir08", "--align-to", target, "--tile", "1", "--quiet"]
    killed([*command, "--reflectance"], str(tmp_path / "out.tif"), 2)
    (row,) = open_dock(desktop).rows
    assert row.status.startswith("Landsat, ")
    os.remove(target)
    run = run_of_first_row(desktop, 240)
    made = write_raster(target, np.ones((1, 70, 80), np.uint8), (399800.0, 10.0, 0.0, 4182400.0, 0.0, -10.0))
    parameters = {"INPUT": str(root), "MODEL": "bicubic:3", "BANDS": ["red", "nir"], "ALIGN_TO": made}
    parameters["OUTPUT"] = str(tmp_path / "out.tif")
    expected = expect("superres:superresolvelandsat", parameters, tmp_path / "whole")
    np.testing.assert_array_equal(read_raster(run.output), read_raster(expected["OUTPUT"]))
    left = sorted(file for file in os.listdir(tmp_path) if file.startswith("out."))
    assert [file for file in left if not file.endswith(".aux.xml")] == ["out.tif"]
