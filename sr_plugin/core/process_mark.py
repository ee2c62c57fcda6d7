"""A text that names a process, and tells later whether that very process still runs."""

from __future__ import annotations

import os
import platform
import sys
from typing import Optional


def this_process() -> str:
    """Machine, number and, where the system tells it, the start of this process."""
    return _mark(os.getpid()) or f"{_machine()} {os.getpid()} ?"


def still_runs(mark: str) -> bool:
    """Whether the process with this mark runs on this machine; False for what is no mark, or of another machine."""
    try:
        machine, number, started = mark.split(" ")
        now = _mark(int(number)) if machine == _machine() and int(number) > 0 else None
    except (ValueError, OverflowError):
        return False
    # Numbers of processes are used again, so a process that started at another time is another one.
    return now is not None and started in ("?", now.split(" ")[2])


def _mark(number: int) -> Optional[str]:
    """The mark of a running process, None where there is none of this number."""
    started = _started(number)
    return None if started is None else f"{_machine()} {number} {started}"


def _machine() -> str:
    return "_".join(platform.node().split()) or "?"


def _started(number: int) -> Optional[str]:
    """When a process started, in the system's own counting; ``?`` where the system does not tell, None without one."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{number}/stat", encoding="ascii", errors="replace") as file:
                # The name in brackets may hold anything; the start is the 20th field behind it.
                return file.read().rpartition(")")[2].split()[19]
        except (OSError, IndexError):
            return None
    return _exists_on_windows(number) if sys.platform == "win32" else _exists(number)


def _exists(number: int) -> Optional[str]:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return "?"
    return "?"


def _exists_on_windows(number: int) -> Optional[str]:
    import ctypes

    # SYNCHRONIZE is the least right; waiting no time tells whether the process has ended.
    synchronize, still_going = 0x00100000, 0x102
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(synchronize, False, number)
    if not handle:
        return None
    try:
        return "?" if kernel.WaitForSingleObject(handle, 0) == still_going else None
    finally:
        kernel.CloseHandle(handle)
