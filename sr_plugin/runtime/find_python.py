"""Finds a Python that the worker can run on."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from typing import Iterator, List, Optional, Sequence, Tuple

from sr_plugin.core.errors import ParameterError, RuntimeMissing
from sr_plugin.runtime.environment_folder import own_environments, python_of
from sr_plugin.runtime.probe import PACKAGE_FOR, PythonProbe, is_python_name, probe_python

#: Names the Python to use, above everything but an explicit setting.
SETTING_VARIABLE = "SR_PLUGIN_WORKER_PYTHON"
_NAMES_ON_PATH = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python")


def chosen_python(preferred: Optional[str] = None) -> str:
    """The Python that the user chose, by argument, setting or environment variable; empty when none."""
    chosen = (preferred or "").strip() or os.environ.get(SETTING_VARIABLE, "").strip()
    if chosen and not os.path.dirname(chosen):
        return shutil.which(chosen) or chosen
    if os.path.isdir(chosen):
        return python_of(chosen)
    return chosen


def _windows_pythons() -> Iterator[str]:
    yield os.path.join(sys.prefix, "python.exe")
    # QGIS' Python lies in <root>\apps\Python3*, and sys.prefix may be that folder or the root itself.
    for root in (sys.prefix, os.path.dirname(os.path.dirname(sys.prefix))):
        yield from sorted(glob.glob(os.path.join(root, "apps", "Python3*", "python.exe")), reverse=True)


def _mac_pythons() -> Iterator[str]:
    yield os.path.join(sys.prefix, "bin", "python3")
    yield from sorted(glob.glob("/Library/Frameworks/Python.framework/Versions/3.*/bin/python3"), reverse=True)
    yield "/opt/homebrew/bin/python3"
    yield "/usr/local/bin/python3"
    # QGIS' own is a wrapper that sets up QGIS' libraries, so it comes last.
    yield os.path.join(os.path.dirname(sys.executable), "python")


def _searched_pythons() -> Iterator[str]:
    if is_python_name(sys.executable or ""):
        yield sys.executable
    if sys.platform == "win32":
        yield from _windows_pythons()
    elif sys.platform == "darwin":
        yield from _mac_pythons()
    else:
        for prefix in (sys.prefix, sys.base_prefix):
            yield os.path.join(prefix, "bin", "python3")
    for name in _NAMES_ON_PATH:
        found = shutil.which(name)
        # Windows puts a stub into WindowsApps that opens the Microsoft Store.
        if found and "WindowsApps" not in found:
            yield found


def _identity(path: str) -> str:
    """The same for two paths of one Python; a virtual environment counts by its own path, not by its link's target."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    if os.path.isfile(os.path.join(folder, "pyvenv.cfg")):
        return os.path.join(os.path.realpath(folder), "pyvenv.cfg")
    return os.path.realpath(path)


def _usable_names(paths: Iterator[str]) -> Iterator[str]:
    seen = set()
    for path in paths:
        if os.path.isfile(path) and is_python_name(path) and _identity(path) not in seen:
            seen.add(_identity(path))
            yield path


def every_python(preferred: Optional[str] = None) -> List[Tuple[str, str]]:
    """All Pythons that there are, used or not: the chosen one, the plugin's own, then those that a search finds.

    Args:
        preferred: Python or environment that the user chose.

    Returns:
        Paths, each with where it comes from: ``chosen``, ``own`` or ``search``.
    """
    chosen = chosen_python(preferred)
    found = [(chosen, "chosen")] if chosen else []
    known = {_identity(path) for path, _ in found}
    return found + [(path, origin) for path, origin in _unchosen() if _identity(path) not in known]


def candidate_pythons(preferred: Optional[str] = None) -> List[Tuple[str, str]]:
    """Pythons to try, in order, each with where it comes from: ``chosen``, ``own`` or ``search``.

    A Python that the user chose is the only candidate: falling back in silence would hide that the choice is wrong.
    """
    chosen = chosen_python(preferred)
    if chosen:
        return [(chosen, "chosen")]
    return _unchosen()


def _unchosen() -> List[Tuple[str, str]]:
    own = [python_of(folder) for folder in own_environments()]
    known = {_identity(path) for path in own}
    searched = [path for path in _usable_names(_searched_pythons()) if _identity(path) not in known]
    return [(path, "own") for path in own] + [(path, "search") for path in searched]


def _size_for(needs: str) -> str:
    return "full" if PACKAGE_FOR[needs] in ("torch", "lightning-fabric") else "light"


def _creation_hint(needs: str) -> str:
    return f"Create an environment with: python -m sr_plugin environment --create {_size_for(needs)}"


def _reason(probe: PythonProbe, kinds: Sequence[str]) -> str:
    return next((reason for reason in map(probe.reason_against, kinds) if reason), "")


def _missing(kinds: Sequence[str], tried: List[Tuple[str, PythonProbe]]) -> RuntimeMissing:
    needs = kinds[0]
    if tried and tried[0][0] == "chosen":
        probe = tried[0][1]
        return RuntimeMissing(
            f"The Python chosen for the worker, {probe.path}, {_reason(probe, kinds)}.",
            f"Choose another one, or choose none and create an environment with: "
            f"python -m sr_plugin environment --create {_size_for(needs)}",
        )
    package = " and ".join(dict.fromkeys(PACKAGE_FOR[kind] for kind in kinds))
    if not tried:
        return RuntimeMissing(f"No Python was found for the worker, which needs {package}.", _creation_hint(needs))
    looked = "; ".join(f"{probe.path} {_reason(probe, kinds)}" for _, probe in tried)
    return RuntimeMissing(f"No Python with {package} was found for the worker: {looked}.", _creation_hint(needs))


def find_worker_python(
    needs: str = "builtin", preferred: Optional[str] = None, cache: Optional[str] = None, also: str = ""
) -> PythonProbe:
    """The Python to run the worker on: the user's choice, else the plugin's own environment, else a search.

    Args:
        needs: what is to be run: ``builtin``, ``onnx``, ``safetensors`` or ``checkpoint``.
        preferred: path of a Python or of an environment that the user chose; by default the one that
            ``SR_PLUGIN_WORKER_PYTHON`` names.
        cache: folder of remembered probes, by default the user's cache folder.
        also: a further kind that the same Python has to be able to run, or empty.

    Raises:
        RuntimeMissing: when none can run it; says what was looked at.
        ParameterError: when ``needs`` is none of the above.
    """
    if needs not in PACKAGE_FOR:
        raise ParameterError(f"There is no model container '{needs}'.", f"Use one of {', '.join(PACKAGE_FOR)}.")
    kinds = (needs, also) if also else (needs,)
    tried = []
    for path, origin in candidate_pythons(preferred):
        probe = probe_python(path, cache=cache)
        if all(probe.usable_for(kind) for kind in kinds):
            return probe
        tried.append((origin, probe))
    raise _missing(kinds, tried)
