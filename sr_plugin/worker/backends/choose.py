"""Which backend runs a model: the file it has, the packages that are installed, the device that is wanted."""

from __future__ import annotations

from importlib.util import find_spec

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, RuntimeMissing
from sr_plugin.core.session import RunSettings
from sr_plugin.worker.backends.base import Backend


def _weight(card: ModelCard, containers: tuple[str, ...]) -> WeightFile | None:
    return next((w for w in card.weights if w.container in containers), None)


def _torch_has(device: str) -> bool:
    from sr_plugin.worker.backends.torch_backend import device_available

    return device_available(device)


def open_backend(card: ModelCard, settings: RunSettings) -> Backend:
    """Load a model on the first backend that can run it.

    Raises:
        RuntimeMissing: when the packages for the model's files are not installed.
        DeviceUnavailable: when no backend reaches the device.
        SuperResolutionError: from loading the model.
    """
    onnx = _weight(card, ("onnx",)) if find_spec("onnxruntime") else None
    tensors = _weight(card, ("safetensors", "checkpoint")) if find_spec("torch") else None
    if onnx is None and tensors is None:
        needed = "onnxruntime" if _weight(card, ("onnx",)) else "torch"
        size = "light" if needed == "onnxruntime" else "full"
        raise RuntimeMissing(
            f"The model '{card.name}' needs the package {needed}, which the worker's Python does not have.",
            f"Create it with: python -m sr_plugin environment --create {size}",
        )
    from sr_plugin.worker.backends import onnx_backend

    device = settings.device
    if device == "auto":
        device = "cpu"
        if (tensors and _torch_has("cuda")) or (onnx and onnx_backend.device_available("cuda")):
            device = "cuda"
        elif tensors and _torch_has("mps"):
            device = "mps"
    wants_torch = device != "cpu" or settings.precision == "reduced"
    if tensors and (onnx is None or wants_torch) and (device == "cpu" or _torch_has(device)):
        from sr_plugin.worker.backends.torch_backend import TorchBackend

        return TorchBackend(card, tensors, device, settings)
    if onnx and (device == "cpu" or onnx_backend.device_available(device)):
        return onnx_backend.OnnxBackend(card, onnx, device, settings)
    raise DeviceUnavailable(f"The device '{device}' is not available to the worker's Python.")
