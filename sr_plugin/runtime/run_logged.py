"""Runs a command line by line into a log, so that a long installation can be watched and stopped."""

from __future__ import annotations

import queue
import re
import subprocess  # nosec B404: starts only what the caller of run_logged names, without a shell
import threading
from typing import IO, Callable, List, Optional, Sequence, Tuple

from sr_plugin.core.errors import Cancelled
from sr_plugin.runtime.clean_environment import popen_flags, worker_environment

#: Seconds between two looks at whether the user has cancelled.
_POLL = 0.2
_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")


def _clean(line: str) -> str:
    """The line without the user name and password that an address may carry."""
    return _CREDENTIALS.sub(r"\1", line.rstrip())


def _pump(stream: IO[str], lines: queue.Queue[Optional[str]]) -> None:
    for line in stream:
        lines.put(_clean(line))
    lines.put(None)


def run_logged(
    command: Sequence[str], log: Callable[[str], None], is_cancelled: Optional[Callable[[], bool]] = None
) -> Tuple[int, List[str]]:
    """Run a command to its end.

    Args:
        command: program and arguments.
        log: called with every line that the command prints.
        is_cancelled: asked several times a second; the command is killed when it says yes.

    Returns:
        Exit code and all lines. A program that cannot be started gives code 127 and the reason as its line.

    Raises:
        Cancelled: when the user cancelled.
    """
    try:
        process = subprocess.Popen(  # nosec B603: no shell, arguments are passed as a list
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=worker_environment(),
            encoding="utf-8",
            errors="replace",
            **popen_flags(),
        )
    except OSError as error:
        return 127, [f"{command[0]} cannot be started ({error.strerror or error})"]
    lines: queue.Queue[Optional[str]] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
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
        if process.poll() is None:
            process.kill()
            process.wait()
