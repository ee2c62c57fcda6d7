"""From the object in a checkpoint to one dictionary of normally named float32 tensors.

The order of steps is that of the checkpoint format notes, section 4.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple, TypeVar

import numpy as np

from sr_plugin.core.checkpoint.flatten import is_module, side_values, tensors_in
from sr_plugin.core.checkpoint.limits import MAX_NAME, MAX_TENSORS, MAX_TOTAL_BYTES, hostile
from sr_plugin.core.checkpoint.tensors import TensorRecord
from sr_plugin.core.errors import ModelUnreadable

#: Not yet read, or an array.
_Tensor = TypeVar("_Tensor", TensorRecord, np.ndarray)
#: Where checkpoints keep the generator, best first: averaged weights (EMA) before those of the last step.
ENTRIES = (
    "params_ema",
    "params-ema",
    "ema_state",
    "ema_state_dict",
    "state_dict",
    "model_state_dict",
    "generator_state_dict",
    "generator",
    "netG",
    "G",
    "params",
    "model",
    "net",
    "weights",
)
_MAX_WRAPPERS = 8
#: Entries of a dictionary without a known name in which one is looked for that holds tensors.
_MAX_UNKNOWN_ENTRIES = 64
#: Prefixes that wrappers put before every name. ``model.`` is not among them: it also belongs to known architectures.
_PREFIXES = ("module.", "_orig_mod.", "netG.", "generator.", "generator_ema.", "net_g.")
_KEPT_OF_LIGHTNING = ("generator.", "fusion.")
_NOT_GENERATOR = ("discriminator.", "truncated_vgg19.", "content_loss", "criterion", "metrics.")
_COUNTERS = ("num_batches_tracked", "n_averaged", "step", "initted")
_OLD_ENDINGS = ((".gamma", ".weight"), (".beta", ".bias"))


def _averaged(value: Any) -> Any:
    """OpenSR keeps averaged parameters and buffers in two dictionaries, which belong together."""
    if not isinstance(value, dict):
        return None
    parameters, buffers = value.get("shadow_params"), value.get("shadow_buffers")
    if not isinstance(parameters, dict):
        return None
    return {**parameters, **(buffers if isinstance(buffers, dict) else {})}


def _entry(saved: Mapping[Any, Any], name: str) -> Any:
    return _averaged(saved.get(name)) if name == "ema_state" else saved.get(name)


class _Search:
    """Which entries hold tensors; remembers answers, as a crafted file may refer to one dictionary from many places."""

    def __init__(self, path: str) -> None:
        self._path = path
        #: Answer by identity of the dictionary, which is kept alive so that no other takes its identity.
        self._known: Dict[Tuple[int, str], Tuple[bool, Any]] = {}

    def holds(self, saved: Mapping[Any, Any], name: str, depth: int = 0) -> bool:
        """True where the entry is, or wraps, a model's tensors."""
        key = (id(saved), name)
        if key not in self._known:
            value = _entry(saved, name)
            found = bool(tensors_in(value, self._path)) or (
                isinstance(value, dict)
                and depth < _MAX_WRAPPERS
                and any(self.holds(value, inner, depth + 1) for inner in ENTRIES if inner in value)
            )
            self._known[key] = (found, saved)
        return self._known[key][0]

    def best(self, saved: Mapping[Any, Any]) -> Optional[str]:
        """The entry to take the model from, or None where the tensors lie in ``saved`` itself or nowhere."""
        for name in ENTRIES:
            if name in saved and self.holds(saved, name):
                return name
        if tensors_in(saved, self._path) or len(saved) > _MAX_UNKNOWN_ENTRIES:
            return None
        names = [name for name in saved if isinstance(name, str) and self.holds(saved, name)]
        return names[0] if len(names) == 1 else None


def _unwrap(saved: Any, path: str, entry: Optional[str]) -> Tuple[Any, Dict[str, Any]]:
    """The dictionary or module with the model's tensors, and what else was said on the way there."""
    side: Dict[str, Any] = {}
    search = _Search(path)
    if entry and not (isinstance(saved, dict) and search.holds(saved, entry)):
        raise ModelUnreadable(f"'{path}' has no tensors under '{entry}'.", "Choose another entry of the file.")
    for _ in range(_MAX_WRAPPERS):
        side.update(side_values(saved))
        name = None if is_module(saved) or not isinstance(saved, dict) else entry or search.best(saved)
        if name is None:
            break
        saved, entry = _entry(saved, name), None
        side["entry"] = name
    return saved, side


