"""Makes the worker's Python environment: a virtual environment with the pinned packages of one of two sizes."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

from sr_plugin.core.errors import EnvironmentFailed, ParameterError, RuntimeMissing
from sr_plugin.runtime.environment_folder import (
    COMPLETE,
    UNFINISHED,
    environment_folder,
    is_ours,
    python_of,
    read_record,
)
from sr_plugin.runtime.find_python import candidate_pythons, chosen_python
from sr_plugin.runtime.probe import MINIMUM_PYTHON, PythonProbe, probe_python
from sr_plugin.runtime.run_logged import run_logged

#: ``light`` runs ONNX models, ``full`` adds torch for checkpoints and training.
SIZES = ("light", "full")
#: Container that the size must be able to run when it is done.
_PROOF = {"light": "onnx", "full": "checkpoint"}
#: PyTorch's own index of builds without CUDA.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: Python that uv is asked for when none is found.
_UV_PYTHON = "3.12"
_REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements")
_NETWORK_SIGNS = ("NewConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "name resolution", "SSLError")


@dataclass(frozen=True)
class _Job:
    """What the steps of a creation share."""

    size: str
    folder: str
    wheels: Optional[str]
    proxy: Optional[str]
    requirements: str
    log: Callable[[str], None]
    is_cancelled: Optional[Callable[[], bool]]

    def run(self, command: Sequence[str]) -> List[str]:
        """Run a command; its lines.

        Raises:
            EnvironmentFailed: when it fails, with the line that tells why.
        """
        code, lines = run_logged(command, self.log, self.is_cancelled)
        if code:
            raise _failure(f"The environment in '{self.folder}' could not be made", lines, bool(self.wheels))
        return lines

    def pip(self, *arguments: str) -> List[str]:
        """Run ``pip install`` in the environment; its lines."""
        command = [python_of(self.folder), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        command += ["--progress-bar", "off"]
        if self.wheels:
            command += ["--no-index", "--find-links", self.wheels]
        if self.proxy:
            command += ["--proxy", self.proxy]
        return self.run(command + list(arguments))


def _telling_line(lines: Sequence[str]) -> str:
    """The line that says why pip or venv failed."""
    errors = [line for line in lines if line.startswith("ERROR:") or line.startswith("Error:")]
    last = errors[-1] if errors else (lines[-1] if lines else "no message")
    return last.split(":", 1)[1].strip() if errors else last.strip()


def _failure(what: str, lines: Sequence[str], offline: bool) -> EnvironmentFailed:
    text = "\n".join(lines)
    hint = ""
    if "No space left" in text or "ENOSPC" in text:
        hint = "Free some disk space and start again."
    elif "ensurepip" in text:
        hint = "Install the system's package for virtual environments, for example python3-venv."
    elif offline:
        hint = "Put every wheel that the size needs, for this Python and system, into the wheels folder."
    elif any(sign in text for sign in _NETWORK_SIGNS):
        hint = "The package index cannot be reached: check the network, give a proxy, or a folder with the wheels."
    return EnvironmentFailed(f"{what}: {_telling_line(lines).rstrip('.')}.", hint)


def _base_python(chosen: Optional[str]) -> PythonProbe:
    """The Python to make the environment from: the chosen one, else the first suitable one of the search."""
    oldest = f"{MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]}"
    if chosen:
        probe = probe_python(chosen_python(chosen))
        if not probe.is_new_enough:
            raise EnvironmentFailed(
                f"'{chosen}' {probe.reason_against('builtin')}.", f"Choose a Python {oldest} or newer."
            )
        return probe
    fallback = None
    for path, origin in candidate_pythons():
        probe = probe_python(path)
        # An environment made from the plugin's own would lose its base when that one is made anew.
        if probe.is_new_enough and origin != "own":
            if probe.makes_environments:
                return probe
            fallback = fallback or probe
    if fallback is None and shutil.which("uv"):
        # uv brings a Python of its own where there is none, as on Windows beside an older QGIS.
        return PythonProbe(_UV_PYTHON, f"{_UV_PYTHON}.0")
    if fallback is not None:
        return fallback
    raise RuntimeMissing(
        f"No Python {oldest} or newer was found to make the environment from.",
        "Install Python from python.org or your system's packages, and give its path with --python.",
    )


def _clear(folder: str) -> None:
    """Remove what an earlier try left; a folder that this plugin did not make is left alone."""
    if not os.path.lexists(folder) or (os.path.isdir(folder) and not os.listdir(folder)):
        return
    if not is_ours(folder):
        raise EnvironmentFailed(
            f"'{folder}' is there already and was not made by this plugin.", "Choose an empty or new folder."
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise EnvironmentFailed(
            f"The old environment in '{folder}' cannot be removed ({error.strerror or error}).",
            "End the runs that use it and start again.",
        ) from error


def _note(folder: str, name: str, record: dict) -> None:
    partial = os.path.join(folder, f"{name}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=1, sort_keys=True)
    os.replace(partial, os.path.join(folder, name))


def _start(job: _Job, base: PythonProbe) -> None:
    """An empty virtual environment with pip, marked as unfinished."""
    _clear(job.folder)
    try:
        os.makedirs(job.folder, exist_ok=True)
        _note(job.folder, UNFINISHED, {"size": job.size, "python": base.version})
    except OSError as error:
        raise EnvironmentFailed(
            f"The folder '{job.folder}' cannot be written ({error.strerror or error}).", "Choose another folder."
        ) from error
    uv = shutil.which("uv")
    if base.makes_environments or not uv:
        job.run([base.path, "-m", "venv", job.folder])
    else:
        job.run([uv, "venv", "--seed", "--allow-existing", "--python", base.path, job.folder])


def _install(job: _Job) -> None:
    """Install the packages, torch only in a build without CUDA."""
    lists = ["-r", os.path.join(job.requirements, f"{job.size}.txt")]
    if job.size != "full" or job.wheels:
        job.pip(*lists)
        return
    lists += ["-c", os.path.join(job.requirements, "cpu.txt")]
    try:
        # Wherever pip looks already, a company's index for example, may have the build without CUDA.
        job.pip(*lists)
    except EnvironmentFailed:
        job.log(f"Taking PyTorch from its own index of builds without CUDA, {TORCH_CPU_INDEX}")
        job.pip(*lists, "--extra-index-url", TORCH_CPU_INDEX)


def _finish(job: _Job) -> PythonProbe:
    """Prove that the environment works, then mark it as whole."""
    probe = probe_python(python_of(job.folder), refresh=True)
    if not probe.usable_for(_PROOF[job.size]):
        raise EnvironmentFailed(
            f"The new environment does not work: its Python {probe.reason_against(_PROOF[job.size])}.",
            "Look at the messages of the installation above.",
        )
    record = {"size": job.size, "python": probe.version, "packages": dict(probe.packages), "made": time.time()}
    _note(job.folder, COMPLETE, record)
    unfinished = os.path.join(job.folder, UNFINISHED)
    if os.path.exists(unfinished):
        os.remove(unfinished)
    return probe


def _prepare(job: _Job, base: PythonProbe) -> None:
    """A virtual environment to install into: the light one that is there, else a new one."""
    if read_record(job.folder) is None or not probe_python(python_of(job.folder)).usable_for(_PROOF["light"]):
        job.log(f"Making a virtual environment with Python {base.version} in '{job.folder}'")
        _start(job, base)
        return
    # From here to the end the environment is not whole, and a crash must leave it marked so.
    _note(job.folder, UNFINISHED, {"size": job.size, "python": base.version})
    os.remove(os.path.join(job.folder, COMPLETE))


def _already_there(job: _Job) -> bool:
    """Whether the folder holds a whole environment of this size or a larger one."""
    record = read_record(job.folder)
    return record is not None and SIZES.index(job.size) <= SIZES.index(record.get("size", "light"))


def create_environment(
    size: str,
    target: Optional[str] = None,
    wheels: Optional[str] = None,
    proxy: Optional[str] = None,
    python: Optional[str] = None,
    log: Callable[[str], None] = lambda line: None,
    is_cancelled: Optional[Callable[[], bool]] = None,
    requirements: str = _REQUIREMENTS,
) -> PythonProbe:
    """Make, enlarge or repair an environment for the worker.

    A whole environment of this size is kept; a light one is enlarged when ``full`` is asked for; one that is not whole
    is made anew. Nothing with CUDA is installed.

    Args:
        size: ``light`` or ``full``.
        target: folder of the environment, by default one in the user's data folder for the version of Python.
        wheels: folder with all wheels, to install without a network.
        proxy: address of a proxy.
        python: Python to make it from, by default the first suitable one that is found.
        log: called with every line of progress.
        is_cancelled: asked several times a second.
        requirements: folder with ``light.txt``, ``full.txt`` and ``cpu.txt``.

    Returns:
        What the environment's Python has.

    Raises:
        EnvironmentFailed: with the line that tells why; what is left behind is marked as not whole.
        RuntimeMissing: when there is no Python to make it from.
        Cancelled: when the user cancelled.
        ParameterError: when the size is unknown.
    """
    if size not in SIZES:
        raise ParameterError(f"There is no size '{size}' of the environment.", f"Use one of {', '.join(SIZES)}.")
    if wheels is not None and not os.path.isdir(wheels):
        raise EnvironmentFailed(f"The folder of wheels '{wheels}' does not exist.", "Check the path.")
    base = _base_python(python)
    folder = os.path.abspath(os.path.expanduser(target)) if target else environment_folder(base.version_info)
    job = _Job(size, folder, wheels and os.path.abspath(wheels), proxy, requirements, log, is_cancelled)
    if _already_there(job):
        probe = probe_python(python_of(folder), refresh=True)
        if probe.usable_for(_PROOF[size]):
            log(f"The environment in '{folder}' is there already.")
            return probe
    _prepare(job, base)
    log(f"Installing the packages of the {size} environment")
    _install(job)
    return _finish(job)
