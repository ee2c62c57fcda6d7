"""The wire between plugin and worker: one JSON header line, then the raw bytes of the arrays that it lists.

Every message is a *frame*. A request carries a number under ``id`` that its answer repeats. Arrays are little-endian,
C-contiguous, in the order of the header's ``arrays`` list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Dict, List, Mapping, Optional, Sequence

import numpy as np

from sr_plugin.core.buffers import empty_array
from sr_plugin.core.errors import ProtocolError

VERSION = 1

#: A header is small; anything longer is not ours.
MAX_HEADER_BYTES = 4 << 20
MAX_ARRAYS = 256
MAX_FRAME_BYTES = 16 << 30
_MAX_RATIO = 1e6
_DTYPES = frozenset("|u1 |i1 |b1 <u2 <i2 <u4 <i4 <u8 <i8 <f2 <f4 <f8".split())


@dataclass(frozen=True)
class NamedArray:
    """An array with the size of its pixels relative to the finest input grid (1.0: the same grid)."""

    name: str
    data: np.ndarray
    ratio: float = 1.0


@dataclass(frozen=True)
class Frame:
    """One message.

    Attributes:
        header: JSON object with at least ``type``.
        arrays: in the order in which they were sent.
    """

    header: Mapping[str, Any]
    arrays: Sequence[NamedArray] = field(default_factory=tuple)

    def array(self, name: str) -> np.ndarray:
        """The array of this name.

        Raises:
            ProtocolError: when there is none.
        """
        for item in self.arrays:
            if item.name == name:
                return item.data
        raise ProtocolError(f"The message '{self.header.get('type')}' lacks the array '{name}'.")


def write_frame(stream: BinaryIO, frame: Frame) -> None:
    """Write one frame and flush.

    Raises:
        OSError: when the other side is gone.
    """
    payload: List[np.ndarray] = []
    listed: List[Dict[str, Any]] = []
    for item in frame.arrays:
        data = np.ascontiguousarray(item.data)
        data = data.astype(data.dtype.newbyteorder("<"), copy=False)
        listed.append({"name": item.name, "dtype": data.dtype.str, "shape": list(item.data.shape), "ratio": item.ratio})
        payload.append(data)
    header = json.dumps({**frame.header, "arrays": listed}, separators=(",", ":"))
    stream.write(header.encode("ascii") + b"\n")
    for data in payload:
        if data.size:
            stream.write(memoryview(data.reshape(-1)).cast("B"))
    stream.flush()


def _read_exactly(stream: BinaryIO, buffer: memoryview) -> None:
    """Fill ``buffer`` from an unbuffered or buffered stream."""
    done = 0
    while done < len(buffer):
        count = stream.readinto(buffer[done:])  # type: ignore[attr-defined]
        if not count:
            raise ProtocolError("The connection to the worker broke in the middle of a message.")
        done += count


def _read_array(stream: BinaryIO, entry: Any, allowance: int) -> NamedArray:
    if not isinstance(entry, dict):
        raise ProtocolError("A message lists an array in a form that is not understood.")
    dtype, shape = entry.get("dtype"), entry.get("shape")
    whole = isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**40 for n in shape)
    if not isinstance(dtype, str) or dtype not in _DTYPES or not whole or len(shape) > 8:
        raise ProtocolError("A message lists an array of a type or shape that is not allowed.")
    count = 1
    for n in shape:
        count *= n
    if count * np.dtype(dtype).itemsize > allowance:
        raise ProtocolError("A message announces more bytes than are allowed.")
    ratio = entry.get("ratio", 1.0)
    # Whole numbers have no end in JSON, and those beyond a float's range cannot be one.
    if not isinstance(ratio, (int, float)) or not 0 < ratio < _MAX_RATIO:
        raise ProtocolError("A message gives a grid ratio that is no number.")
    try:
        data = empty_array(shape, dtype)
    except (MemoryError, OSError, ValueError) as error:
        raise ProtocolError("A message announces an array that cannot be made.") from error
    if data.size:
        _read_exactly(stream, memoryview(data.reshape(-1)).cast("B"))
    return NamedArray(str(entry.get("name", "")), data, float(ratio))


def read_frame(stream: BinaryIO) -> Optional[Frame]:
    """Read one frame; None at the end of the stream.

    Raises:
        ProtocolError: when the bytes are no frame.
    """
    line = stream.readline(MAX_HEADER_BYTES)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise ProtocolError("The connection to the worker broke in the middle of a message.")
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The worker's channel carried something that is no message.") from error
    if not isinstance(header, dict) or not isinstance(header.get("type"), str):
        raise ProtocolError("The worker's channel carried a message without a type.")
    entries = header.pop("arrays", [])
    if not isinstance(entries, list) or len(entries) > MAX_ARRAYS:
        raise ProtocolError("A message lists its arrays in a form that is not understood.")
    arrays: List[NamedArray] = []
    left = MAX_FRAME_BYTES
    for entry in entries:
        item = _read_array(stream, entry, left)
        left -= item.data.nbytes
        arrays.append(item)
    return Frame(header, tuple(arrays))