def strip_prefix(tensors: Mapping[str, Any], prefix: str) -> Dict[str, Any]:
    """The dictionary without a prefix that all its names have; unchanged where one lacks it."""
    if tensors and all(name.startswith(prefix) and len(name) > len(prefix) for name in tensors):
        return {name[len(prefix) :]: value for name, value in tensors.items()}
    return dict(tensors)


def _strip_wrappers(tensors: Dict[str, _Tensor]) -> Dict[str, _Tensor]:
    while True:
        before = set(tensors)
        for prefix in _PREFIXES:
            tensors = strip_prefix(tensors, prefix)
        if set(tensors) == before:
            return tensors


def _keep_generator(tensors: Dict[str, _Tensor]) -> Dict[str, _Tensor]:
    """Training files hold critics, losses and metrics beside the generator; a file with nothing else stays whole."""
    if any(name.startswith("generator.") for name in tensors):
        return {name: t for name, t in tensors.items() if name.startswith(_KEPT_OF_LIGHTNING)}
    kept = {name: t for name, t in tensors.items() if not name.startswith(_NOT_GENERATOR)}
    return kept or tensors


def _modern_name(name: str, tensors: Mapping[str, _Tensor]) -> str:
    for old, new in _OLD_ENDINGS:
        renamed = name[: -len(old)] + new
        if name.endswith(old) and len(tensors[name].shape) == 1 and renamed not in tensors:
            return renamed
    return name


def normalised_names(tensors: Dict[str, _Tensor]) -> Dict[str, _Tensor]:
    """Steps 3 to 5: wrappers' prefixes, training leftovers, counters and old names are gone."""
    # Counters first: averaged models keep theirs outside the wrapper, so that not all names have its prefix.
    tensors = {n: t for n, t in tensors.items() if n.rpartition(".")[2] not in _COUNTERS}
    tensors = _strip_wrappers(_keep_generator(_strip_wrappers(tensors)))
    return {_modern_name(name, tensors): tensor for name, tensor in tensors.items()}


def _in_memory(tensor: TensorRecord) -> int:
    """Bytes that reading and converting a tensor takes in the end."""
    return max(tensor.nbytes, 4 * tensor.count)


def load_arrays(tensors: Mapping[str, TensorRecord], path: str) -> Dict[str, np.ndarray]:
    """Step 6: read the numbers; floats of any width become float32, other types stay.

    Raises:
        ModelUnreadable: when there is nothing to read, or more than the limits allow.
    """
    if not tensors:
        raise ModelUnreadable(f"'{path}' holds no tensors of a model.", "Choose the file with the model's weights.")
    if len(tensors) > MAX_TENSORS:
        raise hostile(path, f"it holds more than {MAX_TENSORS} tensors")
    if max(map(len, tensors)) > MAX_NAME:
        raise hostile(path, f"a tensor's name is longer than {MAX_NAME} characters")
    if sum(map(_in_memory, tensors.values())) > MAX_TOTAL_BYTES:
        raise hostile(path, f"its tensors take more than {MAX_TOTAL_BYTES >> 30} GiB")
    arrays = {}
    # Tensors of one storage one after the other, as a storage is unpacked anew whenever another one was read.
    for name, tensor in sorted(tensors.items(), key=lambda item: id(item[1].view.storage)):
        try:
            array = tensor.array()
            arrays[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        except (MemoryError, ValueError) as error:
            raise hostile(path, f"the tensor '{name[:100]}' of shape {tensor.shape} cannot be built") from error
    return {name: arrays[name] for name in tensors}


def state_of_object(
    saved: Any, path: str, entry: Optional[str] = None
) -> Tuple[Dict[str, TensorRecord], Dict[str, Any]]:
    """Normally named tensor records, and numbers and texts found beside them.

    Args:
        saved: what a torch reader gave.
        path: the file, for messages.
        entry: top-level name to take the model from instead of the preferred one of :data:`ENTRIES`.

    Raises:
        ModelUnreadable: when ``entry`` holds no tensors.
    """
    chosen, side = _unwrap(saved, path, entry)
    return normalised_names(tensors_in(chosen, path)), side
