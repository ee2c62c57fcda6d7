"""A copy as safetensors of weights whose own container the worker may be unable to read."""

from __future__ import annotations

import os
from typing import Mapping, Optional

import numpy as np

from sr_plugin.core.card import WeightFile
from sr_plugin.core.checkpoint.container import KERAS_ARCHIVE, KERAS_HDF5
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import OutputError
from sr_plugin.core.locations import user_cache_folder

#: Containers that take a library which the worker's environment usually lacks.
IMPORTED = (KERAS_HDF5, KERAS_ARCHIVE)


def imported_copy(path: str, tensors: Mapping[str, np.ndarray]) -> Optional[WeightFile]:
    """The copy in the cache folder, written if it is not there yet; None where it cannot be written.

    Args:
        path: the original, whose digest names the copy.
        tensors: its weights under canonical names, as recognition gave them.
    """
    folder = os.path.join(user_cache_folder(), "imported")
    copy = os.path.join(folder, f"{sha256_of(path)}.safetensors")
    if not os.path.isfile(copy):
        try:
            os.makedirs(folder, exist_ok=True)
            write_safetensors(copy, tensors)
        except (OSError, OutputError):
            return None
    return WeightFile(copy, "safetensors", sha256_of(copy))
