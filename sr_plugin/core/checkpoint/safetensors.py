"""Safetensors files: a JSON header and raw little-endian numbers.

Format: https://github.com/huggingface/safetensors (8-byte header length, JSON header, data without gaps).
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from sr_plugin.core.checkpoint.limits import MAX_JSON_BYTES, MAX_TENSORS, damaged, hostile
from sr_plugin.core.checkpoint.tensors import (
    ELEMENT_TYPES,
    MAX_DIMENSIONS,
    ElementType,
    ReadBytes,
    Storage,
    StorageView,
    TensorRecord,
    contiguous_strides,
)
from sr_plugin.core.errors import OutputError

_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_CODES = {name: code for code, name in _TYPES.items()}
_METADATA = "__metadata__"
_ALIGNMENT = 8


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _read_header(path: str) -> Tuple[Dict[str, Any], int, int]:
    """The JSON header, where the data begins and how long it is."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(MAX_JSON_BYTES, size - 8):
                raise hostile(path, "its header is longer than the file or the limit")
            header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if not isinstance(header, dict):
        raise damaged(path, "its header is no JSON object")
    return header, 8 + length, size - 8 - length


def _reader(path: str, begin: int) -> ReadBytes:
    def read(start: int, stop: int) -> bytes:
        try:
            with open(path, "rb") as file:
                file.seek(begin + start)
                return file.read(stop - start)
        except OSError as error:
            raise damaged(path, error) from error

    return read


def _record(path: str, name: str, entry: Any, data_begin: int) -> Tuple[int, int, TensorRecord]:
    """Begin and end in the data, and the tensor, of one header entry."""
    try:
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        code = entry["dtype"]
        numbers = (begin, end, *shape)
        if len(shape) > MAX_DIMENSIONS or any(type(n) is not int or not 0 <= n < 1 << 63 for n in numbers):
            raise ValueError("sizes and offsets must be whole numbers, and not too many")
        if end < begin:
            raise ValueError("it ends before it begins")
        element = ELEMENT_TYPES[_TYPES[code]] if code in _TYPES else ElementType(str(code), "")
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"the entry '{name[:100]}' of its header is broken: {error}") from error
    count = 1
    for size in shape:
        count *= size
    storage = Storage(path, element, count)
    storage.attach(_reader(path, data_begin + begin), end - begin)
    return begin, end, TensorRecord(StorageView(storage, 0, count), 0, shape, contiguous_strides(shape), name)


def read_safetensors(path: str) -> Tuple[Dict[str, TensorRecord], Dict[str, str]]:
    """Tensor records by name, and the file's text metadata.

    Raises:
        ModelUnreadable: when the header is broken, or tensors overlap, leave gaps or reach beyond the file.
    """
    header, data_begin, data_length = _read_header(path)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise damaged(path, "its metadata is no JSON object")
    if len(header) > MAX_TENSORS:
        raise hostile(path, f"it holds more than {MAX_TENSORS} tensors")
    entries = [_record(path, name, entry, data_begin) for name, entry in header.items()]
    position = 0
    for begin, end, record in sorted(entries, key=lambda item: item[:2]):
        if begin != position:
            raise hostile(path, f"the tensor '{record.name[:100]}' overlaps another or leaves a gap")
        position = end
    if position != data_length:
        raise damaged(path, f"its tensors take {position} bytes, but {data_length} are there")
    return {record.name: record for _, _, record in entries}, {str(k): str(v) for k, v in metadata.items()}


def write_safetensors(
    path: str, tensors: Mapping[str, np.ndarray], metadata: Optional[Mapping[str, str]] = None
) -> None:
    """Write tensors and text metadata; the file appears under its name only when it is whole.

    Args:
        path: the file to write.
        tensors: arrays of a float, integer or bool type by name.
        metadata: texts by name.

    Raises:
        ValueError: when an array's type has no place in the format, or a metadata value is no text.
        OutputError: when the file cannot be written.
    """
    header: Dict[str, Any] = {}
    if metadata:
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()):
            raise ValueError("safetensors metadata must be texts")
        header[_METADATA] = dict(metadata)
    # Wide elements first, so that every tensor begins at a multiple of its element size.
    order = sorted(tensors, key=lambda name: (-np.asarray(tensors[name]).itemsize, name))
    position = 0
    for name in order:
        array = np.asarray(tensors[name])
        if array.dtype.name not in _CODES or name == _METADATA:
            raise ValueError(f"the tensor {name!r} of type {array.dtype} cannot be stored as safetensors")
        header[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                array = np.asarray(tensors[name])
                file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial):
            os.remove(partial)
        raise OutputError(f"'{path}' cannot be written ({error.strerror or error}).") from error
