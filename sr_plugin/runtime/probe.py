"""Asks a Python what it has: version, packages that load, devices."""

from __future__ import annotations

import json
import os
import re
import subprocess  # nosec B404: starts the Python that the user or the search chose, with a fixed script
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from sr_plugin.runtime.clean_environment import popen_flags, worker_environment
from sr_plugin.runtime.probe_cache import recall, remember

#: Oldest Python that the worker runs on.
MINIMUM_PYTHON = (3, 10)
#: Package that a kind of model file, a comparison of edges without or with a figure, or a training needs besides numpy.
PACKAGE_FOR = {
    "builtin": "numpy",
    "onnx": "onnxruntime",
    "safetensors": "torch",
    "checkpoint": "torch",
    "edges": "scikit-image",
    "figure": "matplotlib",
    "training": "lightning-fabric",
}
#: Kinds that need what another kind needs, too.
_ALSO = {"figure": "edges", "training": "checkpoint"}
#: Seconds; the first import of torch from a cold disk takes long.
PROBE_TIMEOUT = 90.0
_PYTHON_NAME = re.compile(r"^(pypy|python)w?[0-9.]*(\.exe|\.bat)?$", re.IGNORECASE)


@dataclass(frozen=True)
class PythonProbe:
    """What a Python has.

    Attributes:
        path: path of the interpreter as it was given.
        version: for example ``3.11.2``; empty when it did not answer.
        packages: distribution name -> version, of packages that are there and load.
        devices: mappings with ``id`` (``cpu``, ``cuda:0``, ``mps``), ``name`` and ``memory_mb``.
        problem: why it cannot be used or what in it is broken; empty when all is well.
        makes_environments: whether it can create virtual environments with pip.
    """

    path: str
    version: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    devices: Tuple[Mapping[str, Any], ...] = ()
    problem: str = ""
    makes_environments: bool = False

    @property
    def version_info(self) -> Tuple[int, ...]:
        """The version as numbers; empty when it did not answer."""
        return tuple(int(part) for part in self.version.split(".")) if self.version else ()

    @property
    def is_new_enough(self) -> bool:
        """Whether the worker's code can run on it."""
        return self.version_info[:2] >= MINIMUM_PYTHON

    def missing_for(self, container: str) -> List[str]:
        """Packages that are missing to run a model of this container.

        Args:
            container: ``builtin``, ``onnx``, ``safetensors`` or ``checkpoint``.
        """
        needed = ["numpy"]
        if container in _ALSO:
            needed.append(PACKAGE_FOR[_ALSO[container]])
        if PACKAGE_FOR[container] not in needed:
            needed.append(PACKAGE_FOR[container])
        return [name for name in needed if name not in self.packages]

    def usable_for(self, container: str) -> bool:
        """Whether the worker can run a model of this container on this Python."""
        return self.is_new_enough and not self.missing_for(container)

    def reason_against(self, container: str) -> str:
        """Why it cannot run a model of this container, as the end of a sentence; empty when it can."""
        if not self.version:
            return self.problem or "does not answer"
        if not self.is_new_enough:
            return f"is Python {self.version}, and {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]} or newer is needed"
        missing = self.missing_for(container)
        if not missing:
            return ""
        broken = self.problem if any(name in self.problem for name in missing) else ""
        return broken or f"has no {' and no '.join(missing)}"

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return {**asdict(self), "devices": [dict(device) for device in self.devices], "packages": dict(self.packages)}


def is_python_name(path: str) -> bool:
    """Whether a file is named like a Python. Inside QGIS ``sys.executable`` may be QGIS itself: never start that."""
    return bool(_PYTHON_NAME.match(re.split(r"[/\\]", path)[-1]))


def _script() -> str:
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe_script.py"), encoding="utf-8") as file:
        # Before Python 3.11 only this keeps the current folder off the path, where any numpy.py may lie.
        return "import sys; sys.path = [p for p in sys.path if p]\n" + file.read()


def _last_json_line(text: str) -> Optional[Dict[str, Any]]:
    # A sitecustomize may print before the script does.
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                return dict(json.loads(line))
            except (ValueError, RecursionError):
                return None
    return None


def _with_hint(problem: str) -> str:
    """WinError 1114 (a DLL that fails to start) has one usual cause, which its text does not name."""
    if "1114" in problem:
        return f"{problem}; the Microsoft Visual C++ Redistributable is probably missing or old"
    return problem


def _telling_line(stderr: bytes) -> str:
    """The line that says why: the last one of a traceback, the first one of anything else."""
    text = stderr.decode("utf-8", "replace").strip()
    lines = text.splitlines()
    return lines[-1 if "Traceback" in text else 0].strip() if lines else ""


def _ask(path: str, timeout: float) -> Tuple[Optional[Dict[str, Any]], str]:
    """The script's answer, or None and the reason."""
    try:
        done = subprocess.run(  # nosec B603: no shell, fixed arguments, a path checked to be a Python
            [path, "-c", _script()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=worker_environment(),
            timeout=timeout,
            check=False,
            **popen_flags(),
        )
    except subprocess.TimeoutExpired:
        return None, f"did not answer within {timeout:g} s"
    except OSError as error:
        return None, f"cannot be started ({error.strerror or error})"
    answer = _last_json_line(done.stdout.decode("utf-8", "replace"))
    if answer is None:
        return None, f"does not work as a Python ({_telling_line(done.stderr) or f'exit code {done.returncode}'})"
    return answer, ""


def _from_answer(path: str, answer: Mapping[str, Any]) -> PythonProbe:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", str(answer["version"])):
        raise ValueError("no version")
    return PythonProbe(
        path=path,
        version=str(answer["version"]),
        packages={str(name): str(version) for name, version in dict(answer["packages"]).items()},
        devices=tuple({**device, "id": str(device["id"])} for device in answer["devices"]),
        problem=_with_hint(str(answer["problem"])),
        makes_environments=bool(answer["makes_environments"]),
    )


def probe_python(
    path: str, timeout: float = PROBE_TIMEOUT, cache: Optional[str] = None, refresh: bool = False
) -> PythonProbe:
    """Ask a Python what it has; a Python that cannot be asked gives a probe with a ``problem``, never an error.

    Args:
        path: path of the interpreter.
        timeout: seconds to wait for an answer.
        cache: folder of remembered answers, by default the user's cache folder.
        refresh: ask again even if an answer is remembered.
    """
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(path):
        return PythonProbe(path, problem="does not exist")
    if not is_python_name(path):
        return PythonProbe(path, problem="is not named like a Python")
    answer = None if refresh else recall(path, cache)
    if answer is None:
        answer, problem = _ask(path, timeout)
        if answer is None:
            return PythonProbe(path, problem=problem)
        listed = answer.get("site_folders")
        folders = [folder for folder in listed if isinstance(folder, str)] if isinstance(listed, list) else []
        remember(path, answer, folders, cache)
    try:
        return _from_answer(path, answer)
    except (KeyError, TypeError, ValueError):
        return PythonProbe(path, problem="gave an answer that makes no sense")
