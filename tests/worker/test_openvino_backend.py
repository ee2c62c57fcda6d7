"""OpenVINO gives what ONNX Runtime and torch give."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

from sr_plugin.core.architectures.registry import card_from_checkpoint  # noqa: E402
from sr_plugin.core.card import ModelCard, WeightFile  # noqa: E402
from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.errors import ModelFailed, ModelUnreadable  # noqa: E402
from sr_plugin.core.locations import package_parent  # noqa: E402
from sr_plugin.core.radiometry import BandScaling, compose  # noqa: E402
from sr_plugin.core.session import RunSettings  # noqa: E402
from sr_plugin.core.value_range import VALUE_RANGES  # noqa: E402
from sr_plugin.worker.architectures.build import build_network  # noqa: E402
from sr_plugin.worker.backends import openvino_backend  # noqa: E402
from sr_plugin.worker.backends.openvino_backend import OpenVinoBackend, device_available, reduced_type  # noqa: E402
from sr_plugin.worker.backends.runtimes import ONNXRUNTIME, OPENVINO, TORCH  # noqa: E402

RADIOMETRY = compose([BandScaling()], VALUE_RANGES["dn"], 1)
EXACT = RunSettings(RADIOMETRY, "uint16", "cpu", "float32")
SHAPES = [(40, 56), (40, 56), (40, 56), (33, 47), (64, 64)]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))


def tile(bands, height, width):
    return np.random.default_rng(height).random((1, bands, height, width)).astype(np.float32) * 0.4


@pytest.mark.parametrize("name", ["s2-rgbn-x2", pytest.param("s2-rgbn-x4", marks=pytest.mark.slow)])
@pytest.mark.parametrize("container, reference", [("onnx", ONNXRUNTIME), ("safetensors", TORCH)])
def test_shipped_models_give_the_same(name, container, reference):
    card = find_model(name)
    weight = next(w for w in card.weights if w.container == container)
    backend = OpenVinoBackend(card, weight, "cpu", EXACT)
    plain = reference.open(card, "cpu", EXACT)
    for shape in SHAPES:
        batch = tile(4, *shape)
        np.testing.assert_allclose(backend.forward(batch), plain.forward(batch), atol=2e-5)
    assert backend.describe().precision == "float32" and backend.describe().runtime == "openvino"


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    path = str(tmp_path / "network.pth")
    parameters = {"bands": 3, "width": 16, "blocks": 2, "factors": [2]}
    torch.save(build_network("msrresnet", parameters).state_dict(), path)
    return card_from_checkpoint(path)


def test_a_converted_network_is_kept(checkpoint, tmp_path):
    backend = OPENVINO.open(checkpoint, "cpu", EXACT)
    kept = sorted(os.listdir(tmp_path / "cache" / "openvino"))
    assert [name.rsplit(".")[-1] for name in kept] == ["bin", "xml"]
    again = OPENVINO.open(checkpoint, "cpu", EXACT)
    batch = tile(3, 32, 40)
    np.testing.assert_array_equal(backend.forward(batch), again.forward(batch))
    np.testing.assert_allclose(again.forward(batch), TORCH.open(checkpoint, "cpu", EXACT).forward(batch), atol=1e-5)


def test_a_cache_that_cannot_be_written_stops_nothing(checkpoint, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    backend = OPENVINO.open(checkpoint, "cpu", EXACT)
    batch = tile(3, 32, 40)
    np.testing.assert_allclose(backend.forward(batch), TORCH.open(checkpoint, "cpu", EXACT).forward(batch), atol=1e-5)


def test_a_graph_that_cannot_take_its_name_leaves_nothing_behind(checkpoint, tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(13, "another process has it open", target)

    monkeypatch.setattr(os, "replace", refuse)
    backend = OPENVINO.open(checkpoint, "cpu", EXACT)
    assert backend.forward(tile(3, 32, 40)).shape == (1, 3, 64, 80)
    assert os.listdir(tmp_path / "cache" / "openvino") == []


@pytest.mark.parametrize(
    "suffix, size",
    [
        (".xml", 1000),
        (".bin", None),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((".xml", 0), (".bin", 0), (".bin", 1000))),
    ],
)
def test_a_damaged_graph_is_made_anew(checkpoint, tmp_path, suffix, size):
    batch = tile(3, 32, 40)
    expected = OPENVINO.open(checkpoint, "cpu", EXACT).forward(batch)
    (kept,) = (tmp_path / "cache" / "openvino").glob(f"*{suffix}")
    if size is None:
        kept.unlink()
    else:
        os.truncate(kept, size)
    np.testing.assert_array_equal(OPENVINO.open(checkpoint, "cpu", EXACT).forward(batch), expected)
    # Conversion numbers its nodes as it goes, so the size may differ by a digit; a whole graph is used as it is.
    assert kept.stat().st_size > (size or 0)
    made = kept.stat()
    np.testing.assert_array_equal(OPENVINO.open(checkpoint, "cpu", EXACT).forward(batch), expected)
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


@pytest.fixture
def released(monkeypatch):
    """The compiled graphs that gave their working memory back, in this order."""
    import openvino

    plain, seen = openvino.CompiledModel.release_memory, []

    def release(graph):
        seen.append(graph)
        plain(graph)

    monkeypatch.setattr(openvino.CompiledModel, "release_memory", release)
    return seen


MANY_SHAPES = [(3, 40 + 8 * n, 48) for n in range(5)]


def graphs_of(backend):
    """The graphs compiled for one tile shape each, the one used last at the end."""
    return [graph for graph, _large in backend._compiled.values()]


def test_tiles_of_many_shapes_share_working_memory(checkpoint, monkeypatch, released):
    """Each graph but the one in use has given its memory back, and a tile that comes again finds its own."""
    backend = OpenVinoBackend(checkpoint, checkpoint.weights[0], "cpu", EXACT)
    # 16 channels on the enlarged grid are half a megabyte.
    monkeypatch.setattr(openvino_backend, "_LARGEST_KEPT", 100_000)
    first = backend.forward(tile(*MANY_SHAPES[0]))
    assert released == []
    backend.forward(tile(*MANY_SHAPES[0]))
    assert released == [], "the same shape again goes on with the memory that it has"
    for shape in MANY_SHAPES[1:]:
        backend.forward(tile(*shape))
    graphs = graphs_of(backend)
    assert len(graphs) == len(MANY_SHAPES) and released == graphs[:-1]
    np.testing.assert_allclose(backend.forward(tile(*MANY_SHAPES[0])), first, atol=1e-6)
    assert released == graphs and graphs_of(backend)[-1] is graphs[0]


def test_small_tiles_of_many_shapes_keep_their_working_memory(checkpoint, released):
    backend = OpenVinoBackend(checkpoint, checkpoint.weights[0], "cpu", EXACT)
    for shape in MANY_SHAPES * 2:
        backend.forward(tile(*shape))
    assert len(graphs_of(backend)) == len(MANY_SHAPES) and released == []


_GROWTH = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import RunSettings
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.backends import openvino_backend

def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

openvino_backend._LARGEST_KEPT = int(sys.argv[3])
card = card_from_checkpoint(sys.argv[2])
exact = RunSettings(compose([BandScaling()], VALUE_RANGES["dn"], 1), "uint16", "cpu", "float32")
backend = openvino_backend.OpenVinoBackend(card, card.weights[0], "cpu", exact)
sizes = []
for n in range(5):
    backend.forward(np.zeros((1, 3, 512 + 8 * n, 512), np.float32))
    sizes.append(resident_bytes())
print(sizes[-1] - sizes[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_shared_working_memory_is_a_small_part_of_what_all_graphs_would_hold(checkpoint):
    """Growth over four more tile shapes, of 64 MB in their largest tensor: measured 90 MB shared and 630 MB not."""

    def growth(largest_kept):
        command = [sys.executable, "-c", _GROWTH, package_parent(), checkpoint.weights[0].path, str(largest_kept)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    assert growth(1 << 20) < growth(1 << 40) / 2


def test_batches_run_together(checkpoint):
    backend = OPENVINO.open(checkpoint, "cpu", EXACT)
    one, two = tile(3, 24, 24), tile(3, 24, 24)[:, ::-1]
    both = backend.forward(np.concatenate([one, two]))
    np.testing.assert_allclose(both, np.concatenate([backend.forward(one), backend.forward(two)]), atol=1e-6)


def test_a_network_whose_graph_follows_the_tile_is_not_taken(checkpoint, monkeypatch):
    from sr_plugin.worker.architectures import spandrel_bridge

    class Follows(torch.nn.Module):
        def forward(self, x):
            # Traced as a constant: right for the example's size alone.
            return torch.nn.functional.interpolate(x, scale_factor=2) * (x.shape[2] // 16)

    monkeypatch.setattr(spandrel_bridge, "load_module", lambda card: Follows())
    try:
        backend = OPENVINO.open(checkpoint, "cpu", EXACT)
    except ModelFailed as error:
        assert "OpenVINO" in error.message
        return
    batch = tile(3, 80, 64)
    with torch.inference_mode():
        np.testing.assert_allclose(backend.forward(batch), Follows()(torch.from_numpy(batch)).numpy(), atol=1e-5)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"\x08\x07\x12\x04none" * 20)
    with pytest.raises(ModelUnreadable):
        OpenVinoBackend(ModelCard("m", "m", "f", 2), WeightFile(str(path), "onnx"), "cpu", EXACT)


def test_devices():
    assert device_available("cpu") and not device_available("cuda") and not device_available("xpu:7")


@pytest.mark.skipif(reduced_type("cpu") is None, reason="this processor gains nothing from bfloat16")
def test_reduced_precision_stays_close():
    card = find_model("s2-rgbn-x2")
    weight = next(w for w in card.weights if w.container == "onnx")
    batch = tile(4, 64, 64)
    exact = OpenVinoBackend(card, weight, "cpu", EXACT).forward(batch)
    backend = OpenVinoBackend(card, weight, "cpu", RunSettings(RADIOMETRY, "uint16", "cpu", "reduced"))
    error = np.abs(backend.forward(batch) - exact).max()
    assert backend.describe().precision == "bfloat16" and 0 < error < 0.02


def test_telemetry_is_never_loaded():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from sr_plugin.worker.backends import openvino_backend as b; "
        "print(b.device_available('cpu')); openvino = b.load_openvino(); "
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program, package_parent()], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "openvino.tools.ovc.telemetry_stub"], done.stderr
