"""The table of runtimes: what each one needs, reads and reaches. One small module a runtime does the work."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.session import RunSettings
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.in_turn import InTurn


@dataclass(frozen=True)
class Runtime:
    """One way to compute a network.

    Attributes:
        name: as settings and journals know it, also the first word of what its backends say of themselves.
        packages: modules that must be installed to run a weight file of a container.
        module, backend: where its backend is.
        devices: kinds of devices it may reach.
    """

    name: str
    packages: dict[str, tuple[str, ...]]
    module: str
    backend: str
    devices: tuple[str, ...]

    def weight(self, card: ModelCard) -> WeightFile | None:
        """The first of the model's files that it can run with what is installed."""
        for weight in card.weights:
            needed = self.packages.get(weight.container)
            if needed and all(find_spec(package) is not None for package in needed):
                return weight
        return None

    def reaches(self, device: str) -> bool:
        """True where the device is there for this runtime."""
        kind = device.split(":")[0]
        return kind in self.devices and _may_exist(kind) and bool(self._module().device_available(device))

    def reduced_type(self, device: str) -> str | None:
        """The reduced type that pays on the device, or None."""
        return self._module().reduced_type(device)

    def open(self, card: ModelCard, device: str, settings: RunSettings) -> Backend:
        """Load the model; the backend may be called from several threads.

        Raises:
            SuperResolutionError: from loading.
        """
        return InTurn(getattr(self._module(), self.backend)(card, self.weight(card), device, settings))

    def _module(self) -> Any:
        return import_module(f"sr_plugin.worker.backends.{self.module}")


def _may_exist(kind: str) -> bool:
    """False where the system rules a kind of device out, which spares the loading of torch."""
    if kind == "cuda":
        return _has_library("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    if kind == "mps":
        return sys.platform == "darwin" and platform.machine() == "arm64"
    if kind == "dml":
        return sys.platform == "win32"
    return True


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


_TENSORS = ("safetensors", "checkpoint")
OPENVINO = Runtime(
    "openvino",
    {"onnx": ("openvino",), **dict.fromkeys(_TENSORS, ("openvino", "torch"))},
    "openvino_backend",
    "OpenVinoBackend",
    ("cpu", "xpu"),
)
ONNXRUNTIME = Runtime("onnxruntime", {"onnx": ("onnxruntime",)}, "onnx_backend", "OnnxBackend", ("cpu", "cuda", "dml"))
TORCH = Runtime("torch", dict.fromkeys(_TENSORS, ("torch",)), "torch_backend", "TorchBackend", ("cpu", "cuda", "mps"))

#: Kinds of devices that ``auto`` tries before the processor, the fastest first.
GPU_KINDS = ("cuda", "mps", "xpu", "dml")


def runtimes_for(device: str) -> Sequence[Runtime]:
    """The runtimes for a device, in the order in which they are usually fastest."""
    if device.split(":")[0] != "cpu":
        return (TORCH, ONNXRUNTIME, OPENVINO)
    if platform.machine().lower() in ("x86_64", "amd64"):
        return (OPENVINO, ONNXRUNTIME, TORCH)
    return (ONNXRUNTIME, TORCH, OPENVINO)
