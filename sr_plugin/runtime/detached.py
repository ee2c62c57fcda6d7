"""Starts a process that outlives the one that starts it."""

from __future__ import annotations

import os
import subprocess  # nosec B404: starts only the worker's Python on a module of the plugin, without a shell
import sys
import threading
from typing import Dict, List, Optional, Set

from sr_plugin.core.errors import WorkerDied
from sr_plugin.core.locations import package_parent
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment

#: The current folder is kept off the path, so that no numpy.py that lies there runs; before Python 3.11 by hand.
_START = (
    "import runpy, sys; sys.path = [sys.argv.pop(1)] + [p for p in sys.path if p]; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
_DETACHED, _OWN_GROUP, _BELOW_NORMAL = 0x00000008, 0x00000200, 0x00004000

#: Processes that were started here and may still run; asked now and then, so that none stays behind as a zombie.
_started: List[subprocess.Popen] = []
#: Identifiers of those that have ended; whoever waits for one may ask after it was forgotten.
_ended: Set[int] = set()
#: Trainings are started and followed in threads.
_guard = threading.Lock()


def _flags() -> Dict[str, object]:
    if sys.platform != "win32":
        return popen_flags()
    return {"creationflags": _DETACHED | _OWN_GROUP | _BELOW_NORMAL}


def start_detached(python: str, module: str, arguments: List[str], log: str) -> int:
    """Start a module of the plugin in a process of its own.

    It has no input, prints into a file, and lives on when the process that started it ends.

    Args:
        python: the interpreter.
        module: full name of a module, run as with ``python -m``.
        arguments: its arguments.
        log: file that its output is added to.

    Returns:
        Its process identifier.

    Raises:
        WorkerDied: when it cannot be started.
    """
    forget_ended()
    try:
        with open(log, "ab") as output:
            process = subprocess.Popen(  # nosec B603: a fixed command without a shell
                [python, "-c", _START, package_parent(), module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=os.path.dirname(os.path.abspath(log)),
                env={**worker_environment(), "PYTHONUNBUFFERED": "1"},
                **_flags(),
            )
    except OSError as error:
        raise WorkerDied(f"The process for the training cannot be started with '{python}' ({error}).") from error
    with _guard:
        # The system gives identifiers again.
        _ended.discard(process.pid)
        _started.append(process)
    return process.pid


def forget_ended() -> None:
    """Take the processes that have ended off the system's list."""
    with _guard:
        _ended.update(process.pid for process in _started if process.poll() is not None)
        _started[:] = [process for process in _started if process.pid not in _ended]


def has_ended(pid: int) -> Optional[bool]:
    """Whether a process that was started here has ended; None for others, of which nothing is known."""
    with _guard:
        if pid in _ended:
            return True
        return next((process.poll() is not None for process in _started if process.pid == pid), None)
