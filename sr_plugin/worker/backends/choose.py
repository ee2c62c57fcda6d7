"""Which backend runs a model: the files it has, the packages that are installed, the device that is wanted."""

from __future__ import annotations

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, ModelUnreadable, RuntimeMissing
from sr_plugin.core.session import RunSettings
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.runtimes import GPU_KINDS, OPENVINO, Runtime, runtimes_for

#: What OpenVINO raises for graphs that it does not know; another runtime may.
_CONVERSION_FAILED = (ModelFailed, ModelUnreadable)


def able_runtimes(card: ModelCard, settings: RunSettings) -> tuple[str, list[Runtime]]:
    """The device to use, and the runtimes that run the model there, the usually fastest first.

    Raises:
        RuntimeMissing: when the packages for the model's files are not installed.
        DeviceUnavailable: when no runtime reaches the device.
    """
    if not any(runtime.weight(card) for runtime in runtimes_for("cpu")):
        raise _missing(card)
    if settings.device != "auto":
        able = _on(card, settings.device, settings)
        if not able:
            raise DeviceUnavailable(f"The device '{settings.device}' is not available to the worker's Python.")
        return settings.device, able
    for device in GPU_KINDS:
        able = _on(card, device, settings)
        if able:
            return device, able
    able = _on(card, "cpu", settings)
    if not able:
        raise DeviceUnavailable(f"The runtime '{settings.backend}' is not available to the worker's Python.")
    return "cpu", able


def _on(card: ModelCard, device: str, settings: RunSettings) -> list[Runtime]:
    wanted = [r for r in runtimes_for(device) if settings.backend in ("auto", r.name)]
    return [runtime for runtime in wanted if runtime.weight(card) and runtime.reaches(device)]


def open_backend(card: ModelCard, settings: RunSettings) -> Backend:
    """Load a model with the runtime that is usually the fastest, without measuring anything.

    ``auto`` precision is float32 here. A network that OpenVINO cannot convert goes to the next runtime.

    Raises:
        RuntimeMissing: when the packages for the model's files are not installed.
        DeviceUnavailable: when no backend reaches the device.
        SuperResolutionError: from loading the model.
    """
    device, able = able_runtimes(card, settings)
    if settings.precision == "reduced":
        # Where one of them gains from reduced precision, that is what was asked for.
        able = [r for r in able if r.reduced_type(device)] + [r for r in able if not r.reduced_type(device)]
    return open_first(card, device, settings, able)


def open_reference(card: ModelCard, settings: RunSettings) -> Backend:
    """Load a model where measurements of it are made: a runtime that passes NaN on and keeps to the graph as it is.

    Raises:
        SuperResolutionError: as :func:`open_backend`.
    """
    device, able = able_runtimes(card, settings)
    plain = [runtime for runtime in able if runtime is not OPENVINO]
    return open_first(card, device, settings, plain or able)


def open_first(card: ModelCard, device: str, settings: RunSettings, able: list[Runtime]) -> Backend:
    """The model on the first of the runtimes that takes it.

    Raises:
        SuperResolutionError: what the last one said.
    """
    first, others = able[0], able[1:]
    if first is not OPENVINO or not others:
        return first.open(card, device, settings)
    try:
        return first.open(card, device, settings)
    except _CONVERSION_FAILED:
        return open_first(card, device, settings, others)


def _missing(card: ModelCard) -> RuntimeMissing:
    onnx = any(weight.container == "onnx" for weight in card.weights)
    needed, size = ("onnxruntime", "light") if onnx else ("torch", "full")
    return RuntimeMissing(
        f"The model '{card.name}' needs the package {needed}, which the worker's Python does not have.",
        f"Create it with: python -m sr_plugin environment --create {size}",
    )
