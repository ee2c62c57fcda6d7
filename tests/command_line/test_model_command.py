"""``python -m sr_plugin model`` in this process; the worker is one of its own."""

import json

import numpy as np
import pytest

pytest.importorskip("osgeo", reason="GDAL's Python bindings are not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from sr_plugin.command_line import model_command  # noqa: E402
from sr_plugin.command_line.main import main  # noqa: E402
from sr_plugin.worker.architectures.build import build_network  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.small_checkpoints import checkpoint as small_checkpoint  # noqa: E402

pytestmark = pytest.mark.gdal


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch, worker_python):
    monkeypatch.setenv("SR_PLUGIN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SR_PLUGIN_WORKER_PYTHON", worker_python)


@pytest.fixture
def in_process(monkeypatch):
    """Models run in this process, which is faster than a worker."""
    monkeypatch.setattr(model_command, "worker_factory", lambda python: lambda card: LocalSession())


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    network = build_network("edsr_bicubic", dict(in_bands=4, out_bands=4, width=8, blocks=1, scale=2))
    path = str(tmp_path / "mine.pth")
    torch.save(network.state_dict(), path)
    return path


def test_info(in_process, checkpoint, capsys, make_raster):
    raster = make_raster(np.ones((4, 20, 20), np.uint16), descriptions=("SR_B4", "SR_B3", "SR_B2", "SR_B5"))
    assert main(["model", "info", checkpoint, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["scale"], record["family"], record["match"]) == (2, "edsr_bicubic", None)
    assert record["probe"]["error"] is not None and len(record["files"][0]["sha256"]) == 64
    assert main(["model", "info", "s2-rgbn-x2", "--input", raster]) == 0
    assert "The raster fits the model." in capsys.readouterr().out


def test_info_of_what_has_no_network(in_process, capsys, make_raster):
    raster = make_raster(np.ones((4, 20, 20), np.uint16))
    assert main(["model", "info", "bicubic:2", "--input", raster]) == 0
    assert "Bicubic interpolation x2" in capsys.readouterr().out
    assert main(["model", "info", "s2-rgbn-x2", "--input", raster, "--json"]) == 0
    assert "band names" in json.loads(capsys.readouterr().out)["match"][0]


def test_export_install_list_remove(checkpoint, tmp_path, capsys):
    output = str(tmp_path / "exported.onnx")
    assert main(["model", "export", checkpoint, output]) == 0 and output in capsys.readouterr().out
    assert main(["model", "install", output, "--name", "own"]) == 0
    assert main(["model", "install", checkpoint, "--json"]) == 0
    capsys.readouterr()
    assert main(["model", "list", "--json"]) == 0
    origins = {entry["name"]: entry["from"] for entry in json.loads(capsys.readouterr().out)}
    assert origins["own"] == origins["mine"] == "installed" and origins["s2-rgbn-x2"] == "shipped"
    assert main(["model", "info", "own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scale"] == 2
    assert main(["model", "remove", "own"]) == 0 and main(["model", "remove", "own"]) == 1
    assert "No model 'own'" in capsys.readouterr().err
    assert main(["model", "list"]) == 0
    assert "own " not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["info", "nothing"], "no model 'nothing'"),
        (["export", "bicubic:2", "o.onnx"], "no network"),
        (["export", "s2-rgbn-x2", "o.tif"], "no format"),
        (["install", "bicubic:2"], "nothing that can be installed"),
        (["install", "s2-rgbn-x2"], "has a model 's2-rgbn-x2'"),
        (["remove", "s2-rgbn-x2"], "comes with the plugin"),
    ],
)
def test_errors_are_one_sentence_and_a_hint(arguments, words, capsys):
    assert main(["model", *arguments]) == 1
    errors = capsys.readouterr().err
    assert words in errors and "Traceback" not in errors


def test_models_of_several_images_are_no_onnx(tmp_path, capsys):
    path, output = str(tmp_path / "HRNet.pth"), tmp_path / "o.onnx"
    torch.save({name: torch.from_numpy(array) for name, array in small_checkpoint("highresnet").items()}, path)
    assert main(["model", "export", path, str(output)]) == 1
    errors = capsys.readouterr().err
    assert "several images of one scene" in errors and "Export it to safetensors" in errors and not output.exists()
    assert main(["model", "export", path, str(tmp_path / "o.safetensors")]) == 0
