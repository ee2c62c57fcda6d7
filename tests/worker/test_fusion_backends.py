"""Networks with several inputs in every runtime."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from sr_plugin.core.card import WeightFile  # noqa: E402
from sr_plugin.core.catalogue import find_model  # noqa: E402
from sr_plugin.core.errors import ModelFailed  # noqa: E402
from sr_plugin.core.radiometry import Radiometry  # noqa: E402
from sr_plugin.core.session import RunSettings  # noqa: E402
from sr_plugin.worker.backends.image_layout import group_order  # noqa: E402
from sr_plugin.worker.backends.onnx_backend import OnnxBackend  # noqa: E402
from sr_plugin.worker.backends.torch_backend import TorchBackend  # noqa: E402
from tests.fusion_scenes import GROUPS, write_fusion_model  # noqa: E402

ONE = (1.0,)
EXACT = RunSettings(Radiometry(ONE, (0.0,), ONE, (0.0,)), "uint16", "cpu", "float32")


@pytest.fixture(scope="module", params=["20m", "60m"])
def model(request, tmp_path_factory):
    """A card and inputs of two sizes, all on the finest grid."""
    path = write_fusion_model(tmp_path_factory.mktemp("model") / f"fuse-{request.param}.pth", request.param)
    rng = np.random.default_rng(0)
    sizes = ((30, 42), (25, 17))
    inputs = [[rng.random((1, n, *size), np.float32) for n, _ in GROUPS[request.param]] for size in sizes]
    return find_model(path), inputs


def exported(card, inputs, folder, names):
    """The network as ONNX, with dynamic sizes and inputs of these names."""
    from sr_plugin.worker.architectures.spandrel_bridge import load_module

    path = str(folder / "fuse.onnx")
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in (*names, "image")}
    torch.onnx.export(
        load_module(card).eval(),
        tuple(map(torch.from_numpy, inputs)),
        path,
        input_names=names,
        output_names=["image"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    return WeightFile(path, "onnx")


def torch_result(card, inputs):
    return TorchBackend(card, card.weights[0], "cpu", EXACT).forward(*inputs)


def test_the_torch_network_takes_all_groups_on_the_finest_grid(model):
    card, (inputs, _) = model
    result = torch_result(card, inputs)
    assert result.shape == (1, inputs[-1].shape[1], 30, 42)
    assert np.abs(result - inputs[-1]).max() > 0.01


def test_onnx_with_groups_by_name(model, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    card, (inputs, others) = model
    names = [f"bands_{10 * ratio}m" for _, ratio in card.hyperparameters["groups"]]
    backend = OnnxBackend(card, exported(card, inputs, tmp_path, names), "cpu", EXACT)
    for case in (inputs, others):
        np.testing.assert_allclose(backend.forward(*case), torch_result(card, case), atol=1e-5)
    with pytest.raises(ModelFailed, match="takes .* inputs where 1 are given"):
        backend.forward(inputs[0])


def test_openvino(model, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    from sr_plugin.worker.backends.openvino_backend import OpenVinoBackend

    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path))
    card, (inputs, others) = model
    converted = OpenVinoBackend(card, card.weights[0], "cpu", EXACT)
    names = [f"bands_{10 * ratio}m" for _, ratio in card.hyperparameters["groups"]]
    read = OpenVinoBackend(card, exported(card, inputs, tmp_path, names), "cpu", EXACT)
    for case in (inputs, others, inputs, inputs):
        expected = torch_result(card, case)
        np.testing.assert_allclose(converted.forward(*case), expected, atol=1e-4)
        np.testing.assert_allclose(read.forward(*case), expected, atol=1e-4)
    with pytest.raises(ModelFailed, match="inputs where 1 are given"):
        converted.forward(inputs[0])


def test_groups_go_by_the_pixel_size_in_their_names():
    assert group_order(["bands_60m", "bands_10m", "bands_20m"]) == [1, 2, 0]
    assert group_order(["x", "bands_10m"]) == [0, 1]
    assert group_order(["image"]) == [0]
