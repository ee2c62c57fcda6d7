"""The header of an ONNX file, read with nothing but the standard library.

Only what a model card needs is read: the graph's inputs and outputs with their types and shapes, the opset, the
metadata, and the names of files with external data. Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Set, Tuple, Union

from sr_plugin.core.errors import ModelUnreadable

_ELEMENT_TYPES = {1: "float32", 10: "float16", 11: "float64", 2: "uint8", 5: "int16", 6: "int32", 7: "int64"}
_MAX_FIELDS = 5_000_000
#: Graphs inside nodes (loops, branches) nest no deeper than this in sensible files.
_MAX_DEPTH = 16

#: A field's value: an integer, or the start and end of its bytes.
_Value = Union[int, Tuple[int, int]]


@dataclass(frozen=True)
class OnnxTensor:
    """An input or output of the graph.

    Attributes:
        name: its name.
        element_type: numpy name of its elements, or empty.
        shape: sizes, None where free.
    """

    name: str
    element_type: str
    shape: Tuple[Optional[int], ...]


@dataclass
class OnnxHeader:
    """What an ONNX file says about itself.

    Attributes:
        inputs, outputs: of the graph, without the weights.
        opset: version of the standard operators.
        producer: the program that wrote it.
        metadata: keys and texts.
        external: files, relative to the model's folder, that hold weights.
    """

    inputs: List[OnnxTensor] = field(default_factory=list)
    outputs: List[OnnxTensor] = field(default_factory=list)
    opset: int = 0
    producer: str = ""
    metadata: Dict[str, str] = field(default_factory=dict)
    external: List[str] = field(default_factory=list)


class _Reader:
    """Walks protobuf wire format over a buffer."""

    def __init__(self, buffer: Union[bytes, mmap.mmap]) -> None:
        self._buffer = buffer
        self._seen = 0

    def _varint(self, at: int, end: int) -> Tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self._buffer[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise ValueError("a number runs past its end")

    def fields(self, start: int, end: int) -> Iterator[Tuple[int, _Value]]:
        """Number and value of each field between two offsets."""
        at = start
        while at < end:
            self._seen += 1
            if self._seen > _MAX_FIELDS:
                raise ValueError("too many fields")
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = self._varint(at, end)
                yield number, value
                continue
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                if wire != 2:
                    raise ValueError("a field of an unknown kind")
                size, at = self._varint(at, end)
            if at + size > end:
                raise ValueError("a field runs past its end")
            yield number, (at, at + size)
            at += size

    def text(self, span: _Value) -> str:
        """The bytes of a field as text."""
        start, end = _span(span)
        return bytes(self._buffer[start : min(end, start + (1 << 20))]).decode("utf-8", "replace")


def _span(value: _Value) -> Tuple[int, int]:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _shape(reader: _Reader, span: _Value) -> Tuple[Optional[int], ...]:
    sizes: List[Optional[int]] = []
    for number, dimension in reader.fields(*_span(span)):
        if number == 1:
            values = dict(reader.fields(*_span(dimension)))
            size = values.get(1)
            sizes.append(size if isinstance(size, int) and 0 < size < 2**31 else None)
    return tuple(sizes)


def _tensor(reader: _Reader, span: _Value) -> OnnxTensor:
    name, element, shape = "", "", ()  # type: str, str, Tuple[Optional[int], ...]
    for number, value in reader.fields(*_span(span)):
        if number == 1:
            name = reader.text(value)
        elif number == 2:
            for kind, tensor_type in reader.fields(*_span(value)):
                if kind != 1:
                    continue
                for part, content in reader.fields(*_span(tensor_type)):
                    if part == 1 and isinstance(content, int):
                        element = _ELEMENT_TYPES.get(content, "")
                    elif part == 2:
                        shape = _shape(reader, content)
    return OnnxTensor(name, element, shape)


def _external_of_sparse(reader: _Reader, span: _Value) -> Iterator[str]:
    for number, value in reader.fields(*_span(span)):
        if number in (1, 2):
            yield from _external_of_tensor(reader, value)


def _external_of_tensor(reader: _Reader, span: _Value) -> Iterator[str]:
    for number, value in reader.fields(*_span(span)):
        if number == 13:
            key, text = _pair(reader, value)
            if key == "location":
                yield text


def _external_of_node(reader: _Reader, span: _Value, depth: int) -> Iterator[str]:
    attributes = [v for n, v in reader.fields(*_span(span)) if n == 5]
    for attribute in attributes:
        for part, content in reader.fields(*_span(attribute)):
            if part in (5, 10):
                yield from _external_of_tensor(reader, content)
            elif part in (22, 23):
                yield from _external_of_sparse(reader, content)
            elif part in (6, 11):
                yield from _external_of_graph(reader, content, depth + 1)


def _external_of_graph(reader: _Reader, span: _Value, depth: int = 0) -> Iterator[str]:
    """Files with weights of a graph: of its initialisers, and of the constants and graphs inside its nodes."""
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nested too deep")
    for number, value in reader.fields(*_span(span)):
        if number == 5:
            yield from _external_of_tensor(reader, value)
        elif number == 15:
            yield from _external_of_sparse(reader, value)
        elif number == 1:
            yield from _external_of_node(reader, value, depth)


def _external_of_function(reader: _Reader, span: _Value) -> Iterator[str]:
    for number, value in reader.fields(*_span(span)):
        if number == 7:
            yield from _external_of_node(reader, value, 0)


def _pair(reader: _Reader, span: _Value) -> Tuple[str, str]:
    values = {number: reader.text(value) for number, value in reader.fields(*_span(span)) if number in (1, 2)}
    return values.get(1, ""), values.get(2, "")


def _read_graph(reader: _Reader, span: _Value, header: OnnxHeader) -> Set[str]:
    """Note inputs, outputs and external files of the graph; the names of its weights."""
    weights: Set[str] = set()
    for part, content in reader.fields(*_span(span)):
        if part == 11:
            header.inputs.append(_tensor(reader, content))
        elif part == 12:
            header.outputs.append(_tensor(reader, content))
        elif part == 5:
            names = [v for n, v in reader.fields(*_span(content)) if n == 8]
            weights.update(reader.text(name) for name in names)
    header.external.extend(dict.fromkeys(_external_of_graph(reader, span)))
    return weights


def _read(reader: _Reader, size: int) -> OnnxHeader:
    header = OnnxHeader()
    weights: Set[str] = set()
    for number, value in reader.fields(0, size):
        if number == 2:
            header.producer = reader.text(value)
        elif number == 7:
            weights.update(_read_graph(reader, value, header))
        elif number == 8:
            opset = dict(reader.fields(*_span(value)))
            if 1 not in opset or not reader.text(opset[1]):
                version = opset.get(2, 0)
                header.opset = version if isinstance(version, int) else 0
        elif number == 14:
            key, text = _pair(reader, value)
            header.metadata[key] = text
        elif number == 25:
            header.external.extend(dict.fromkeys(_external_of_function(reader, value)))
    # Old exporters list the weights among the inputs.
    header.inputs = [tensor for tensor in header.inputs if tensor.name not in weights]
    return header


def read_onnx_header(path: str) -> OnnxHeader:
    """Read the header of an ONNX file.

    Raises:
        ModelUnreadable: when the file is no ONNX model.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            header = _read(_Reader(buffer), len(buffer))
    except OSError as error:
        raise ModelUnreadable(f"The model file '{path}' cannot be read ({error}).") from error
    except ValueError as error:
        raise ModelUnreadable(
            f"The plugin cannot load '{path}': it is no ONNX model, or it is damaged ({error})."
        ) from error
    if not header.inputs or not header.outputs:
        raise ModelUnreadable(f"The plugin cannot load '{path}': it is no ONNX model with an input and an output.")
    return header


def check_external_data(path: str, header: OnnxHeader) -> None:
    """Refuse a model whose weights lie in files outside its own folder.

    Raises:
        ModelUnreadable: naming the file that is outside or missing.
    """
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    for location in header.external:
        # No file has a zero in its name; the system's functions would fail on it.
        target = os.path.realpath(os.path.join(folder, location.replace("\0", "?")))
        if os.path.isabs(location) or not target.startswith(os.path.join(folder, "")):
            raise ModelUnreadable(
                f"'{path}' keeps its weights in a file outside its own folder ({location}).",
                "Use only models that you trust; export it again with the weights beside it.",
            )
        if not os.path.isfile(target):
            raise ModelUnreadable(
                f"The file '{location}' with the weights of '{path}' is missing.", "Put it beside the model file."
            )
