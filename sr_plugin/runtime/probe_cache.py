"""Remembers on disk what a Python has, for as long as that Python does not change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from sr_plugin.core.locations import user_cache_folder

#: Seconds after which a Python is looked at again even if it looks unchanged: drivers and devices come and go.
_MAX_AGE = 3 * 24 * 3600
_FORMAT = 4


def _stamp(path: str) -> Optional[List[int]]:
    try:
        info = os.stat(path)
    except (OSError, ValueError):
        return None
    # The size of a folder says nothing and differs between file systems.
    return [info.st_mtime_ns, 0 if os.path.isdir(path) else info.st_size]


def _stamps(interpreter: str, folders: Sequence[str]) -> Dict[str, Optional[List[int]]]:
    config = os.path.join(os.path.dirname(os.path.dirname(interpreter)), "pyvenv.cfg")
    return {path: _stamp(path) for path in (interpreter, config, *folders)}


def _entry_path(interpreter: str, folder: Optional[str]) -> str:
    # The path is not resolved: the python of a virtual environment is a link to one that has other packages.
    name = hashlib.sha256(os.path.abspath(interpreter).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(folder or user_cache_folder(), "python-probes", f"{name}.json")


def recall(interpreter: str, folder: Optional[str] = None) -> Optional[Dict[str, Any]]:
    """What was stored for an interpreter, or None when nothing was or when it has changed since.

    Args:
        interpreter: path of the interpreter.
        folder: cache folder, by default :func:`~sr_plugin.core.locations.user_cache_folder`.
    """
    try:
        with open(_entry_path(interpreter, folder), encoding="utf-8") as file:
            entry = json.load(file)
        stamps = entry["stamps"]
        fresh = entry["format"] == _FORMAT and 0 <= time.time() - entry["time"] < _MAX_AGE
        unchanged = all(_stamp(path) == stamp for path, stamp in stamps.items())
        return dict(entry["answer"]) if fresh and unchanged else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # A damaged entry is no entry.
        return None


def remember(interpreter: str, answer: Mapping[str, Any], folders: Sequence[str], folder: Optional[str] = None) -> None:
    """Store what an interpreter answered; a cache that cannot be written is no error.

    Args:
        interpreter: path of the interpreter.
        answer: JSON-serialisable.
        folders: its package folders; a change in one of them makes the entry void.
        folder: cache folder, by default :func:`~sr_plugin.core.locations.user_cache_folder`.
    """
    path = _entry_path(interpreter, folder)
    entry = {"format": _FORMAT, "time": time.time(), "stamps": _stamps(interpreter, folders), "answer": dict(answer)}
    partial = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(entry, file)
        os.replace(partial, path)
    except OSError:
        return
