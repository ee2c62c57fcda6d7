"""From saved objects to dotted tensor names: whole torch modules are walked as ``state_dict()`` would."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from sr_plugin.core.checkpoint.limits import MAX_NESTING, MAX_TENSORS, hostile
from sr_plugin.core.checkpoint.tensors import TensorRecord
from sr_plugin.core.checkpoint.unpickle import Inert

#: A number or text that may tell something about the model.
SideValue = (bool, int, float, str)


def as_tensor(value: Any) -> Optional[TensorRecord]:
    """The tensor that a value is or wraps (parameters of torch 0.3 and older hold it as first argument), or None."""
    if isinstance(value, TensorRecord):
        return value
    if isinstance(value, Inert) and value.args and isinstance(value.args[0], TensorRecord):
        return value.args[0]
    return None


def _name_of(key: Any) -> Optional[str]:
    """A dictionary's key as (part of) a tensor's name; None for keys that no program names tensors by."""
    if isinstance(key, str):
        return key
    return str(key) if isinstance(key, int) else None


def _named(entries: Any) -> Iterator[Tuple[str, Any]]:
    """Entries of a dictionary under names; nothing of anything else."""
    for key, value in entries.items() if isinstance(entries, dict) else ():
        name = _name_of(key)
        if name is not None:
            yield name, value


def is_module(value: Any) -> bool:
    """True for a whole torch module, whose class is unknown here."""
    return isinstance(value, Inert) and isinstance(value.state, dict) and isinstance(value.state.get("_modules"), dict)


def _own_tensors(state: Dict[Any, Any]) -> Iterator[Tuple[str, TensorRecord]]:
    passing = state.get("_non_persistent_buffers_set")
    passing = passing if isinstance(passing, (set, frozenset, list)) else ()
    for group in ("_parameters", "_buffers"):
        for name, value in _named(state.get(group)):
            tensor = as_tensor(value)
            if tensor is not None and not (group == "_buffers" and name in passing):
                yield name, tensor


def flatten_module(module: Inert, path: str) -> Dict[str, TensorRecord]:
    """Tensors of a whole module under the names that its ``state_dict()`` has.

    Raises:
        ModelUnreadable: when modules contain each other, or there are too many.
    """
    found: Dict[str, TensorRecord] = {}
    waiting: List[Tuple[str, Any, int]] = [("", module, 0)]
    seen = 0
    while waiting:
        prefix, current, depth = waiting.pop()
        seen += 1
        if depth > MAX_NESTING or seen > MAX_TENSORS or len(found) > MAX_TENSORS:
            raise hostile(path, "its modules contain each other or are too many")
        for name, tensor in _own_tensors(current.state):
            found[prefix + name] = tensor
        children = [(name, child) for name, child in _named(current.state["_modules"]) if is_module(child)]
        waiting.extend((f"{prefix}{name}.", child, depth + 1) for name, child in reversed(children))
    return found


def tensors_in(value: Any, path: str) -> Dict[str, TensorRecord]:
    """Named tensors of a dictionary's first level or of a whole module; empty where there are none."""
    if is_module(value):
        return flatten_module(value, path)
    pairs = ((name, as_tensor(entry)) for name, entry in _named(value))
    return {name: tensor for name, tensor in pairs if tensor is not None}


def side_values(value: Any) -> Dict[str, Any]:
    """Numbers and texts beside the tensors: entries of a dictionary, attributes of a whole module."""
    entries = _named(value.state if is_module(value) else value)
    return {name: entry for name, entry in entries if isinstance(entry, SideValue) and not name.startswith("_")}
