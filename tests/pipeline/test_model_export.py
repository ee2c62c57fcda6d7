"""Round trips: checkpoint -> ONNX and safetensors -> the same result."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

import numpy as np  # noqa: E402

from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.description import needs_description  # noqa: E402
from sr_plugin.core.errors import ModelNotFound, OutputError, ParameterError  # noqa: E402
from sr_plugin.core.onnx_file import read_onnx_header  # noqa: E402
from sr_plugin.pipeline.model_export import export_model  # noqa: E402
from sr_plugin.worker.architectures.build import build_network  # noqa: E402
from sr_plugin.worker.backends.choose import open_backend  # noqa: E402
from sr_plugin.worker.describe import cpu_settings  # noqa: E402
from sr_plugin.worker.impulse import textured_tile  # noqa: E402
from sr_plugin.worker.local_session import LocalSession  # noqa: E402
from tests.worker.small_networks import Small, write_onnx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

CASES = {
    "rrdbnet": dict(in_bands=4, out_bands=4, width=8, growth=4, blocks=2, upsamplings=2, unshuffle=1),
    "rrdbnet unshuffle": dict(in_bands=3, out_bands=3, width=8, growth=4, blocks=1, upsamplings=2, unshuffle=2),
    "srvgg": dict(bands=3, width=8, convs=3, scale=4),
    "msrresnet": dict(bands=3, width=8, blocks=2, factors=(2, 2)),
    "edsr_bicubic": dict(in_bands=6, out_bands=6, width=8, blocks=2, scale=2),
}


def session(card):
    return LocalSession()


def checkpoint(path, case):
    torch.manual_seed(0)
    network = build_network(case.split()[0], CASES[case]).eval()
    torch.save({"params": network.state_dict()}, str(path))
    return str(path)


def result(card, tile):
    return open_backend(card, cpu_settings()).forward(tile[None])[0]


#: The same layers as in others, in another order.
_SLOW = ("rrdbnet", "msrresnet")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in _SLOW else case for case in CASES]
)
def test_both_forms_give_the_same_result(tmp_path, case):
    path = checkpoint(tmp_path / "m.pth", case)
    original = find_model(path)
    tile = textured_tile(len(original.input_bands), 26, 38)
    expected = result(original, tile)
    onnx = export_model(path, "onnx", str(tmp_path / "e.onnx"), session)
    export_model(path, "safetensors", str(tmp_path / "s.safetensors"), session)
    assert onnx.notes == () and read_onnx_header(onnx.files[0]).opset == 17
    for exported in (find_model(str(tmp_path / "e.onnx")), find_model(str(tmp_path / "s.safetensors"))):
        assert not needs_description(exported)
        for name in ("scale", "reach", "input_bands", "output_bands", "value_range", "tiles", "effective_reach"):
            assert getattr(exported, name) == getattr(original, name)
        np.testing.assert_allclose(result(exported, tile), expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


def test_a_network_bound_to_a_size_is_written_for_one(tmp_path, monkeypatch):
    from sr_plugin.worker import export_onnx

    class Bound(torch.nn.Module):
        def forward(self, x):
            mask = torch.from_numpy(np.hanning(x.shape[2]).astype(np.float32))[None, None, :, None]
            return torch.nn.functional.interpolate(x * mask, scale_factor=2, mode="nearest")

    path = checkpoint(tmp_path / "m.pth", "edsr_bicubic")
    monkeypatch.setattr(export_onnx, "load_module", lambda card: Bound().eval())
    exported = export_model(path, "onnx", str(tmp_path / "e.onnx"), session)
    assert "depends on the tile size" in exported.notes[0]
    assert find_model(str(tmp_path / "e.onnx")).tiles.fixed == exported.card.tiles.fixed == (128, 128)


def test_a_measured_onnx_file_gets_its_metadata(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    path = write_onnx(Small(4, scale=3), tmp_path / "m.onnx", 4, metadata={"author": "somebody"})
    export_model(path, "onnx", str(tmp_path / "e.onnx"), session)
    card = find_model(str(tmp_path / "e.onnx"))
    assert not needs_description(card) and card.scale == 3 and card.reach == 4
    assert read_onnx_header(str(tmp_path / "e.onnx")).metadata["author"] == "somebody"
    tile = textured_tile(4, 20, 20)
    np.testing.assert_array_equal(result(card, tile), result(find_model(path), tile))
    with pytest.raises(ParameterError, match="ONNX file"):
        export_model(path, "safetensors", str(tmp_path / "e.safetensors"), session)


@pytest.mark.parametrize(
    "model, kind, output, error",
    [
        ("bicubic:2", "onnx", "o.onnx", ParameterError),
        ("{path}", "h5", "o.h5", ParameterError),
        ("{path}", "onnx", "o.safetensors", OutputError),
        ("{path}", "onnx", "missing/o.onnx", OutputError),
        ("{safe}", "safetensors", "m.safetensors", OutputError),
        ("nothing", "onnx", "o.onnx", ModelNotFound),
    ],
)
def test_mistakes_leave_no_file(tmp_path, model, kind, output, error):
    path = checkpoint(tmp_path / "m.pth", "srvgg")
    safe = export_model(path, "safetensors", str(tmp_path / "m.safetensors"), session).files[0]
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(error):
        export_model(model.format(path=path, safe=safe), kind, str(tmp_path / output), session)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
