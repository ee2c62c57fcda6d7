"""The plugin's own environments: where they lie, and which of them are whole."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Dict, List, Mapping, Optional, Sequence

from sr_plugin.core.locations import user_data_folder

#: Written last: an environment without it is broken.
COMPLETE = "complete.json"
#: Written first: a folder with it may be deleted and made anew.
UNFINISHED = "unfinished.json"
#: Ending of the folder of an environment that was set aside while a new one is made in its place.
BEFORE = ".before"
#: Sizes from small to large; each holds what the smaller ones do.
SIZES = ("light", "full", "cuda")


def environments_folder() -> str:
    """Folder of the plugin's own environments, outside the plugin's folder so that an update keeps them."""
    return os.path.join(user_data_folder(), "environments")


def environment_folder(version_info: Sequence[int]) -> str:
    """Folder of the environment for a Python version; packages of one version do not load in another."""
    return os.path.join(environments_folder(), f"python{version_info[0]}.{version_info[1]}")


def python_of(folder: str) -> str:
    """Path of the interpreter of a virtual environment."""
    if sys.platform == "win32":
        return os.path.join(folder, "Scripts", "python.exe")
    return os.path.join(folder, "bin", "python")


def read_record(folder: str) -> Optional[Dict[str, Any]]:
    """What is noted about an environment, or None when it is not whole."""
    try:
        with open(os.path.join(folder, COMPLETE), encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and os.path.isfile(python_of(folder)) else None


def is_ours(folder: str) -> bool:
    """Whether this plugin made the folder, whole or not, so that it may be deleted.

    Other programs have files of such names, too, so what is in them counts. A link is not ours, whatever it leads to.
    """
    if os.path.islink(folder):
        return False
    return any(_is_record(os.path.join(folder, name)) for name in (COMPLETE, UNFINISHED))


def _is_record(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.get("size") in SIZES


def broken_environments() -> List[str]:
    """Folders of environments that this plugin began and that are not whole, as after a crash."""
    parent = environments_folder()
    folders = [os.path.join(parent, name) for name in sorted(os.listdir(parent))] if os.path.isdir(parent) else []
    return [folder for folder in folders if is_ours(folder) and read_record(folder) is None]


def size_of(record: Mapping[str, Any]) -> str:
    """Size that a record tells; the smallest one where it tells none that is known."""
    size = str(record.get("size", ""))
    return size if size in SIZES else SIZES[0]


def own_environments() -> List[str]:
    """Folders of the plugin's own whole environments, the larger ones first, then the newest Python."""
    parent = environments_folder()
    names = os.listdir(parent) if os.path.isdir(parent) else []
    found = []
    for name in names:
        folder = os.path.join(parent, name)
        record = read_record(folder)
        if record is None or name.endswith(BEFORE):
            continue
        version = tuple(
            int(part) for part in str(record.get("python", "0")).split(".") if re.fullmatch("[0-9]{1,9}", part)
        )
        found.append((SIZES.index(size_of(record)) > 0, version, folder))
    return [folder for _, _, folder in sorted(found, reverse=True)]
