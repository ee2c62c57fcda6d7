"""Keras weights in HDF5: layer order, names and kernels turned to torch's layout, over an injected HDF5 reader.

This module knows Keras, not HDF5: what opens such files is registered by ``sr_plugin.raster.hdf5_reader`` (GDAL) or
``sr_plugin.worker.hdf5_reader`` (h5py). Layouts: checkpoint format notes, section 3. No configuration is evaluated.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from sr_plugin.core.checkpoint.limits import MAX_NAME, MAX_TENSORS, MAX_TOTAL_BYTES, damaged, hostile
from sr_plugin.core.checkpoint.torch_zip import check_sizes
from sr_plugin.core.errors import ModelUnreadable

_ITEM_BYTES = 4
_MAX_NESTING = 8
_MAX_ATTRIBUTE_PARTS = 1000
_ARCHIVE_MEMBER = "model.weights.h5"
#: Torch's name of each Keras weight.
_PARTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "alpha": "weight",
}
#: Names of a Keras 3 layer's numbered weights, by how its class name begins.
_NUMBERED = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "p_re_lu": ("alpha",),
    "prelu": ("alpha",),
}
_NUMBERED_OTHERS = ("kernel", "bias")
#: Switches that wrappers keep beside their weights.
_SWITCHES = ("initialized", "_initialized")


class Hdf5Reader(ABC):
    """An open HDF5 file; paths have no leading slash, the root is the empty one. Close it by leaving a ``with``."""

    @abstractmethod
    def groups(self, path: str) -> Tuple[str, ...]:
        """Names of the groups inside a group; none where there is no such group."""

    @abstractmethod
    def texts(self, path: str, attribute: str) -> Optional[Tuple[str, ...]]:
        """A group's attribute as texts (one text counts as a list of one), None where there is no such attribute."""

    @abstractmethod
    def shape(self, path: str) -> Optional[Tuple[int, ...]]:
        """Shape of an array, None where there is none."""

    @abstractmethod
    def array(self, path: str) -> np.ndarray:
        """The numbers of an array."""

    @abstractmethod
    def close(self) -> None:
        """Give the file back."""

    def __enter__(self) -> Hdf5Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Hdf5Opener = Callable[[str], Hdf5Reader]
_OPENERS: List[Hdf5Opener] = []


def register_hdf5_opener(opener: Hdf5Opener) -> None:
    """Make HDF5 files readable in this process; openers are tried in the order in which they came.

    Args:
        opener: opens a file; raises ImportError where its library is missing, anything else where the file is damaged.
    """
    if opener not in _OPENERS:
        _OPENERS.append(opener)


def _open(path: str) -> Hdf5Reader:
    for opener in _OPENERS:
        try:
            return opener(path)
        except ImportError:
            continue
    raise ModelUnreadable(
        f"'{path}' is an HDF5 file (Keras), and nothing here can read those.",
        "Open it once inside QGIS, which keeps a copy as safetensors, or install h5py.",
    )


def _natural(name: str) -> Tuple[str, int]:
    """Sorts ``conv2d``, ``conv2d_2``, ``conv2d_10`` in this order."""
    match = re.fullmatch(r"(.*?)_(\d+)", name)
    return (match.group(1), int(match.group(2))) if match else (name, -1)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


class _KerasFile:
    """The weights of one open file."""

    def __init__(self, reader: Hdf5Reader, path: str) -> None:
        self._reader = reader
        self._path = path
        self._bytes = 0
        self._count = 0

    def _listed(self, group: str, attribute: str) -> Optional[Tuple[str, ...]]:
        """A list of texts, which Keras splits into ``name0``, ``name1`` ... when it is too long for one attribute."""
        whole = self._reader.texts(group, attribute)
        if whole is not None:
            return whole
        found: List[str] = []
        for number in range(_MAX_ATTRIBUTE_PARTS):
            part = self._reader.texts(group, f"{attribute}{number}")
            if part is None:
                return tuple(found) if number else None
            found += part
        raise hostile(self._path, "a list of names is too long")

    def _read(self, place: str) -> Optional[np.ndarray]:
        shape = self._reader.shape(place)
        if shape is None:
            return None
        self._count += 1
        self._bytes += _ITEM_BYTES * int(np.prod(shape, dtype=object))
        if self._count > MAX_TENSORS or self._bytes > MAX_TOTAL_BYTES or len(place) > 2 * MAX_NAME:
            raise hostile(self._path, "its tensors are too many, too large or have endless names")
        array = np.asarray(self._reader.array(place))
        if array.dtype.kind not in "fiu":
            raise damaged(self._path, f"'{place}' holds no numbers")
        return array.astype(np.float32)

    def weights(self) -> Iterator[Tuple[str, str, np.ndarray]]:
        """Layer, name of the weight and numbers, in the order of the layers."""
        for root in ("", "model_weights"):
            layers = self._listed(root, "layer_names")
            if layers is not None:
                yield from self._named(root, layers)
                return
        if "layers" not in self._reader.groups(""):
            raise ModelUnreadable(f"'{self._path}' is an HDF5 file, but holds no weights of a Keras model.")
        yield from self._numbered("layers", 0)

    def _named(self, root: str, layers: Tuple[str, ...]) -> Iterator[Tuple[str, str, np.ndarray]]:
        """Keras 2: attributes list layers and weights."""
        for layer in layers:
            names = self._listed(_joined(root, layer), "weight_names") or ()
            owners = {name.rpartition("/")[0] for name in names}
            # Keras may have renumbered a layer's weights, and keeps a whole model inside a layer; with weight
            # normalisation, a layer has weights of its own and of the layer that it wraps.
            wraps = any(name.rpartition("/")[2].partition(":")[0] == "g" for name in names)
            own = len(owners) == 1 or (wraps and len(names) <= 4)
            for name in names:
                owner, _, last = name.rpartition("/")
                part = last.partition(":")[0]
                if part in _SWITCHES:
                    continue
                array = self._read(_joined(root, layer, name))
                if array is None:
                    raise damaged(self._path, f"the weight '{name}' of the layer '{layer}' is missing")
                yield layer if own else owner.rpartition("/")[2] or layer, part, array

    def _numbered(self, group: str, depth: int) -> Iterator[Tuple[str, str, np.ndarray]]:
        """Keras 3: groups are called after classes and weights are numbered; newer files tell the layer's name."""
        if depth > _MAX_NESTING:
            raise hostile(self._path, "its layers are nested too deeply")
        for entry in sorted(self._reader.groups(group), key=_natural):
            # Counted without weights, too: links may lead from a group back to itself.
            self._count += 1
            if self._count > MAX_TENSORS:
                raise hostile(self._path, "its layers are too many")
            place = _joined(group, entry, "vars")
            told = self._reader.texts(place, "name")
            kind = _natural(entry)[0]
            parts = next((p for start, p in _NUMBERED.items() if kind.startswith(start)), _NUMBERED_OTHERS)
            for number, part in enumerate(parts):
                array = self._read(_joined(place, str(number)))
                if array is not None:
                    yield told[0] if told else entry, part, array
            inner = _joined(group, entry, "layers")
            if self._reader.groups(inner):
                yield from self._numbered(inner, depth + 1)


