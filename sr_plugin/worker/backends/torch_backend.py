"""PyTorch: networks rebuilt from their tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, OutOfMemory
from sr_plugin.core.session import LoadedModel, RunSettings
from sr_plugin.worker.backends.base import Backend, Finish, check_output, is_out_of_memory, thread_count


def device_available(device: str) -> bool:
    """True where torch reaches the device (``cpu``, ``cuda``, ``cuda:N``, ``mps``)."""
    try:
        import torch
    except ImportError:
        return False
    kind, _, number = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return kind == "cpu"


def _device_name(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"cpu": "CPU", "mps": "Apple GPU"}[device.type]


def reduced_type(device: str) -> str | None:
    """The reduced type that pays on a device (``cpu``, ``cuda``, ``cuda:N``, ``mps``), or None."""
    import torch

    kind = _reduced_type(torch.device(device))
    return None if kind is None else str(kind).removeprefix("torch.")


def _reduced_type(device: Any) -> Any:
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability().startswith(("AVX512", "AMX", "SVE")):
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None
    return None


class TorchBackend(Backend):
    """A network on a torch device, in channels-last memory layout.

    Raises:
        DeviceUnavailable: when the device is not there.
        ModelMismatch, ModelUnreadable, ModelNotRecognised: from reading the file.
    """

    def __init__(self, card: ModelCard, weight: WeightFile, device: str, settings: RunSettings) -> None:
        import torch

        from sr_plugin.worker.architectures.spandrel_bridge import load_module

        if not device_available(device):
            raise DeviceUnavailable(f"The device '{device}' is not available to torch {torch.__version__}.")
        torch.set_num_threads(thread_count(settings.threads))
        self._torch = torch
        self._device = torch.device(device if ":" in device or device != "cuda" else "cuda:0")
        # TF32 rounds products to 10 bits of mantissa, which would break the float32 promise.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._reduced = _reduced_type(self._device) if settings.precision == "reduced" else None
        self._asked = settings.precision
        try:
            network = load_module(replace(card, weights=(weight,)))
            self._network = network.to(self._device, memory_format=torch.channels_last)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise OutOfMemory(f"There is too little memory to load the model '{card.name}'.") from error
            raise

    def describe(self) -> LoadedModel:
        """See :class:`Backend`."""
        notes = ()
        if self._asked == "reduced" and self._reduced is None:
            notes = ("This device gains nothing from reduced precision, so float32 is used.",)
        precision = "float32" if self._reduced is None else str(self._reduced).removeprefix("torch.")
        version = f"torch {self._torch.__version__}"
        return LoadedModel(version, str(self._device), _device_name(self._device), precision, notes)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """See :class:`Backend`."""
        with self._failures_told():
            return np.ascontiguousarray(self._compute(*inputs).cpu().numpy())

    def _compute(self, *inputs: np.ndarray) -> Any:
        """The network's output on the device, float32."""
        torch = self._torch
        with torch.inference_mode(), self._autocast():
            tensors = [torch.from_numpy(batch).to(self._device) for batch in inputs]
            # Views of a series come as five-dimensional batches, which have no such layout.
            laid = [t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in tensors]
            return self._network(*laid).float()

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        torch = self._torch
        try:
            with torch.inference_mode():
                yield
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
                raise OutOfMemory(f"The model ran out of memory on {_device_name(self._device)}.") from error
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise ModelFailed(f"The network failed on a tile ({reason}).") from error

    @property
    def finishes(self) -> bool:
        """See :class:`Backend`."""
        return self._device.type == "cuda"

    def forward_finished(self, batch: np.ndarray, finish: Finish) -> np.ndarray:
        """See :class:`Backend`."""
        with self._failures_told():
            output = self._compute(batch)[0]
            check_output(tuple(output.shape), finish.shape, bool(self._torch.isfinite(output).all()))
            return self._final(output, finish).cpu().numpy().view(finish.pixel_type)

    def _final(self, output: Any, finish: Finish) -> Any:
        """Final pixels on the device, of unsigned types the bits, which torch knows for 8 bits only."""
        torch, crop = self._torch, finish.crop
        limits = np.iinfo(finish.pixel_type)
        pixels = output[:, crop.row : crop.bottom, crop.col : crop.right]
        gain, offset = (
            torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]
            for values in (finish.gain, finish.offset)
        )
        pixels = (pixels * gain + offset).round_().clamp_(limits.min, limits.max)
        # Through a wider type: what a cast does to numbers beyond a type's range is left to the device.
        wide = pixels.to(torch.int32)
        if limits.max == 65535:
            wide = torch.where(wide > 32767, wide - 65536, wide)
        return wide.to(torch.int16 if limits.bits == 16 else getattr(torch, finish.pixel_type)).contiguous()

    def _autocast(self) -> Any:
        if self._reduced is None:
            return nullcontext()
        return self._torch.autocast(self._device.type, dtype=self._reduced)
