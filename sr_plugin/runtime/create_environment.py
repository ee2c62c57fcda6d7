"""Makes the worker's Python environment: a virtual environment with the pinned packages of one of three sizes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence

from sr_plugin.core.errors import EnvironmentFailed, ParameterError, RuntimeMissing
from sr_plugin.runtime.environment_attempt import Attempt, note
from sr_plugin.runtime.environment_folder import (
    SIZES,
    UNFINISHED,
    environment_folder,
    python_of,
    read_record,
    size_of,
)
from sr_plugin.runtime.find_python import chosen_python, every_python
from sr_plugin.runtime.probe import MINIMUM_PYTHON, PythonProbe, probe_python
from sr_plugin.runtime.run_logged import run_logged

#: Container that the size must be able to run when it is done: ``light`` runs ONNX models, ``full`` adds torch for
#: checkpoints and training, ``cuda`` brings torch in its build for NVIDIA's GPUs.
_PROOF = {"light": "onnx", "full": "checkpoint", "cuda": "checkpoint"}
#: PyTorch's own indexes, without and with CUDA.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
#: List of packages, constraint that chooses the build of torch, and index that has this build.
_LISTS = {"light": "light.txt", "full": "full.txt", "cuda": "full.txt"}
_BUILDS = {"full": ("cpu.txt", TORCH_CPU_INDEX), "cuda": ("cuda.txt", TORCH_CUDA_INDEX)}
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
    environment: Dict[str, str]
    requirements: str
    log: Callable[[str], None]
    is_cancelled: Optional[Callable[[], bool]]

    def run(self, command: Sequence[str]) -> List[str]:
        """Run a command; its lines.

        Raises:
            EnvironmentFailed: when it fails, with the line that tells why.
        """
        code, lines = run_logged(command, self.log, self.is_cancelled, self.environment)
        if code:
            raise _failure(f"The environment in '{self.folder}' could not be made", lines, bool(self.wheels))
        return lines

    def pip(self, *arguments: str) -> List[str]:
        """Run ``pip install`` in the environment; its lines."""
        command = [python_of(self.folder), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        command += ["--progress-bar", "off"]
        if self.wheels:
            command += ["--no-index", "--find-links", self.wheels]
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
    # Beside one that the user chose for the models the others serve here, too: it may be the one that is broken.
    for path, origin in every_python():
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


def _start(job: _Job, base: PythonProbe) -> None:
    """An empty virtual environment with pip, marked as unfinished."""
    try:
        os.makedirs(job.folder, exist_ok=True)
        note(job.folder, UNFINISHED, {"size": job.size, "python": base.version})
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
    """Install the packages; torch in the build that the size asks for."""
    lists = ["-r", os.path.join(job.requirements, _LISTS[job.size])]
    # A folder of wheels holds the build that its owner wants.
    if job.size not in _BUILDS or job.wheels:
        job.pip(*lists)
        return
    constraint, index = _BUILDS[job.size]
    lists += ["-c", os.path.join(job.requirements, constraint)]
    try:
        # Wherever pip looks already, a company's index for example, may have this build.
        job.pip(*lists)
    except EnvironmentFailed:
        job.log(f"Taking PyTorch from its own index of builds, {index}")
        job.pip(*lists, "--extra-index-url", index)


def _proven(job: _Job) -> PythonProbe:
    """Ask the environment whether it works."""
    probe = probe_python(python_of(job.folder), refresh=True)
    if not probe.usable_for(_PROOF[job.size]):
        raise EnvironmentFailed(
            f"The new environment does not work: its Python {probe.reason_against(_PROOF[job.size])}.",
            "Look at the messages of the installation above.",
        )
    if job.size == "cuda" and not any(device["id"].startswith("cuda") for device in probe.devices):
        job.log("PyTorch sees no NVIDIA GPU: check that one is there and that its driver is new enough.")
    return probe


def _works(folder: str, container: str) -> bool:
    return probe_python(python_of(folder), refresh=True).usable_for(container)


def _already_there(job: _Job) -> bool:
    """Whether the folder holds a whole environment of this size or a larger one."""
    record = read_record(job.folder)
    return record is not None and SIZES.index(job.size) <= SIZES.index(size_of(record))


def _make(job: _Job, base: PythonProbe, anew: bool) -> PythonProbe:
    """Make the environment, or enlarge a smaller one that works; as before when it does not come to its end."""
    record = read_record(job.folder)
    proof = _PROOF[size_of(record or {})]
    enlarge = not anew and record is not None and not _already_there(job) and _works(job.folder, proof)
    if job.size == "cuda" and record is not None and size_of(record) == "full":
        # pip takes the build of torch that is there for the one that is wanted.
        enlarge = False
    with Attempt(job.folder, enlarge, lambda: _works(job.folder, proof)) as attempt:
        if not enlarge:
            job.log(f"Making a virtual environment with Python {base.version} in '{job.folder}'")
            _start(job, base)
        job.log(f"Installing the packages of the {job.size} environment")
        _install(job)
        probe = _proven(job)
        attempt.succeed(
            {"size": job.size, "python": probe.version, "packages": dict(probe.packages), "made": time.time()}
        )
    return probe


def _check(size: str, wheels: Optional[str]) -> None:
    if size not in SIZES:
        raise ParameterError(f"There is no size '{size}' of the environment.", f"Use one of {', '.join(SIZES)}.")
    if size == "cuda" and sys.platform == "darwin":
        raise ParameterError("There is no CUDA for macOS.", "Use full: PyTorch computes on Apple's own GPUs.")
    if wheels is None:
        return
    if not os.path.isdir(wheels):
        raise EnvironmentFailed(f"The folder of wheels '{wheels}' does not exist.", "Check the path.")
    if not any(name.endswith((".whl", ".tar.gz", ".zip")) for name in os.listdir(wheels)):
        raise EnvironmentFailed(
            f"The folder of wheels '{wheels}' holds no wheels.",
            "Put every wheel that the size needs, for this Python and system, into it.",
        )


def _proxy_variables(proxy: Optional[str], no_proxy: Sequence[str]) -> Dict[str, str]:
    """The proxy as variables: other users can read the arguments of a command, but not these."""
    if not proxy:
        return {}
    values = {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ",".join(no_proxy)}
    return {**values, **{name.upper(): value for name, value in values.items()}}


def create_environment(
    size: str,
    target: Optional[str] = None,
    wheels: Optional[str] = None,
    proxy: Optional[str] = None,
    python: Optional[str] = None,
    log: Callable[[str], None] = lambda line: None,
    is_cancelled: Optional[Callable[[], bool]] = None,
    requirements: str = _REQUIREMENTS,
    no_proxy: Sequence[str] = (),
    anew: bool = False,
) -> PythonProbe:
    """Make, enlarge or repair an environment for the worker.

    A whole environment of this size is kept; a smaller one is enlarged; one that is not whole is made anew. Only the
    size ``cuda`` brings CUDA.

    Args:
        size: ``light``, ``full`` or ``cuda``.
        target: folder of the environment, by default one in the user's data folder for the version of Python.
        wheels: folder with all wheels, to install without a network.
        proxy: address of a proxy, which may hold user name and password.
        python: Python to make it from, by default the first suitable one that is found.
        log: called with every line of progress.
        is_cancelled: asked several times a second.
        requirements: folder with ``light.txt``, ``full.txt``, ``cpu.txt`` and ``cuda.txt``.
        no_proxy: hosts that are reached without the proxy.
        anew: replace the environment that is there, to repair it.

    Returns:
        What the environment's Python has.

    Raises:
        EnvironmentFailed: with the line that tells why; everything is then as it was before.
        RuntimeMissing: when there is no Python to make it from.
        Cancelled: when the user cancelled; everything is then as it was before.
        ParameterError: when the size is unknown, or not for this system.
    """
    _check(size, wheels)
    base = _base_python(python)
    folder = os.path.abspath(os.path.expanduser(target)) if target else environment_folder(base.version_info)
    variables = _proxy_variables(proxy, no_proxy)
    job = _Job(size, folder, wheels and os.path.abspath(wheels), variables, requirements, log, is_cancelled)
    if not anew and _already_there(job):
        probe = probe_python(python_of(folder), refresh=True)
        if probe.usable_for(_PROOF[size]):
            log(f"The environment in '{folder}' is there already.")
            return probe
    try:
        return _make(job, base, anew)
    except OSError as error:
        raise EnvironmentFailed(
            f"The environment in '{folder}' cannot be written ({error.strerror or error}).", "Choose another folder."
        ) from error
