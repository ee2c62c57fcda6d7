"""ONNX Runtime."""

from __future__ import annotations

import numpy as np

from sr_plugin.core.card import ModelCard, WeightFile
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, ModelUnreadable, OutOfMemory
from sr_plugin.core.onnx_file import check_external_data, read_onnx_header
from sr_plugin.core.onnx_layout import onnx_image
from sr_plugin.core.session import LoadedModel, RunSettings
from sr_plugin.worker.backends.base import Backend, is_out_of_memory, thread_count

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def device_available(device: str) -> bool:
    """True where ONNX Runtime was built with a provider for the device (``cpu``, ``cuda`` or ``cuda:N``)."""
    try:
        import onnxruntime
    except ImportError:
        return False
    return _PROVIDERS.get(device.split(":")[0]) in onnxruntime.get_available_providers()


class OnnxBackend(Backend):
    """A model in ONNX format with one image in and one image out.

    Raises:
        ModelUnreadable: when the file is no model that ONNX Runtime can run.
        DeviceUnavailable: when the session silently fell back to another device than the one asked for.
    """

    def __init__(self, card: ModelCard, weight: WeightFile, device: str, settings: RunSettings) -> None:
        import onnxruntime

        check_external_data(weight.path, read_onnx_header(weight.path))
        kind, _, number = device.partition(":")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count(settings.threads)
        options.inter_op_num_threads = 1
        # Tiles at the border differ in shape; an arena would keep the memory of every shape it has seen.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        provider: object = _PROVIDERS[kind]
        if kind == "cuda":
            # An exhaustive search for the best convolution would cost seconds for every new tile shape.
            provider = (_PROVIDERS[kind], {"device_id": int(number or 0), "cudnn_conv_algo_search": "HEURISTIC"})
        try:
            self._session = onnxruntime.InferenceSession(weight.path, options, providers=[provider])
        except Exception as error:  # the runtime raises types of its own for every kind of bad file
            if is_out_of_memory(error):
                raise OutOfMemory(f"There is too little memory to load the model '{card.name}'.") from error
            raise ModelUnreadable(f"ONNX Runtime cannot load '{weight.path}' ({_first_line(error)}).") from error
        if self._session.get_providers()[0] != _PROVIDERS[kind]:
            raise DeviceUnavailable(f"ONNX Runtime cannot use the device '{device}' with the libraries it found.")
        self._input = self._session.get_inputs()[0]
        self._half = self._input.type == "tensor(float16)"
        taken, given = onnx_image(self._input.shape), onnx_image(self._session.get_outputs()[0].shape)
        self._bands_last_in = taken is not None and taken.bands_last
        self._bands_last_out = given.bands_last if given is not None and given.bands else self._bands_last_in
        # Some exports take exactly one image at a time.
        self._one_by_one = taken is not None and taken.batch == 1
        self._device = "cpu" if kind == "cpu" else f"cuda:{int(number or 0)}"
        self._version = onnxruntime.__version__
        self._precision_asked = settings.precision

    def describe(self) -> LoadedModel:
        """See :class:`Backend`."""
        notes = ()
        if self._precision_asked == "reduced" and not self._half:
            notes = ("ONNX Runtime runs this model in float32; reduced precision needs its weights and torch.",)
        name = "CPU" if self._device == "cpu" else f"CUDA device {self._device[5:]}"
        precision = "float16" if self._half else "float32"
        return LoadedModel(f"onnxruntime {self._version}", self._device, name, precision, notes)

    def forward(self, batch: np.ndarray) -> np.ndarray:
        """See :class:`Backend`."""
        if self._one_by_one and batch.shape[0] > 1:
            return np.concatenate([self._run(batch[i : i + 1]) for i in range(batch.shape[0])])
        return self._run(batch)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if self._half:
            batch = batch.astype(np.float16)
        if self._bands_last_in:
            batch = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        try:
            (output,) = self._session.run(None, {self._input.name: batch})
        except Exception as error:  # see above
            if is_out_of_memory(error):
                raise OutOfMemory("The model ran out of memory on this tile.") from error
            raise ModelFailed(f"ONNX Runtime failed on a tile ({_first_line(error)}).") from error
        if self._bands_last_out and output.ndim == 4:
            output = output.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(output, dtype=np.float32)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
