"""What there is to run the worker on, for people and for bug reports."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any, Dict, List, Mapping, Optional

from sr_plugin.core.errors import RuntimeMissing
from sr_plugin.core.locations import plugin_version, user_cache_folder, user_data_folder
from sr_plugin.runtime.environment_folder import broken_environments
from sr_plugin.runtime.find_python import every_python, find_worker_python
from sr_plugin.runtime.probe import PACKAGE_FOR, PythonProbe, probe_python
from sr_plugin.runtime.probe_cache import recall

_ORIGINS = {"chosen": "your choice", "own": "the plugin's own environment", "search": "found on this computer"}


def _found_for(needs: str, preferred: Optional[str]) -> Dict[str, str]:
    try:
        return {"python": find_worker_python(needs, preferred).path}
    except RuntimeMissing as error:
        return {"message": error.message, "hint": error.hint}


#: Whether a Python is started to ask it, or only what is remembered of it told.
ASK, ASK_AGAIN, REMEMBERED = "ask", "ask again", "remembered"


def _probe(path: str, how: str) -> PythonProbe:
    # What is remembered of a Python is keyed by its full path.
    full = os.path.abspath(os.path.expanduser(path))
    if how == REMEMBERED and os.path.isfile(full) and recall(full) is None:
        return PythonProbe(full, problem="has not been looked at yet")
    return probe_python(path, refresh=how == ASK_AGAIN)


def environment_report(preferred: Optional[str] = None, how: str = ASK_AGAIN) -> Dict[str, Any]:
    """JSON-serialisable record of every Python there is and of the one used for each kind of model.

    Args:
        preferred: Python or environment that the user chose; the others then serve for nothing.
        how: ``ASK_AGAIN`` starts every Python, which takes seconds each; ``ASK`` believes remembered answers;
            ``REMEMBERED`` starts none.
    """
    pythons = [{"origin": origin, **_probe(path, how).to_record()} for path, origin in every_python(preferred)]
    return {
        "plugin": plugin_version(),
        "system": platform.platform(),
        "running": {"python": platform.python_version(), "executable": sys.executable},
        "data_folder": user_data_folder(),
        "cache_folder": user_cache_folder(),
        "pythons": pythons,
        "unfinished": broken_environments(),
        "used_for": {} if how == REMEMBERED else {needs: _found_for(needs, preferred) for needs in PACKAGE_FOR},
    }


def _python_lines(python: Mapping[str, Any]) -> List[str]:
    packages = ", ".join(f"{name} {version}" for name, version in python["packages"].items()) or "no packages"
    lines = [f"{python['path']} ({_ORIGINS[python['origin']]})"]
    if python["version"]:
        lines.append(f"  Python {python['version']}: {packages}")
    for device in python["devices"]:
        memory = f", {device['memory_mb']} MB" if device["memory_mb"] else ""
        lines.append(f"  {device['id']}: {device['name']}{memory}")
    if python["problem"]:
        lines.append(f"  {python['problem']}")
    return lines


def report_text(report: Mapping[str, Any]) -> str:
    """The report for people to read."""
    lines = [f"Super-Resolution {report['plugin']} on {report['system']}", f"Data folder: {report['data_folder']}", ""]
    for python in report["pythons"]:
        lines += _python_lines(python)
    lines += [f"{folder} is not whole: create it again or delete it." for folder in report["unfinished"]]
    if not report["pythons"]:
        lines.append("No Python was found.")
    lines.append("")
    names = {
        "builtin": "Built-in models",
        "onnx": "ONNX models",
        "safetensors": "Safetensors models",
        "checkpoint": "Checkpoints",
        "edges": "Comparison of edges",
        "figure": "Figures of a comparison",
    }
    hints = []
    for needs, found in report["used_for"].items():
        lines.append(f"{names.get(needs, needs)}: {found.get('python', 'nothing to run them on')}")
        if "hint" in found and found["hint"] not in hints:
            hints.append(found["hint"])
    return "\n".join(lines + hints)
