"""Reading any supported checkpoint in one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from sr_plugin.core.checkpoint.container import (
    KERAS_ARCHIVE,
    KERAS_HDF5,
    NUMPY_ARCHIVE,
    SAFETENSORS,
    TORCH_LEGACY,
    TORCH_ZIP,
    refusal,
    sniff_container,
)
from sr_plugin.core.checkpoint.keras import read_keras_archive, read_keras_hdf5
from sr_plugin.core.checkpoint.numpy_archive import read_numpy_archive
from sr_plugin.core.checkpoint.safetensors import read_safetensors
from sr_plugin.core.checkpoint.state_dict import load_arrays, normalised_names, state_of_object
from sr_plugin.core.checkpoint.tensors import TensorRecord
from sr_plugin.core.checkpoint.torch_legacy import read_torch_legacy
from sr_plugin.core.checkpoint.torch_zip import read_torch_zip

_State = Tuple[Dict[str, TensorRecord], Dict[str, Any]]


@dataclass(frozen=True)
class CheckpointContents:
    """What a checkpoint holds of a model.

    Attributes:
        container: one of the constants of :mod:`sr_plugin.core.checkpoint.container`.
        tensors: arrays by normalised name; all floats are float32.
        side_info: numbers and texts found beside them (epoch, scale ...), safetensors metadata, and as ``entry``
            the name under which the tensors were saved.
    """

    container: str
    tensors: Dict[str, np.ndarray]
    side_info: Dict[str, Any] = field(default_factory=dict)


def _from_safetensors(path: str, entry: Optional[str]) -> _State:
    records, metadata = read_safetensors(path)
    return normalised_names(records), dict(metadata)


def _from_torch_zip(path: str, entry: Optional[str]) -> _State:
    return state_of_object(read_torch_zip(path), path, entry)


def _from_torch_legacy(path: str, entry: Optional[str]) -> _State:
    return state_of_object(read_torch_legacy(path), path, entry)


def _arrays_of_numpy(path: str) -> Dict[str, np.ndarray]:
    return normalised_names(read_numpy_archive(path))


#: One reader per container; the others are refused with advice.
_READERS: Dict[str, Callable[[str, Optional[str]], _State]] = {
    TORCH_ZIP: _from_torch_zip,
    TORCH_LEGACY: _from_torch_legacy,
    SAFETENSORS: _from_safetensors,
}
#: Readers of plain arrays. Layers of Keras have no names to normalise, and their order matters.
_ARRAY_READERS: Dict[str, Callable[[str], Dict[str, np.ndarray]]] = {
    KERAS_HDF5: read_keras_hdf5,
    KERAS_ARCHIVE: read_keras_archive,
    NUMPY_ARCHIVE: _arrays_of_numpy,
}


def read_checkpoint(path: str, entry: Optional[str] = None) -> CheckpointContents:
    """Read a checkpoint without running anything in it.

    Args:
        path: the file.
        entry: for torch files with several models, the top-level name to take instead of the preferred one.

    Raises:
        ModelNotFound: when there is no such file.
        ModelUnreadable: when it is damaged, hostile, or of a container that is not read.
    """
    path = str(path)
    container = sniff_container(path)
    arrays = _ARRAY_READERS.get(container)
    if arrays is not None:
        return CheckpointContents(container, arrays(path))
    reader = _READERS.get(container)
    if reader is None:
        raise refusal(path, container)
    tensors, side_info = reader(path, entry)
    return CheckpointContents(container, load_arrays(tensors, path), side_info)
