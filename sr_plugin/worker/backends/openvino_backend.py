"""OpenVINO: ONNX files and loaded torch networks on Intel and AMD processors and Intel GPUs."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from sr_plugin.core.card import BAND_FUSION, ModelCard, WeightFile
from sr_plugin.core.errors import ModelFailed, ModelUnreadable, OutOfMemory
from sr_plugin.core.fusion_chain import fused_groups
from sr_plugin.core.locations import user_cache_folder
from sr_plugin.core.onnx_file import check_external_data, read_onnx_header
from sr_plugin.core.session import LoadedModel, RunSettings
from sr_plugin.worker.backends.base import Backend, first_line, is_out_of_memory, thread_count
from sr_plugin.worker.backends.image_layout import ImageLayout, group_order
from sr_plugin.worker.impulse import textured_tile

_DEVICES = {"cpu": "CPU", "xpu": "GPU"}
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
#: Graphs compiled for one tile shape are faster than the one for any shape, by 1 to 8 % from ONNX files and by 40 %
#: where OpenVINO converted a torch network; compiling takes a tenth of a second. Tiles at borders differ.
_SHAPES_KEPT = 6
#: Each of them holds working memory of its own, about twice its largest tensor. Where that tensor has more bytes than
#: this, only the graph in use holds any.
_LARGEST_KEPT = 32 << 20
#: Largest difference, as a share of the result's spread, at which the converted network counts as the same.
_TOLERATED = 1e-4


def load_openvino() -> Any:
    """The module ``openvino``, without its telemetry.

    That package would send figures of use over the network, which nobody asked for, and start a process to do so. Its
    import is made to fail, for which OpenVINO has a stand-in.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _core() -> Any:
    return load_openvino().Core()


def device_available(device: str) -> bool:
    """True where OpenVINO reaches the device (``cpu``, ``xpu`` or ``xpu:N``)."""
    kind, _, number = device.partition(":")
    try:
        known = _core().available_devices
    except ImportError:
        return False
    wanted = _DEVICES.get(kind)
    return wanted in known or f"{wanted}.{int(number or 0)}" in known


def reduced_type(device: str) -> str | None:
    """The reduced type that the device computes faster than float32, or None."""
    able = _core().get_property(_name_of(device), "OPTIMIZATION_CAPABILITIES")
    if device.startswith("xpu"):
        return "float16" if "FP16" in able else None
    return "bfloat16" if "BF16" in able else None


def _name_of(device: str) -> str:
    kind, _, number = device.partition(":")
    return _DEVICES[kind] + (f".{number}" if number else "")


