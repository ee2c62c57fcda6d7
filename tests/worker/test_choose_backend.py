"""Which backend runs a model. GPUs are stood in for; what they compute is not seen here."""

import pytest

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, RuntimeMissing
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import RunSettings
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.backends import choose, onnx_backend

ONNX, TENSORS = WeightFile("/m.onnx", "onnx"), WeightFile("/m.safetensors", "safetensors")
RADIOMETRY = compose([BandScaling()], VALUE_RANGES["dn"], 1)


@pytest.fixture
def machine(monkeypatch):
    """Pretend that some packages are installed and some devices are there; gives what would be opened."""

    def pretend(packages=("onnxruntime", "torch"), torch_devices=("cpu",), onnx_devices=("cpu",)):
        opened = []
        monkeypatch.setattr(choose, "find_spec", lambda name: name if name in packages else None)
        monkeypatch.setattr(choose, "_torch_has", lambda device: device.split(":")[0] in torch_devices)
        monkeypatch.setattr(onnx_backend, "device_available", lambda device: device.split(":")[0] in onnx_devices)

        class Recorded:
            def __init__(self, card, weight, device, settings):
                opened.append((weight.container, device))

        monkeypatch.setattr(onnx_backend, "OnnxBackend", Recorded)
        if "torch" in packages:
            torch_backend = pytest.importorskip("sr_plugin.worker.backends.torch_backend")
            monkeypatch.setattr(torch_backend, "TorchBackend", Recorded)

        def ask(weights, device="auto", precision="auto"):
            card = ModelCard("m", "m", "f", 2, weights=weights)
            choose.open_backend(card, RunSettings(RADIOMETRY, "uint8", device, precision))
            return opened[-1]

        return ask

    return pretend


def test_without_a_gpu_onnx_comes_first(machine):
    ask = machine()
    assert ask((ONNX, TENSORS)) == ("onnx", "cpu")
    assert ask((TENSORS,)) == ("safetensors", "cpu")
    assert ask((ONNX, TENSORS), precision="reduced") == ("safetensors", "cpu")


def test_the_light_environment_runs_what_it_can(machine):
    ask = machine(packages=("onnxruntime",))
    assert ask((ONNX, TENSORS)) == ("onnx", "cpu")
    with pytest.raises(RuntimeMissing, match="torch") as caught:
        ask((TENSORS,))
    assert "--create full" in caught.value.hint


def test_without_any_package_the_light_one_is_named(machine):
    with pytest.raises(RuntimeMissing) as caught:
        machine(packages=())((ONNX, TENSORS))
    assert "--create light" in caught.value.hint


def test_a_gpu_is_taken_by_auto(machine):
    assert machine(torch_devices=("cpu", "cuda"))((ONNX, TENSORS)) == ("safetensors", "cuda")
    assert machine(onnx_devices=("cpu", "cuda"))((ONNX,)) == ("onnx", "cuda")
    assert machine(torch_devices=("cpu", "mps"))((ONNX, TENSORS)) == ("safetensors", "mps")


def test_the_device_that_is_asked_for(machine):
    ask = machine(torch_devices=("cpu", "cuda"), onnx_devices=("cpu", "cuda"))
    assert ask((ONNX, TENSORS), "cuda:1") == ("safetensors", "cuda:1")
    assert ask((ONNX,), "cuda:1") == ("onnx", "cuda:1")
    assert ask((ONNX, TENSORS), "cpu") == ("onnx", "cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "mps"])
def test_a_device_that_is_not_there(machine, device):
    with pytest.raises(DeviceUnavailable, match=device) as caught:
        machine()((ONNX, TENSORS), device)
    assert caught.value.hint


@pytest.mark.skipif(
    not pytest.importorskip("torch", reason="torch is not installed").cuda.is_available(),
    reason="no CUDA device at hand",
)
def test_cuda_equals_the_cpu_in_float32(project_dir):
    import numpy as np

    from sr_plugin.core.catalogue import find_model
    from sr_plugin.worker.backends.torch_backend import TorchBackend

    card = find_model("s2-rgbn-x4")
    weight = next(w for w in card.weights if w.container == "safetensors")
    batch = np.random.default_rng(0).random((1, 4, 96, 96)).astype(np.float32) * 0.4
    results = [
        TorchBackend(card, weight, device, RunSettings(RADIOMETRY, "uint16", device, "float32")).forward(batch)
        for device in ("cpu", "cuda")
    ]
    assert np.abs(results[0] - results[1]).max() < 1e-4
