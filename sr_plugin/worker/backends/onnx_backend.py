"""ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, ModelUnreadable, OutOfMemory
from sr_plugin.core.onnx_file import check_external_data, read_onnx_header
from sr_plugin.core.session import LoadedModel, RunSettings
from sr_plugin.worker.backends.base import Backend, first_line, is_out_of_memory, thread_count
from sr_plugin.worker.backends.image_layout import ImageLayout, group_order

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "dml": "DmlExecutionProvider"}
_NAMES = {"cpu": "CPU", "cuda": "CUDA device", "dml": "DirectML device"}


def load_onnxruntime() -> Any:
    """The module ``onnxruntime``, told not to send figures of use over the network, which builds for Windows may do.

    Raises:
        ImportError: when it is not installed.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def device_available(device: str) -> bool:
    """True where ONNX Runtime was built with a provider for the device (``cpu``, ``cuda``, ``dml``, or ``cuda:N``)."""
    try:
        onnxruntime = load_onnxruntime()
    except ImportError:
        return False
    return _PROVIDERS.get(device.split(":")[0]) in onnxruntime.get_available_providers()


def reduced_type(device: str) -> str | None:
    """ONNX Runtime computes in the type of the file, so there is none."""
    return None


class OnnxBackend(Backend):
    """A model in ONNX format with one image in, or one for each group of bands, and one image out.

    Raises:
        ModelUnreadable: when the file is no model that ONNX Runtime can run.
        DeviceUnavailable: when the session silently fell back to another device than the one asked for.
    """

    def __init__(self, card: ModelCard, weight: WeightFile, device: str, settings: RunSettings) -> None:
        onnxruntime = load_onnxruntime()
        check_external_data(weight.path, read_onnx_header(weight.path))
        kind, _, number = device.partition(":")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count(settings.threads)
        options.inter_op_num_threads = 1
        # Tiles at the border differ in shape; an arena would keep the memory of every shape it has seen.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        provider: object = _PROVIDERS[kind]
        if kind == "dml":
            provider = (_PROVIDERS[kind], {"device_id": int(number or 0)})
            # DirectML allows neither.
            options.enable_mem_pattern = False
            options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        if kind == "cuda":
            # An exhaustive search for the best convolution would cost seconds for every new tile shape.
            provider = (_PROVIDERS[kind], {"device_id": int(number or 0), "cudnn_conv_algo_search": "HEURISTIC"})
        try:
            self._session = onnxruntime.InferenceSession(weight.path, options, providers=[provider])
        except Exception as error:  # the runtime raises types of its own for every kind of bad file
            if is_out_of_memory(error):
                raise OutOfMemory(f"There is too little memory to load the model '{card.name}'.") from error
            raise ModelUnreadable(f"ONNX Runtime cannot load '{weight.path}' ({first_line(error)}).") from error
        if self._session.get_providers()[0] != _PROVIDERS[kind]:
            raise DeviceUnavailable(f"ONNX Runtime cannot use the device '{device}' with the libraries it found.")
        self._inputs = self._session.get_inputs()
        self._half = self._inputs[0].type == "tensor(float16)"
        self._layout = ImageLayout(self._inputs[0].shape, self._session.get_outputs()[0].shape, self._half)
        self._device = "cpu" if kind == "cpu" else f"{kind}:{int(number or 0)}"
        self._version = onnxruntime.__version__
        self._precision_asked = settings.precision

    def describe(self) -> LoadedModel:
        """See :class:`Backend`."""
        notes = ()
        if self._precision_asked == "reduced" and not self._half:
            notes = ("ONNX Runtime runs this model in float32; reduced precision needs OpenVINO or torch.",)
        kind, _, number = self._device.partition(":")
        name = f"{_NAMES[kind]} {number}".strip()
        precision = "float16" if self._half else "float32"
        return LoadedModel(f"onnxruntime {self._version}", self._device, name, precision, notes)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """See :class:`Backend`."""
        if len(inputs) != len(self._inputs):
            raise ModelFailed(f"The ONNX graph takes {len(self._inputs)} inputs where {len(inputs)} are given.")
        return self._layout.run(self._run, *inputs)

    def _run(self, *images: np.ndarray) -> np.ndarray:
        order = group_order([item.name for item in self._inputs])
        try:
            fed = {self._inputs[n].name: image for n, image in zip(order, images, strict=True)}
            (output,) = self._session.run(None, fed)
        except Exception as error:  # see above
            if is_out_of_memory(error):
                raise OutOfMemory("The model ran out of memory on this tile.") from error
            raise ModelFailed(f"ONNX Runtime failed on a tile ({first_line(error)}).") from error
        return output
