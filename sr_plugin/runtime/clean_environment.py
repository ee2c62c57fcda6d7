"""Environment variables and process flags for the worker's Python."""

from __future__ import annotations

import os
import subprocess  # nosec B404: only its constants are used here
import sys
from typing import Any, Dict, Mapping, Optional

#: What QGIS sets for its own Python and libraries; a foreign Python that inherits it loads the wrong modules or DLLs.
_DROPPED_PREFIXES = ("PYTHON", "QGIS_", "GDAL_", "PROJ_", "DYLD_")
_DROPPED_NAMES = ("VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD", "__PYVENV_LAUNCHER__")
_CREATE_NO_WINDOW = 0x08000000


def worker_environment(base: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """Environment for a process of the worker's Python.

    Args:
        base: the environment to clean, by default that of this process.
    """
    source = os.environ if base is None else base
    kept = {
        name: value
        for name, value in source.items()
        if not name.upper().startswith(_DROPPED_PREFIXES) and name.upper() not in _DROPPED_NAMES
    }
    kept["PYTHONIOENCODING"] = "utf-8"
    # Keeps the current folder off sys.path, so that a stray numpy.py beside someone's project is not imported.
    kept["PYTHONSAFEPATH"] = "1"
    return kept


def popen_flags() -> Dict[str, Any]:
    """Extra arguments for ``subprocess`` calls.

    On Windows no console window flashes up. Elsewhere the process gets a session of its own, so that Ctrl-C reaches
    only the one who decides what it means.
    """
    if sys.platform != "win32":
        return {"start_new_session": True}
    return {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", _CREATE_NO_WINDOW)}
