"""What must not happen while a hostile input is read: a program, the network, a file elsewhere, a hang, a flood."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from tests.waiting import LONG

#: Seconds that one example may compute, in all threads together; most take a thousandth of it.
SECONDS = 10
#: Growth of this process' greatest size in one example.
MEGABYTES = 400
_STARTS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.startfile"),
    *("subprocess.Popen", "pty.spawn", "socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request"),
    *("pickle.find_class", "ctypes.dlopen", "exec", "code.__new__", "marshal.loads"),
)
#: What the import of a module does, too.
_IMPORTS = ("exec", "code.__new__", "marshal.loads")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.symlink", "os.link", "shutil.rmtree")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_watched: dict[int, list[str]] = {}
_installed = threading.Event()


class Hung(BaseException):
    """An example takes too long; not an Exception, so that no reader takes it for a damaged file."""


def _is_own(path: Any) -> bool:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return True  # A descriptor that is open already.
    place = pathlib.Path(os.fsdecode(path)).absolute()
    return str(place) == os.devnull or any(str(place).startswith(root) for root in _own_places())


def _in_open_folder(values: tuple[Any, ...]) -> bool:
    """Deleting a tree goes by folders that are open; opening the topmost one was seen before."""
    return not os.path.isabs(os.fsdecode(values[0])) and len(values) > 1 and values[-1] != -1


def _own_places() -> list[str]:
    return [os.path.realpath(tempfile.gettempdir()), os.environ.get("SR_PLUGIN_CACHE", "/tmp")]


def _audit(event: str, values: tuple[Any, ...]) -> None:
    seen = _watched.get(threading.get_ident())
    if seen is None:
        return
    if event in _STARTS and not (event in _IMPORTS and _importing()):
        seen.append(f"{event}{values[:1]!r}")
    elif event in _CHANGES and not _is_own(values[0]) and not _in_open_folder(values):
        seen.append(f"{event}{values[:1]!r}")
    elif event == "open" and isinstance(values[2], int) and values[2] & _WRITING and not _is_own(values[0]):
        if "__pycache__" not in str(values[0]):
            seen.append(f"open for writing {values[0]!r}")


def _importing() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def greatest_size() -> int:
    """What this process took at most so far, in megabytes."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


@contextlib.contextmanager
def guarded(seconds: float = SECONDS, megabytes: int = MEGABYTES, patience: float = LONG) -> Iterator[None]:
    """Fails the test when what runs inside does what reading a file must not do.

    Args:
        seconds: of CPU time, which a machine that others use does not lengthen.
        megabytes: growth of this process' greatest size.
        patience: seconds by the clock, for what hangs without computing.
    """
    if not _installed.is_set():
        sys.addaudithook(_audit)
        _installed.set()
    seen: list[str] = []
    before = greatest_size()

    def stop(*_: Any) -> None:
        raise Hung(f"no end after {seconds} s of computing or {patience} s of waiting")

    timers: list[tuple[int, int, float]] = []
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        timers = [
            (signal.ITIMER_PROF, signal.SIGPROF, seconds),
            (signal.ITIMER_REAL, signal.SIGALRM, patience),
        ]
    previous = [signal.signal(number, stop) for _, number, _ in timers]
    for timer, _, most in timers:
        signal.setitimer(timer, most)
    _watched[threading.get_ident()] = seen
    try:
        yield
    finally:
        _watched.pop(threading.get_ident(), None)
        for (timer, number, _), before_it in zip(timers, previous):
            signal.setitimer(timer, 0)
            signal.signal(number, before_it)
    assert seen == [], f"it did {seen}"
    grown = greatest_size() - before
    assert grown <= megabytes, f"it took {grown} MB"