def _turned(part: str, array: np.ndarray) -> np.ndarray:
    """The weight in torch's layout.

    Convolution kernels (row, column, in, out) become (out, in, row, column), those of transposed convolutions (row,
    column, out, in) become (in, out, row, column), matrices (in, out) become (out, in), slopes (1, 1, C) become (C,).
    """
    if part in ("kernel", "v"):
        return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T if array.ndim == 2 else array
    return array.reshape(-1) if part == "alpha" else array


def _normalised(kernel: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The kernel that weight normalisation stands for: ``g v / |v|``, one length for each output (first axis)."""
    lengths = np.sqrt((kernel.astype(np.float64) ** 2).sum(axis=tuple(range(1, kernel.ndim)), keepdims=True))
    gains = gain.reshape(-1, *([1] * (kernel.ndim - 1)))
    return (kernel * (gains / np.maximum(lengths, np.finfo(np.float64).tiny))).astype(np.float32)


def _read_open(reader: Hdf5Reader, path: str) -> Dict[str, np.ndarray]:
    layers: Dict[str, Dict[str, np.ndarray]] = {}
    for layer, part, array in _KerasFile(reader, path).weights():
        weights = layers.setdefault(layer, {})
        if part in weights:
            raise damaged(path, f"the layer '{layer}' has two weights '{part}'")
        weights[part] = _turned(part, array)
    tensors: Dict[str, np.ndarray] = {}
    for layer, weights in layers.items():
        gain, kernel = weights.pop("g", None), weights.get("kernel", weights.get("v"))
        if gain is not None and kernel is not None:
            if gain.size != kernel.shape[0]:
                raise damaged(path, f"the layer '{layer}' has {gain.size} gains for {kernel.shape[0]} outputs")
            weights = {**{p: w for p, w in weights.items() if p != "v"}, "kernel": _normalised(kernel, gain)}
        for part, array in weights.items():
            tensors[f"{layer}.{_PARTS.get(part, part)}"] = np.ascontiguousarray(array)
    return tensors


def read_keras_hdf5(path: str) -> Dict[str, np.ndarray]:
    """Weights of a Keras 2 or 3 HDF5 file as ``<layer>.weight``, ``.bias``, ``.running_mean`` ..., in layer order.

    Float32, in torch's layout; layers that weight normalisation wraps come with their effective kernel. Channels that
    feed Keras' ``depth_to_space`` stay in Keras' order (row, column, band), which the families know of.

    Raises:
        ModelUnreadable: when nothing here reads HDF5, or the file is damaged, hostile or no Keras model.
    """
    try:
        with _open(path) as reader:
            return _read_open(reader, path)
    except ModelUnreadable:
        raise
    except Exception as error:  # HDF5 libraries raise nearly anything on a damaged file.
        raise damaged(path, error) from error


def read_keras_archive(path: str) -> Dict[str, np.ndarray]:
    """The same for a ``.keras`` archive, whose weights are unpacked to a temporary file.

    Raises:
        ModelUnreadable: see :func:`read_keras_hdf5`.
    """
    with tempfile.TemporaryDirectory(prefix="sr_keras_") as folder:
        target = os.path.join(folder, _ARCHIVE_MEMBER)
        try:
            with zipfile.ZipFile(path) as archive, open(target, "wb") as file:
                check_sizes(archive, path)
                if archive.getinfo(_ARCHIVE_MEMBER).file_size > MAX_TOTAL_BYTES:
                    raise hostile(path, f"it unpacks to more than {MAX_TOTAL_BYTES >> 30} GiB")
                with archive.open(_ARCHIVE_MEMBER) as member:
                    for block in iter(lambda: member.read(1 << 20), b""):
                        file.write(block)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, OSError) as error:
            raise damaged(path, error) from error
        return read_keras_hdf5(target)