class OpenVinoBackend(Backend):
    """A graph compiled by OpenVINO.

    Args:
        card: the model.
        weight: its ONNX file, or tensors of a network that torch can build.
        device: ``cpu``, ``xpu`` or ``xpu:N``.
        settings: threads and precision.

    Raises:
        ModelUnreadable: when OpenVINO cannot read the file.
        ModelFailed: when the network cannot be converted, or gives something else then.
        OutOfMemory: when there is too little memory to load it.
    """

    def __init__(self, card: ModelCard, weight: WeightFile, device: str, settings: RunSettings) -> None:
        self._openvino = load_openvino()
        self._core = self._openvino.Core()
        self._device, self._target = device, _name_of(device)
        reduced = reduced_type(device) if settings.precision == "reduced" else None
        self._asked, self._precision = settings.precision, reduced or "float32"
        self._options = {"INFERENCE_PRECISION_HINT": _HINTS[self._precision], "PERFORMANCE_HINT": "LATENCY"}
        if self._target == "CPU":
            self._options["INFERENCE_NUM_THREADS"] = str(thread_count(settings.threads))
        try:
            self._graph = self._read(card, weight)
            self._any = self._core.compile_model(self._graph, self._target, self._options)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise OutOfMemory(f"There is too little memory to load the model '{card.name}'.") from error
            raise ModelUnreadable(f"OpenVINO cannot load the model '{card.name}' ({first_line(error)}).") from error
        self._layout = self._layout_of(self._graph)
        self._compiled: OrderedDict[tuple[tuple[int, ...], ...], Any] = OrderedDict()
        #: The large graph that holds working memory, where there is one.
        self._holder: Any = None

    def _read(self, card: ModelCard, weight: WeightFile) -> Any:
        if weight.container == "onnx":
            check_external_data(weight.path, read_onnx_header(weight.path))
            return self._core.read_model(weight.path)
        path = _converted_path(card, self._openvino.__version__)
        graph = self._read_kept(path)
        if graph is None:
            graph = self._convert(card, weight)
            self._keep(graph, path)
        return graph

    def _read_kept(self, path: str) -> Any:
        """The graph of an earlier conversion; None where there is none, or a damaged one, which is deleted."""
        if not os.path.exists(path):
            return None
        try:
            return self._core.read_model(path)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            _delete_graph(path)
            return None

    def _keep(self, graph: Any, path: str) -> None:
        """Keep a graph for later runs, which spares them the loading of torch.

        Where it cannot be kept (no room, no right to write, a file that another worker has open), they convert again.
        """
        temporary = _with_suffix(path, f".{os.getpid()}.xml")
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._openvino.save_model(graph, temporary, compress_to_fp16=False)
            # The weights first: the name that is looked for appears when both are there.
            for suffix in (".bin", ".xml"):
                os.replace(_with_suffix(temporary, suffix), _with_suffix(path, suffix))
        except (OSError, RuntimeError):
            _delete_graph(temporary)

    def _convert(self, card: ModelCard, weight: WeightFile) -> Any:
        """The graph of a torch network, compared with the network itself."""
        import torch

        from sr_plugin.worker.architectures.spandrel_bridge import load_module

        network = load_module(replace(card, weights=(weight,))).float().eval()
        examples = [_example(card, *side) for side in _sides(card)]
        try:
            graph = self._openvino.convert_model(network, example_input=tuple(map(torch.from_numpy, examples[0])))
        except Exception as error:  # its front end has exceptions of its own for every missing operation
            raise ModelFailed(f"OpenVINO cannot convert the network ({first_line(error)}).") from error
        if card.tiles.fixed is None:
            graph.reshape({number: [-1, item.shape[1], -1, -1] for number, item in enumerate(examples[0])})
        compiled = self._core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for tiles in examples:
            with torch.inference_mode():
                expected = network(*map(torch.from_numpy, tiles)).numpy()
            result = compiled(list(tiles))[0]
            spread = max(float(np.ptp(expected)), 1e-6)
            if result.shape != expected.shape or np.abs(result - expected).max() > _TOLERATED * spread:
                raise ModelFailed("OpenVINO gives another result for this network.", "Use torch for it.")
        return graph

    def _layout_of(self, graph: Any) -> ImageLayout:
        shapes = [
            [dimension.get_length() if dimension.is_static else None for dimension in port.get_partial_shape()]
            for port in (graph.inputs[0], graph.outputs[0])
        ]
        return ImageLayout(shapes[0], shapes[1], graph.inputs[0].get_element_type().get_type_name() == "f16")

    def describe(self) -> LoadedModel:
        """See :class:`Backend`."""
        notes = ()
        if self._asked == "reduced" and self._precision == "float32":
            notes = ("This device gains nothing from reduced precision, so float32 is used.",)
        name = str(self._core.get_property(self._target, "FULL_DEVICE_NAME")).strip()
        version = self._openvino.__version__.split("-")[0]
        return LoadedModel(f"openvino {version}", self._device, name, self._precision, notes)

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """See :class:`Backend`."""
        if len(inputs) != len(self._graph.inputs):
            raise ModelFailed(f"The graph takes {len(self._graph.inputs)} inputs where {len(inputs)} are given.")
        return self._layout.run(self._run, *inputs)

    def _run(self, *images: np.ndarray) -> np.ndarray:
        order = group_order([port.any_name if port.names else "" for port in self._graph.inputs])
        by_number = {number: image for number, image in zip(order, images, strict=True)}
        given = [by_number[number] for number in range(len(images))]
        try:
            return self._for_shape(tuple(image.shape for image in given))(given, share_inputs=True)[0]
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise OutOfMemory("The model ran out of memory on this tile.") from error
            raise ModelFailed(f"OpenVINO failed on a tile ({first_line(error)}).") from error

    def _for_shape(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        """The graph compiled for the shapes of a tile."""
        if not self._graph.is_dynamic():
            return self._any
        if shapes not in self._compiled:
            graph = self._graph.clone()
            graph.reshape({number: list(shape) for number, shape in enumerate(shapes)})
            compiled = self._core.compile_model(graph, self._target, self._options)
            self._compiled[shapes] = compiled, _largest_tensor(graph) > _LARGEST_KEPT
            if len(self._compiled) > _SHAPES_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shapes)
        compiled, large = self._compiled[shapes]
        if large and self._holder is not compiled:
            if self._holder is not None:
                self._holder.release_memory()
            self._holder = compiled
        return compiled


def _largest_tensor(graph: Any) -> int:
    """Bytes of the largest float32 tensor of a graph with known shapes; those of unknown shape are left out."""
    ports = (port for operation in graph.get_ops() for port in operation.outputs())
    return max(4 * prod(port.get_shape()) for port in ports if port.get_partial_shape().is_static)


def _example(card: ModelCard, height: int, width: int) -> list[np.ndarray]:
    """One tile, or for band fusion one for each group of bands on the finest grid."""
    tile = textured_tile(max(1, len(card.input_bands)), height, width, seed=1)[None]
    if card.kind != BAND_FUSION:
        return [tile]
    return [np.ascontiguousarray(part) for part in np.split(tile, np.cumsum(fused_groups(card))[:-1], axis=1)]


def _sides(card: ModelCard) -> list[tuple[int, int]]:
    """Heights and widths on which a converted network is compared: two, where the network takes any."""
    if card.tiles.fixed is not None:
        return [card.tiles.fixed]
    multiple = card.tiles.multiple_of
    small = -(-max(32, card.tiles.minimum) // multiple) * multiple
    return [(small, small + multiple), (small + 2 * multiple, small)]


def _with_suffix(path: str, suffix: str) -> str:
    return path[: -len(".xml")] + suffix


def _delete_graph(path: str) -> None:
    for suffix in (".xml", ".bin"):
        # What cannot be deleted now is replaced by a later conversion.
        with suppress(OSError):
            os.remove(_with_suffix(path, suffix))


def _converted_path(card: ModelCard, version: str) -> str:
    """Where the converted graph is kept: named by the weights, the network's parameters and OpenVINO's version."""
    from sr_plugin.core.digest import sha256_of_json

    about = [card.sha256, card.family, dict(card.hyperparameters), version]
    return os.path.join(user_cache_folder(), "openvino", f"{sha256_of_json(about)[:24]}.xml")
