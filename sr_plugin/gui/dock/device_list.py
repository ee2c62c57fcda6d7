"""What there is to compute on, and what "automatic" comes to for a model."""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Optional, Tuple

from sr_plugin.core.card import ModelCard
from sr_plugin.processing.translation import tr
from sr_plugin.runtime.probe import PythonProbe

AUTO = "auto"


def needs_of(card: Optional[ModelCard]) -> str:
    """What the worker must be able to run: ``builtin``, ``onnx`` or ``checkpoint``."""
    if card is None or not card.weights:
        return "builtin"
    return "onnx" if any(weight.container == "onnx" for weight in card.weights) else "checkpoint"


def automatic_device(probe: PythonProbe, card: Optional[ModelCard]) -> str:
    """Identifier of the device that ``auto`` takes for a model: the worker's own order of preference."""
    found = [str(device["id"]) for device in probe.devices]
    if card is None or not card.weights:
        return "cpu"
    has_torch = "torch" in probe.packages
    tensors = has_torch and any(weight.container != "onnx" for weight in card.weights)
    cuda = next((name for name in found if name.startswith("cuda")), "")
    # With torch the list says what torch reaches, without it what onnxruntime does.
    if cuda and (tensors or not has_torch):
        return cuda
    if tensors and "mps" in found:
        return "mps"
    if any(weight.container == "onnx" for weight in card.weights) or tensors:
        return next((name for name in found if name.startswith("xpu")), "cpu")
    return "cpu"


def device_name(device: Mapping[str, Any]) -> str:
    """A device with its name, such as ``GPU 0: NVIDIA A100 (40 GB)``."""
    identifier, name = str(device["id"]), str(device.get("name") or "")
    if identifier == "cpu":
        return tr("CPU: {0}, {1}").format(name, _cores()) if name else tr("CPU: {}").format(_cores())
    memory = int(device.get("memory_mb") or 0)
    suffix = f" ({memory / 1024:.0f} GB)" if memory else ""
    if identifier.startswith("cuda"):
        return f"GPU {identifier.partition(':')[2] or 0}: {name}{suffix}"
    return f"GPU: {name}{suffix}"


def device_choices(probe: PythonProbe, card: Optional[ModelCard]) -> List[Tuple[str, str]]:
    """Value of the DEVICE parameter and title of each device, the automatic choice first."""
    automatic = automatic_device(probe, card)
    named = {str(device["id"]): device for device in probe.devices}
    short = tr("CPU, {}").format(_cores()) if automatic == "cpu" else str(named[automatic].get("name") or automatic)
    choices = [(AUTO, tr("Automatic ({})").format(short))]
    return choices + [(identifier, device_name(device)) for identifier, device in named.items()]


def _cores() -> str:
    count = os.cpu_count() or 1
    return tr("1 core") if count == 1 else tr("{} cores").format(count)
