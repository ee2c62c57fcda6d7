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


def is_module(value: Any) -> bool:
    """True for a whole torch module, whose class is unknown here."""
    return isinstance(value, Inert) and isinstance(value.state, dict) and isinstance(value.state.get("_modules"), dict)


def _own_tensors(state: Dict[Any, Any]) -> Iterator[Tuple[str, TensorRecord]]:
    passing = state.get("_non_persistent_buffers_set")
    passing = passing if isinstance(passing, (set, frozenset, list)) else ()
    for group in ("_parameters", "_buffers"):
        entries = state.get(group)
        for name, value in entries.items() if isinstance(entries, dict) else ():
            tensor = as_tensor(value)
            if tensor is not None and not (group == "_buffers" and name in passing):
                yield str(name), tensor


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
        children = [(str(name), child) for name, child in current.state["_modules"].items() if is_module(child)]
        waiting.extend((f"{prefix}{name}.", child, depth + 1) for name, child in reversed(children))
    return found


def tensors_in(value: Any, path: str) -> Dict[str, TensorRecord]:
    """Named tensors of a dictionary's first level or of a whole module; empty where there are none."""
    if is_module(value):
        return flatten_module(value, path)
    if not isinstance(value, dict):
        return {}
    pairs = ((str(name), as_tensor(entry)) for name, entry in value.items())
    return {name: tensor for name, tensor in pairs if tensor is not None}


def side_values(value: Any) -> Dict[str, Any]:
    """Numbers and texts beside the tensors: entries of a dictionary, attributes of a whole module."""
    source = value.state if is_module(value) else value
    if not isinstance(source, dict):
        return {}
    return {str(k): v for k, v in source.items() if isinstance(v, SideValue) and not str(k).startswith("_")}
