"""Which backend runs a model. GPUs are stood in for; what they compute is not seen here."""

import pytest

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, RuntimeMissing
from sr_plugin.core.radiometry import BandScaling, compose
from sr_plugin.core.session import RunSettings
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.worker.backends import choose, runtimes

ONNX, TENSORS = WeightFile("/m.onnx", "onnx"), WeightFile("/m.safetensors", "safetensors")
RADIOMETRY = compose([BandScaling()], VALUE_RANGES["dn"], 1)


@pytest.fixture
def machine(monkeypatch):
    """Pretend that some packages are installed and some devices are there; gives what would be opened."""

    def pretend(
        packages=("onnxruntime", "torch"), torch=("cpu",), onnx=("cpu",), openvino=("cpu",), reduced=(), chip="x86_64"
    ):
        opened = []
        devices = {"torch": torch, "onnxruntime": onnx, "openvino": openvino}
        monkeypatch.setattr(runtimes, "find_spec", lambda name: name if name in packages else None)
        monkeypatch.setattr(runtimes.platform, "machine", lambda: chip)

        def reaches(runtime, device):
            return device.split(":")[0] in devices[runtime.name]

        def opens(runtime, card, device, settings):
            opened.append((runtime.name, runtime.weight(card).container, device))

        monkeypatch.setattr(runtimes.Runtime, "reaches", reaches)
        monkeypatch.setattr(runtimes.Runtime, "open", opens)
        kinds = {name: "bfloat16" for name in reduced}
        monkeypatch.setattr(runtimes.Runtime, "reduced_type", lambda runtime, device: kinds.get(runtime.name))

        def ask(weights, device="auto", precision="auto", backend="auto"):
            card = ModelCard("m", "m", "f", 2, weights=weights)
            choose.open_backend(card, RunSettings(RADIOMETRY, "uint8", device, precision, backend=backend))
            return opened[-1]

        return ask

    return pretend


EVERYTHING = ("onnxruntime", "torch", "openvino")


def test_without_a_gpu_openvino_comes_first(machine):
    ask = machine(packages=EVERYTHING)
    assert ask((ONNX, TENSORS)) == ("openvino", "onnx", "cpu")
    assert ask((TENSORS,)) == ("openvino", "safetensors", "cpu")
    ask = machine()
    assert ask((ONNX, TENSORS)) == ("onnxruntime", "onnx", "cpu")
    assert ask((TENSORS,)) == ("torch", "safetensors", "cpu")


def test_other_chips_than_intel_and_amd_keep_to_onnx_runtime(machine):
    assert machine(packages=EVERYTHING, chip="aarch64")((ONNX, TENSORS)) == ("onnxruntime", "onnx", "cpu")


def test_openvino_takes_tensors_only_where_torch_can_build_the_network(machine):
    ask = machine(packages=("onnxruntime", "openvino"))
    assert ask((ONNX, TENSORS)) == ("openvino", "onnx", "cpu")
    with pytest.raises(RuntimeMissing, match="torch"):
        ask((TENSORS,))


def test_reduced_precision_goes_to_who_gains_from_it(machine):
    assert machine(reduced=("torch",))((ONNX, TENSORS), precision="reduced")[0] == "torch"
    assert machine(packages=EVERYTHING, reduced=("openvino", "torch"))((ONNX,), precision="reduced")[0] == "openvino"
    assert machine()((ONNX, TENSORS), precision="reduced")[0] == "onnxruntime"


def test_a_runtime_that_has_to_be_used(machine):
    ask = machine(packages=EVERYTHING)
    assert ask((ONNX, TENSORS), backend="torch") == ("torch", "safetensors", "cpu")
    with pytest.raises(DeviceUnavailable, match="openvino"):
        machine()((ONNX, TENSORS), backend="openvino")


def test_a_network_that_openvino_cannot_convert_goes_to_the_next(machine, monkeypatch):
    ask = machine(packages=EVERYTHING)
    opens = runtimes.Runtime.open

    def refuses(runtime, *arguments):
        if runtime.name == "openvino":
            raise ModelFailed("OpenVINO cannot convert the network.")
        opens(runtime, *arguments)

    monkeypatch.setattr(runtimes.Runtime, "open", refuses)
    assert ask((TENSORS,)) == ("torch", "safetensors", "cpu")


def test_the_light_environment_runs_what_it_can(machine):
    ask = machine(packages=("onnxruntime",))
    assert ask((ONNX, TENSORS)) == ("onnxruntime", "onnx", "cpu")
    with pytest.raises(RuntimeMissing, match="torch") as caught:
        ask((TENSORS,))
    assert "--create full" in caught.value.hint


def test_without_any_package_the_light_one_is_named(machine):
    with pytest.raises(RuntimeMissing) as caught:
        machine(packages=())((ONNX, TENSORS))
    assert "--create light" in caught.value.hint


def test_a_gpu_is_taken_by_auto(machine):
    both = ("cpu", "cuda")
    assert machine(torch=both)((ONNX, TENSORS)) == ("torch", "safetensors", "cuda")
    assert machine(onnx=both)((ONNX,)) == ("onnxruntime", "onnx", "cuda")
    assert machine(torch=("cpu", "mps"))((ONNX, TENSORS)) == ("torch", "safetensors", "mps")
    assert machine(onnx=("cpu", "dml"))((ONNX, TENSORS)) == ("onnxruntime", "onnx", "dml")
    assert machine(packages=EVERYTHING, openvino=("cpu", "xpu"))((ONNX,)) == ("openvino", "onnx", "xpu")


def test_the_device_that_is_asked_for(machine):
    both = ("cpu", "cuda")
    ask = machine(torch=both, onnx=both)
    assert ask((ONNX, TENSORS), "cuda:1") == ("torch", "safetensors", "cuda:1")
    assert ask((ONNX,), "cuda:1") == ("onnxruntime", "onnx", "cuda:1")
    assert ask((ONNX, TENSORS), "cpu") == ("onnxruntime", "onnx", "cpu")


def test_torch_is_not_loaded_to_look_for_devices_that_the_system_rules_out(monkeypatch):
    monkeypatch.setattr(runtimes, "_has_library", lambda name: False)
    monkeypatch.setattr(runtimes.sys, "platform", "linux")

    def never(_runtime):
        raise AssertionError("a backend was loaded")

    monkeypatch.setattr(runtimes.Runtime, "_module", never)
    assert not any(runtimes.TORCH.reaches(device) for device in ("cuda", "mps"))
    assert not runtimes.ONNXRUNTIME.reaches("dml")


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
