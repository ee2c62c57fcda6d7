"""An unpickler that builds dictionaries, lists, numbers and tensor descriptions, and nothing else.

Every class or function that a file names and that is not in the short list here becomes an inert stand-in, so no code
of the file or of any installed package runs.
"""

from __future__ import annotations

import io
import pickle  # nosec B403: used only through the restricted subclass below
from typing import Any, Callable, Dict, FrozenSet, Tuple

from sr_plugin.core.checkpoint.limits import MAX_PICKLE_NAMES, damaged, hostile
from sr_plugin.core.checkpoint.tensors import ELEMENT_TYPES, ElementType, Sealed, StorageView, TensorRecord
from sr_plugin.core.errors import ModelUnreadable

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
_DTYPES = frozenset(
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool double float half long int short".split()
)


class Inert:
    """Stands for an object of a class that is not known: keeps what it was made from and does nothing.

    Attributes:
        origin: the class's full name in the file.
        args: its constructor arguments.
        state: what was set as its state, or None.
    """

    origin = ""
    args: Tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any, **_: Any) -> Inert:
        made = object.__new__(cls)
        made.args = args
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        """Arguments were kept by ``__new__``, which pickles may call alone."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Dropped: the contents of unknown containers are not needed."""

    def append(self, value: Any) -> None:
        """Dropped."""

    def extend(self, values: Any) -> None:
        """Dropped."""

    def add(self, value: Any) -> None:
        """Dropped."""


class PlainDict(dict):
    """A dictionary that ignores the attributes which torch hangs onto its ordered dictionaries."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Dropped: it is version metadata."""


def _is_plain(value: Any) -> bool:
    """True for what can be hashed at once, unlike nested tuples."""
    return isinstance(value, (str, int, float))


def _plain_dict(pairs: Any = ()) -> PlainDict:
    """Python 2 gives its pairs as arguments; entries under anything but texts and numbers are dropped."""
    entries = pairs.items() if isinstance(pairs, dict) else pairs
    return PlainDict((key, value) for key, value in entries if _is_plain(key))


def _plain_set(values: Any = ()) -> FrozenSet[Any]:
    return frozenset(value for value in values if _is_plain(value))


def _size(values: Any = ()) -> Tuple[Any, ...]:
    return tuple(value for value in values if _is_plain(value))


def _rebuild_tensor(view: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    """A tensor description from the arguments of torch's rebuilding functions."""
    if not isinstance(view, StorageView):
        return Inert()
    return TensorRecord(view, offset, tuple(size), tuple(stride))


def _first_argument(value: Any, *_: Any) -> Any:
    return value


def _device(*parts: Any) -> str:
    return ":".join(str(part) for part in parts if isinstance(part, (str, int)))


class _Function(Sealed):
    """A function that a pickle may call but, unlike a bare one, not set attributes of."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


_KNOWN: Dict[Tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(_first_argument),
    ("torch._utils", "_rebuild_parameter_with_state"): _Function(_first_argument),
    ("torch", "device"): _Function(_device),
}
#: Functions that copy what they are given, and so could fill the memory with copies of one list.
_COPYING: Dict[Tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _plain_dict,
    ("typing", "OrderedDict"): _plain_dict,
    ("builtins", "set"): _plain_set,
    ("__builtin__", "set"): _plain_set,
    ("torch", "Size"): _size,
}
#: Values copied in all, for every byte of the pickle. Programs that save models copy a value once, and so far fewer.
_COPIES_PER_BYTE = 4


class RestrictedUnpickler(pickle.Unpickler):
    """Unpickler whose class look-up knows only the names above (checkpoint format notes, section 2)."""

    def __init__(self, data: bytes, path: str, load_storage: Callable[[Tuple[Any, ...]], StorageView]) -> None:
        # Python 2 wrote byte strings as text; latin-1 maps every byte and so never fails.
        super().__init__(io.BytesIO(data), encoding="latin-1")
        self._path = path
        self._load_storage = load_storage
        self._inert: Dict[str, type] = {}
        self._copies_left = _COPIES_PER_BYTE * len(data)

    def _copying(self, call: Callable[..., Any]) -> _Function:
        def copied(*args: Any) -> Any:
            self._copies_left -= sum(len(value) for value in args)
            if self._copies_left < 0:
                raise hostile(self._path, "it copies its lists over and over")
            return call(*args)

        return _Function(copied)

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; nothing is ever imported."""
        known = _KNOWN.get((module, name))
        if known is not None:
            return known
        if (module, name) in _COPYING:
            return self._copying(_COPYING[(module, name)])
        if module in ("torch", "torch.cuda") and name.endswith("Storage"):
            return ELEMENT_TYPES.get(_STORAGES.get(name, ""), ElementType(name, ""))
        if module == "torch" and name in _DTYPES:
            return f"torch.{name}"
        origin = f"{module}.{name}"
        if origin not in self._inert:
            if len(self._inert) >= MAX_PICKLE_NAMES:
                raise hostile(self._path, "it names too many classes")
            self._inert[origin] = type("Inert", (Inert,), {"origin": origin})
        return self._inert[origin]

    def persistent_load(self, pid: Any) -> Any:
        """What stands outside the pickle: storages; and, in old files, classes with their source text."""
        if isinstance(pid, tuple) and len(pid) >= 2 and pid[0] == "module":
            return pid[1]
        if isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage":
            return self._load_storage(pid)
        raise damaged(self._path, "an unknown reference to data outside its object description")


def unpickle(data: bytes, path: str, load_storage: Callable[[Tuple[Any, ...]], StorageView]) -> Any:
    """Build the harmless part of a pickle that :func:`~sr_plugin.core.checkpoint.pickle_scan.scan_pickle` let pass.

    Args:
        data: the pickle.
        path: the file, for messages.
        load_storage: turns a persistent id ``('storage', type, key, location, count, ...)`` into a view.

    Raises:
        ModelUnreadable: when it does not describe a checkpoint.
    """
    try:
        return RestrictedUnpickler(data, path, load_storage).load()  # nosec B301: restricted, see the class
    except ModelUnreadable:
        raise
    except Exception as error:  # A crafted pickle can make the unpickler raise nearly anything.
        raise damaged(path, error) from error


def no_storage(_: Tuple[Any, ...]) -> StorageView:
    """For pickles that must not refer to storages."""
    raise ValueError("a storage where none may be")


def storage_id(pid: Tuple[Any, ...], path: str) -> Tuple[ElementType, str, int]:
    """Element type, key and element count of a storage's persistent id.

    Raises:
        ModelUnreadable: when they are of wrong types.
    """
    element, key, count = pid[1], pid[2], pid[4]
    if isinstance(element, type) and issubclass(element, Inert):
        element = ElementType(element.origin, "")
    if not isinstance(element, ElementType) or not isinstance(key, (str, int)) or not isinstance(count, int):
        raise damaged(path, "a storage is described wrongly")
    return element, str(key), count
