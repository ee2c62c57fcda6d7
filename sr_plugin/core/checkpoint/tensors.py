"""Tensors as descriptions that turn into numpy arrays only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from sr_plugin.core.checkpoint.limits import damaged, hostile
from sr_plugin.core.errors import ModelUnreadable

MAX_DIMENSIONS = 16


class Sealed:
    """Base of what pickles may hold but must not change: a pickle can set the state of any object that it built,
    frozen or not, and so could move a tensor's bounds after they were checked."""

    def __setstate__(self, state: Any) -> None:
        raise ValueError("a tensor description must not be changed")


@dataclass(frozen=True)
class ElementType(Sealed):
    """The type of a tensor's elements.

    Attributes:
        name: numpy name, or ``bfloat16``, or the foreign name of a type that cannot be read.
        stored: numpy type of the bytes in the file (little-endian), or empty where it cannot be read.
    """

    name: str
    stored: str

    @property
    def size(self) -> int:
        """Bytes of one element in the file."""
        return np.dtype(self.stored).itemsize

    def decode(self, values: np.ndarray) -> np.ndarray:
        """The numbers behind the stored bytes; bfloat16 becomes float32, whose upper half it is."""
        if self.name == "bfloat16":
            return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return values.astype(values.dtype.newbyteorder("="), copy=False)


ELEMENT_TYPES: Dict[str, ElementType] = {
    name: ElementType(name, stored)
    for name, stored in (
        ("float64", "<f8"),
        ("float32", "<f4"),
        ("float16", "<f2"),
        ("bfloat16", "<u2"),
        ("int64", "<i8"),
        ("int32", "<i4"),
        ("int16", "<i2"),
        ("int8", "|i1"),
        ("uint64", "<u8"),
        ("uint32", "<u4"),
        ("uint16", "<u2"),
        ("uint8", "|u1"),
        ("bool", "|b1"),
    )
}

#: Reads bytes ``start`` to ``stop`` of one storage.
ReadBytes = Callable[[int, int], bytes]


class Storage(Sealed):
    """A run of elements in a file, shared by the tensors that view it.

    Args:
        path: the file, for messages.
        element: type of the elements.
        count: number of elements that the file declares.
    """

    def __init__(self, path: str, element: ElementType, count: int) -> None:
        if not isinstance(count, int) or count < 0:
            raise hostile(path, "a storage has an impossible size")
        self.path = path
        self.element = element
        self.count = count
        self._read: Optional[ReadBytes] = None

    def attach(self, read: ReadBytes, byte_length: int) -> None:
        """Say where the bytes are.

        Raises:
            ModelUnreadable: when ``byte_length`` is not what the declared elements take.
        """
        if self.element.stored and byte_length != self.count * self.element.size:
            raise hostile(
                self.path, f"a storage of {self.count} {self.element.name} elements has {byte_length} bytes instead"
            )
        self._read = read

    def values(self, first: int, last: int) -> np.ndarray:
        """Stored elements ``first`` to ``last`` (inclusive), 1-D, not yet decoded."""
        if not self.element.stored:
            raise ModelUnreadable(
                f"'{self.path}' holds tensors of type {self.element.name}, which cannot be read.",
                "Save the model in float32 or float16.",
            )
        if self._read is None:
            raise damaged(self.path, "the numbers of a tensor are missing")
        size = self.element.size
        data = self._read(first * size, (last + 1) * size)
        if len(data) != (last + 1 - first) * size:
            raise damaged(self.path, "the numbers of a tensor are cut short")
        return np.frombuffer(data, np.dtype(self.element.stored))


@dataclass(frozen=True)
class StorageView(Sealed):
    """Elements ``start`` to ``start + count`` of a storage; tensors are bounded by it."""

    storage: Storage
    start: int
    count: int

    def __post_init__(self) -> None:
        fits = 0 <= self.start and 0 <= self.count and self.start + self.count <= self.storage.count
        if not fits:
            raise hostile(self.storage.path, "a view lies outside its storage")


@dataclass(frozen=True)
class TensorRecord(Sealed):
    """A tensor that has not been read yet.

    Attributes:
        view: the elements it may use.
        offset: its first element, counted from the view's start.
        shape: sizes.
        strides: steps in elements, one per dimension.
        name: its name in the file, empty where the container names tensors elsewhere.

    Raises:
        ModelUnreadable: from the constructor when any element would lie outside the view.
    """

    view: StorageView
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]
    name: str = ""

    def __post_init__(self) -> None:
        path = self.view.storage.path
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            raise hostile(path, "a tensor has an impossible number of dimensions")
        if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in numbers):
            raise hostile(path, "a tensor has a negative size, stride or offset")
        if self.count and self.offset + self.last >= self.view.count:
            raise hostile(path, "a tensor reaches beyond its storage")

    @property
    def dtype(self) -> str:
        """Name of the element type, for example ``float16`` or ``bfloat16``."""
        return self.view.storage.element.name

    @property
    def count(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total

    @property
    def last(self) -> int:
        """Distance in elements from the first to the farthest element."""
        return sum((size - 1) * step for size, step in zip(self.shape, self.strides)) if self.count else 0

    @property
    def nbytes(self) -> int:
        """Bytes of the array that :meth:`array` gives."""
        element = self.view.storage.element
        return self.count * (4 if element.name == "bfloat16" or not element.stored else element.size)

    def array(self) -> np.ndarray:
        """The numbers, a fresh C-contiguous array; bfloat16 as float32, other types as they are.

        Raises:
            ModelUnreadable: when the bytes are missing or of a type that cannot be read.
        """
        storage = self.view.storage
        if not self.count:
            return storage.element.decode(np.empty(self.shape, storage.element.stored or "<f4"))
        start = self.view.start + self.offset
        values = storage.values(start, start + self.last)
        steps = tuple(step * values.itemsize for step in self.strides)
        spread = np.lib.stride_tricks.as_strided(values, self.shape, steps, writeable=False)
        return storage.element.decode(np.array(spread, order="C"))


def contiguous_strides(shape: Tuple[int, ...]) -> Tuple[int, ...]:
    """Strides in elements of a C-contiguous tensor."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))
