"""Runs a command line by line into a log, so that a long installation can be watched and stopped."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess  # nosec B404: starts only what the caller of run_logged names, without a shell
import sys
import threading
from typing import IO, Callable, List, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.errors import Cancelled
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment

#: Seconds between two looks at whether the user has cancelled.
_POLL = 0.2
#: Seconds for the last lines of a command that has ended.
_CLOSE_SECONDS = 2.0
#: Up to the last "@", as passwords may have some.
_CREDENTIALS = re.compile(r"(://)[^/\s]+@")
#: A folder without modules: before Python 3.11, ``-m`` takes those of the current folder first.
_NEUTRAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements")


def _clean(line: str) -> str:
    """The line without the user name and password that an address may carry."""
    return _CREDENTIALS.sub(r"\1", line.rstrip())


def _pump(stream: IO[str], lines: queue.Queue[Optional[str]]) -> None:
    for line in stream:
        lines.put(_clean(line))
    lines.put(None)


def _open(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen:
    return subprocess.Popen(  # nosec B603: no shell, arguments are passed as a list
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**worker_environment(), **environment},
        cwd=_NEUTRAL,
        encoding="utf-8",
        errors="replace",
        **popen_flags(),
    )


def _close(process: subprocess.Popen, pump: threading.Thread) -> None:
    """End the command if it still runs, and close its output."""
    if process.poll() is None:
        _end(process)
    pump.join(_CLOSE_SECONDS)
    # A process that left the group may hold the other end; closing under a reader would wait for it.
    if process.stdout is not None and not pump.is_alive():
        process.stdout.close()


def _end(process: subprocess.Popen) -> None:
    """Kill a command with all that it started: pip builds and downloads in processes of its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        # popen_flags made it the leader of a session, so of a process group.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
    process.wait()


def run_logged(
    command: Sequence[str],
    log: Callable[[str], None],
    is_cancelled: Optional[Callable[[], bool]] = None,
    environment: Optional[Mapping[str, str]] = None,
) -> Tuple[int, List[str]]:
    """Run a command to its end.

    Args:
        command: program and arguments.
        log: called with every line that the command prints.
        is_cancelled: asked several times a second; the command and what it started are killed when it says yes.
        environment: variables added to those of the worker; the place for what other users of the computer must not
            see, because they can read the arguments of a command.

    Returns:
        Exit code and all lines. A program that cannot be started gives code 127 and the reason as its line.

    Raises:
        Cancelled: when the user cancelled.
    """
    try:
        process = _open(command, environment or {})
    except OSError as error:
        return 127, [f"{command[0]} cannot be started ({error.strerror or error})"]
    lines: queue.Queue[Optional[str]] = queue.Queue()
    pump = threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True)
    pump.start()
    seen: List[str] = []
    try:
        while True:
            if is_cancelled is not None and is_cancelled():
                raise Cancelled("Creating the environment was cancelled.")
            try:
                line = lines.get(timeout=_POLL)
            except queue.Empty:
                continue
            if line is None:
                break
            if line:
                seen.append(line)
                log(line)
        return process.wait(), seen
    finally:
        _close(process, pump)
