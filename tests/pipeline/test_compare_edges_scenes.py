"""Compared edges of a real scene, and of scenes of different sizes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
pytest.importorskip("skimage")
pytestmark = [pytest.mark.gdal, pytest.mark.slow]

_MEASURED = """
import json, resource, sys
from sr_plugin.pipeline.compare_edges import CompareEdgesRequest, compare_edges
folder, python = sys.argv[1:]
told = compare_edges(CompareEdgesRequest(
    f"{folder}/in.tif", f"{folder}/out.tif", classes=f"{folder}/classes.tif", report=f"{folder}/r.html",
    worker_python=python,
))
# The maximum that getrusage tells of a process itself is at least that of the process which started it.
with open("/proc/self/status") as file:
    here = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"here": here, "worker": worker, "pixels": told.counts.pixels}))
"""


def test_the_shipped_model_against_bicubic_and_the_truth(shared_dir, project_dir, tmp_path):
    """On a place that no weight was fitted to, the model's edges are nearer to the truth than those of bicubic."""
    pytest.importorskip("PIL")
    from tools.edge_figure import SCENE, compare_scene

    if not (project_dir / "models" / "s2-rgbn-x4.json").is_file():
        pytest.skip("the shipped models are not built")
    if not (shared_dir / "data" / SCENE).is_file():
        pytest.skip("the scene is not at hand")
    model = compare_scene(str(shared_dir / "data"), str(tmp_path)).figures
    assert model.f1 > model.f1_input + 0.15
    assert model.precision > 0.95 and model.new_right > 0.9 and model.lost < 0.01
    assert model.sharpness_input < model.sharpness_result < model.sharpness_truth
    assert model.density_input < model.density_result < model.density_truth
    bicubic = compare_scene(str(shared_dir / "data"), str(tmp_path), "bicubic:4").figures
    assert bicubic.kept > 0.99
    assert bicubic.f1 == pytest.approx(model.f1_input, abs=0.001)
    assert (tmp_path / "figure.png").stat().st_size > 100_000


def _scene(folder, side):
    """A raster of ``side`` pixels and one of twice as many, of random texture, written in strips."""
    from osgeo import gdal

    rng = np.random.default_rng(1)
    for name, factor in (("in", 1), ("out", 2)):
        size = side * factor
        dataset = gdal.GetDriverByName("GTiff").Create(
            str(folder / f"{name}.tif"), size, size, 1, gdal.GDT_UInt16, ["TILED=YES"]
        )
        dataset.SetGeoTransform((500000, 10 / factor, 0, 4100000, 0, -10 / factor))
        for row in range(0, size, 500):
            rows = min(500, size - row)
            blocks = rng.integers(500, 3000, (rows // 10 + 1, size // 10 + 1)).repeat(10, 0).repeat(10, 1)
            dataset.GetRasterBand(1).WriteArray(blocks[:rows, :size].astype(np.uint16), 0, row)
        dataset.FlushCache()


def test_memory_follows_the_tile_and_not_the_scene(tmp_path, worker_python, project_dir):
    if not os.path.exists("/proc/self/status"):
        pytest.skip("the system does not tell the memory of a process")
    used = []
    for side in (1100, 3300):
        folder = tmp_path / str(side)
        folder.mkdir()
        _scene(folder, side)
        command = [sys.executable, "-c", _MEASURED, str(folder), worker_python]
        environment = {**os.environ, "PYTHONPATH": str(project_dir)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=environment)
        assert done.returncode == 0, done.stderr
        used.append(json.loads(done.stdout))
        assert used[-1]["pixels"] == (2 * side) ** 2
    # Nine times as many pixels: 330 MB more if all planes were held at once.
    assert used[1]["here"] - used[0]["here"] < 150
    assert used[1]["worker"] - used[0]["worker"] < 150
