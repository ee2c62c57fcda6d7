"""NumPy archives (``.npz``) of named arrays, read without pickling; TensorLayer's names turned to torch's.

TensorLayer names its variables after the graph, for example ``SRGAN_g/n64s1/c1/0/W_conv2d:0``; its kernels are (row,
column, in, out). Files of other programs keep their names, as ``numpy.savez(path, **state_dict)`` writes them.
"""

from __future__ import annotations

import ast
import re
import zipfile
import zlib
from typing import IO, Dict, Tuple

import numpy as np

from sr_plugin.core.checkpoint.limits import MAX_NAME, MAX_TENSORS, MAX_TOTAL_BYTES, damaged, hostile
from sr_plugin.core.checkpoint.torch_zip import check_sizes
from sr_plugin.core.errors import ModelUnreadable

_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError)
_ENDING = ".npy"
_MAX_HEADER = 1 << 16
#: Torch's name of each variable of TensorLayer.
_PARTS = {
    "W_conv2d": "weight",
    "b_conv2d": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_VARIABLE = re.compile(rf"(?P<layer>.+)/(?P<part>{'|'.join(_PARTS)}):0")


def _header(file: IO[bytes], path: str, name: str) -> Tuple[np.dtype, Tuple[int, ...], bool]:
    """Type, shape and whether the first axis runs fastest, from the header of one array."""
    version = np.lib.format.read_magic(file)
    length = int.from_bytes(file.read(2 if version[0] == 1 else 4), "little")
    if length > _MAX_HEADER:
        raise hostile(path, f"the header of '{name[:100]}' is too long")
    try:
        found = ast.literal_eval(file.read(length).decode("latin1"))
        kind, shape, turned = np.dtype(str(found["descr"])), found["shape"], bool(found["fortran_order"])
    except (SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise damaged(path, error) from error
    if not isinstance(shape, tuple) or any(type(size) is not int or size < 0 for size in shape):
        raise damaged(path, f"'{name[:100]}' has no usable shape")
    return kind, shape, turned


def _array(file: IO[bytes], path: str, name: str, left: int) -> np.ndarray:
    kind, shape, turned = _header(file, path, name)
    if kind.kind == "O":
        raise ModelUnreadable(
            f"'{path}' holds Python objects ('{name[:100]}'), which only pickling could read.",
            "Save the weights again under their names, for example with save_npz_dict, or export the model to ONNX.",
        )
    if kind.kind not in "fiub":
        raise damaged(path, f"'{name[:100]}' holds no numbers")
    size = kind.itemsize
    for length in shape:
        size *= length
    # float16 takes twice as much once it is float32.
    if 2 * size > left:
        raise hostile(path, f"its tensors take more than {MAX_TOTAL_BYTES >> 30} GiB")
    data = file.read(size)
    if len(data) != size:
        raise damaged(path, "the numbers of a tensor are cut short")
    array = np.frombuffer(data, kind).reshape(shape, order="F" if turned else "C")
    # A copy, since bytes from a file cannot be written to.
    return np.array(array, np.float32 if kind.kind == "f" else kind.newbyteorder("="), order="C")


def _renamed(name: str, array: np.ndarray) -> Tuple[str, np.ndarray]:
    match = _VARIABLE.fullmatch(name)
    if not match:
        return name, array
    if array.ndim == 4:
        array = np.ascontiguousarray(array.transpose(3, 2, 0, 1))
    return f"{match.group('layer').replace('/', '.')}.{_PARTS[match.group('part')]}", array


def read_numpy_archive(path: str) -> Dict[str, np.ndarray]:
    """Arrays by name, floats as float32; those of TensorLayer as ``<layer>.weight`` ... in torch's layout.

    Raises:
        ModelUnreadable: when the file is damaged, goes beyond a limit, or holds pickled objects.
    """
    arrays: Dict[str, np.ndarray] = {}
    left = MAX_TOTAL_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(archive, path)
            members = archive.infolist()
            if len(members) > MAX_TENSORS or max((len(m.filename) for m in members), default=0) > MAX_NAME:
                raise hostile(path, "its tensors are too many or have endless names")
            for member in members:
                with archive.open(member) as file:
                    name = member.filename[: -len(_ENDING)]
                    name, array = _renamed(name, _array(file, path, name, left))
                if name in arrays:
                    raise damaged(path, f"it has two tensors '{name}'")
                arrays[name] = array
                left -= 2 * array.nbytes
    except _ERRORS as error:
        raise damaged(path, error) from error
    if not arrays:
        raise ModelUnreadable(f"'{path}' holds no tensors of a model.", "Choose the file with the model's weights.")
    return arrays
