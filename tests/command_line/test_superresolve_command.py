"""The command line, as a process."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")

from tests.conftest import read_raster, write_raster  # noqa: E402
from tests.landsat_products import CORNER, SHAPE, make_landsat, packed  # noqa: E402
from tests.sentinel2_products import make_safe  # noqa: E402
from tests.waiting import LONG  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.fixture
def command(project_dir, worker_python):
    def run(*arguments):
        environment = {**os.environ, "SR_PLUGIN_WORKER_PYTHON": worker_python}
        line = [sys.executable, "-m", "sr_plugin", *arguments]
        return subprocess.run(line, cwd=project_dir, env=environment, capture_output=True, text=True, timeout=LONG)

    return run


@pytest.fixture
def source(make_raster):
    return make_raster(np.random.default_rng(0).integers(0, 4000, (3, 40, 50)).astype(np.uint16))


def test_a_whole_result_is_one_record(command, source, tmp_path):
    output = str(tmp_path / "o.tif")
    done = command("superresolve", source, output, "--model", "nearest:3", "--bands", "3,1", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["width"], record["height"], record["bands"], record["scale"]) == (150, 120, 2, 3)
    assert record["device"] == "cpu" and record["consistency_rmse"] == 0
    assert read_raster(output).shape == (2, 120, 150)
    assert "Device: CPU" in done.stderr and "1/1" in done.stderr


def test_a_sentinel2_product_is_an_input(command, source, tmp_path):
    root, pixels = make_safe(tmp_path, "1C", "04.00", -1000)
    output = str(tmp_path / "o.tif")
    run = ["superresolve", str(root), output, "--model", "nearest:2", "--in-process"]
    done = command(*run, "--bands", "B08,B04")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_raster(output)[:, ::2, ::2], np.stack([pixels["B08"], pixels["B04"]]))
    assert "bands for the model: B08, B04 at 10 m" in done.stderr
    carried = command(*run, "--bands", "B04,B8A", "--other-bands", "enlarge")
    assert carried.returncode == 0 and read_raster(output).shape == (2, 120, 120)
    for wrong, reason in (
        (["--bands", "B04,B8A"], "differ in resolution"),
        (["--bands", "B05"], "has no band B05"),
        (["--mask-classes", "water"], "no classification"),
    ):
        done = command(*run, *wrong)
        assert done.returncode == 1 and reason in done.stderr, done.stderr
    done = command("superresolve", source, output, "--bands", "B04")
    assert done.returncode == 1 and "chosen by number" in done.stderr


def test_a_landsat_product_on_the_grid_of_a_raster(command, source, tmp_path):
    """In pixels of the raster, with the same size; clouds in a mask band."""
    quality = np.full(SHAPE, 21824)
    quality[10:20, 10:20] = 22280
    root, pixels = make_landsat(tmp_path, 8, 2, 2, quality=quality)
    target = (CORNER[0] + 100, 10.0, 0.0, CORNER[1] - 100, 0.0, -10.0)
    grid = write_raster(tmp_path / "grid.tif", np.ones((60, 70), np.uint8), target)
    output = str(tmp_path / "o.tif")
    run = ["superresolve", str(packed(root)), output, "--model", "nearest:3", "--in-process", "--bands", "red,nir"]
    before = open(grid, "rb").read()
    done = command(*run[:2], grid, *run[3:], "--align-to", grid)
    assert done.returncode == 1 and "never modified" in done.stderr and open(grid, "rb").read() == before
    done = command(*run, "--align-to", grid, "--mask-classes", "cloud", "--gaps-as-mask", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == output and json.loads(done.stdout)["width"] == 70
    from osgeo import gdal

    result = gdal.Open(output)
    mask = result.GetRasterBand(1).GetMaskBand().ReadAsArray() != 0
    assert result.GetGeoTransform() == target and mask.shape == (60, 70)
    assert not mask[20:50, 20:50].any() and mask.sum() == 60 * 70 - 30 * 30
    numbers = pixels["SR_B5"].repeat(3, 0).repeat(3, 1)[10:70, 10:80]
    np.testing.assert_array_equal(read_raster(output)[1][mask], numbers[mask])
    done = command(*run, "--reflectance")
    assert done.returncode == 0, done.stderr
    expected = np.rint((pixels["SR_B4"][5:, 5:] * 2.75e-5 - 0.2) * 10000)
    assert np.abs(read_raster(output)[0][15::3, 15::3] - expected).max() <= 1
    done = command("superresolve", source, output, "--reflectance")
    assert done.returncode == 1 and "Only products" in done.stderr


def test_extent_type_and_in_process(command, source, tmp_path):
    output = str(tmp_path / "o.tif")
    extent = "500100,4099700,500300,4099900"
    done = command(
        "superresolve",
        source,
        output,
        "--model",
        "bicubic:2",
        "--extent",
        extent,
        "--output-type",
        "float32",
        "--in-process",
        "--tile",
        "16",
        "--consistency",
        "--quiet",
    )
    assert done.returncode == 0 and done.stdout == "" and done.stderr == ""
    out = read_raster(output)
    assert out.shape == (3, 40, 40) and out.dtype == np.float32


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["/no/such.tif", "o.tif"], "does not exist"),
        (["{source}", "missing/o.tif"], "folder"),
        (["{source}", "{source}"], "input itself"),
        (["{source}", "o.tif", "--model", "no-such-model"], "no model"),
        (["{source}", "o.tif", "--model", "nearest:2", "--bands", "9"], "no band 9"),
        (["{source}", "o.tif", "--model", "nearest:2", "--worker", "/no/python"], "/no/python"),
    ],
)
def test_errors_are_one_sentence_and_a_hint(command, source, tmp_path, arguments, words):
    filled = [a.format(source=source) for a in arguments]
    filled[1] = filled[1] if filled[1].startswith("/") else str(tmp_path / filled[1])
    done = command("superresolve", *filled, "--json")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    error = json.loads(done.stdout)["error"]
    assert words in error["message"] and error["hint"] and error["message"] in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["input.tif"]


def test_all_bands_of_a_product(command, source, tmp_path):
    pytest.importorskip("torch")
    from tests.fusion_scenes import write_fusion_model

    root, _ = make_safe(tmp_path, bands=("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"))
    model, output = write_fusion_model(tmp_path / "fuse.pth"), str(tmp_path / "o.tif")
    done = command(
        "superresolve", str(root), output, "--all-bands", "10", "--fusion-models", model, "--in-process", "--json"
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["scale"], record["bands"]) == (1, 10) and read_raster(output).shape == (10, 60, 60)
    refused = command("superresolve", source, output, "--all-bands", "10", "--json")
    assert refused.returncode == 1 and "Only the bands of a Sentinel-2 product" in refused.stdout
    for option in (["--bands", "B04,B05"], ["--reflectance"]):
        refused = command("superresolve", str(root), str(tmp_path / "no.tif"), "--all-bands", "10", *option, "--json")
        message = json.loads(refused.stdout)["error"]["message"]
        assert refused.returncode == 1 and option[0] in message and not (tmp_path / "no.tif").exists()


def test_wrong_arguments_are_refused_by_the_parser(command, source):
    for wrong in (["--bands", "a"], ["--extent", "1,2,3"], ["--extent", "5,5,1,1"], ["--precision", "half"]):
        done = command("superresolve", source, "o.tif", *wrong)
        assert done.returncode == 2 and "Traceback" not in done.stderr


def test_ctrl_c_cancels(project_dir, worker_python, make_raster, tmp_path):
    source = make_raster(np.random.default_rng(0).integers(0, 4000, (4, 1500, 1500)).astype(np.uint16))
    line = [sys.executable, "-m", "sr_plugin", "superresolve", source, str(tmp_path / "o.tif"), "--model", "bicubic:8"]
    process = subprocess.Popen(
        [*line, "--tile", "64", "--worker", worker_python], cwd=project_dir, stderr=subprocess.PIPE, text=True
    )
    while "Tiles:" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 130 and "cancelled" in errors
    assert os.listdir(tmp_path) == ["input.tif"]


@pytest.mark.parametrize("product", [True, False])
def test_what_follows_the_tiles_is_part_of_an_interrupted_run(make_raster, tmp_path, monkeypatch, product):
    """The whole run is entered into the index, not the raster that it computes on the way."""
    from sr_plugin.command_line import superresolve_command
    from sr_plugin.command_line.main import main
    from sr_plugin.core.errors import OutputError
    from sr_plugin.pipeline.interrupted import interrupted_jobs

    def full(*_):
        raise OutputError("There is no room.")

    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(superresolve_command, "align_result", full)
    monkeypatch.setattr(superresolve_command.signal, "signal", lambda *_: None)
    place = (CORNER[0] + 100, 10.0, 0.0, CORNER[1] - 100, 0.0, -10.0)
    target = write_raster(tmp_path / "grid.tif", np.ones((60, 70), np.uint8), place)
    root, _ = make_landsat(tmp_path, 8, 2, 2)
    source = str(root) if product else next(str(file) for file in root.glob("*SR_B4*"))
    bands = ["--bands", "SR_B4,nir08"] if product else []
    output = str(tmp_path / "o.tif")
    arguments = [
        "superresolve",
        source,
        output,
        "--model",
        "nearest:3",
        "--in-process",
        "--align-to",
        target,
        "--quiet",
    ]
    assert main([*arguments, *bands]) == 1
    (job,) = interrupted_jobs()
    assert (job.request.satellite, job.run.input, job.run.output) == ("landsat" if product else "", source, output)
    assert job.request.selection.bands == (("red", "nir") if product else ())
    assert job.request.target.geotransform == place and job.request.target_name == target
    assert job.done == job.tiles == 1


def test_an_uncertainty_is_written_beside_the_result(command, make_raster, tmp_path):
    pytest.importorskip("onnxruntime")
    bands = ("B04", "B03", "B02", "B08")
    pixels = np.random.default_rng(1).integers(500, 4000, (4, 24, 24)).astype(np.uint16)
    files = {name: str(tmp_path / f"{name}.tif") for name in ("o", "u", "m")}
    line = ["superresolve", make_raster(pixels, descriptions=bands), files["o"], "--in-process", "--json"]
    beside = ["--uncertainty", files["u"], "--uncertainty-mask", files["m"], "--uncertainty-limit", "300"]
    done = command(*line, *beside, "--uncertainty-model", "any-x2")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["uncertainty"], record["uncertainty_mask"]) == (files["u"], files["m"])
    assert "through 2 models (s2-rgbn-x2, any-x2), 16 times the work of the result alone" in done.stderr
    found, replaced = read_raster(files["u"]), read_raster(files["m"])
    assert found.shape == replaced.shape == read_raster(files["o"]).shape == (4, 48, 48)
    np.testing.assert_array_equal(replaced, found > 300)
    assert 0 < replaced.mean() < 1
    done = command(*line, "--uncertainty", files["u"], "--uncertainty-model", "any-x4")
    assert done.returncode == 1 and "enlarges 4 times, not 2 times" in done.stderr, done.stderr
