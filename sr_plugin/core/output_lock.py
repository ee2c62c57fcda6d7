"""One run an output: a lock that the system gives back when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from typing import IO, Optional

from sr_plugin.core.errors import OutputBusy, OutputError
from sr_plugin.core.process_mark import still_runs, this_process

#: What the system answers when somebody else holds a lock.
_HELD = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_TRIES, _PAUSE_SECONDS = 6, 0.1
_LONGEST_MARK = 1024


def _lock(file: IO[bytes]) -> None:
    """Lock a file without waiting; OSError when another process holds it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_patiently(file: IO[bytes]) -> None:
    """Lock a file; somebody who only looks whether it is locked holds it for a moment.

    Raises:
        OSError: when it stays held, or cannot be locked at all.
    """
    for _ in range(_TRIES - 1):
        try:
            _lock(file)
            return
        except OSError as error:
            if error.errno not in _HELD:
                raise
            time.sleep(_PAUSE_SECONDS)
    _lock(file)


def is_locked(output: str) -> bool:
    """Whether a run is writing this output now, in any process.

    Args:
        output: final path of the result.
    """
    try:
        with open(output + ".lock", "rb+") as file:
            _lock(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in _HELD or still_runs(_marked(output + ".lock"))
    # Closing the file gave the lock back.
    return False


def _marked(path: str) -> str:
    """The mark in a lock file, empty where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(_LONGEST_MARK).decode("ascii", "replace").strip()
    except OSError:
        return ""


class OutputLock:
    """Held while a result is being written.

    Args:
        output: final path of the result.

    Raises:
        OutputBusy: when another run holds it.
        OutputError: when the lock file cannot be made.
    """

    def __init__(self, output: str) -> None:
        self.path = output + ".lock"
        self._file: Optional[IO[bytes]] = None
        while self._file is None:
            try:
                file = open(self.path, "ab")
            except OSError as error:
                raise OutputError(f"Nothing can be written beside '{output}' ({error}).") from error
            try:
                _lock_patiently(file)
            except OSError as error:
                if error.errno not in _HELD and self._take_by_mark(file):
                    return
                file.close()
                raise OutputBusy(f"Another run is writing '{output}'.") from None
            if self._still_there(file):
                self._file = file
            else:
                # Its last holder deleted it between our opening and our locking.
                file.close()

    def _take_by_mark(self, file: IO[bytes]) -> bool:
        """On a file system without locks, such as some network shares, the file names the process that holds it.

        That guards against runs of this machine; those of another one are not seen.
        """
        if still_runs(_marked(self.path)):
            return False
        file.truncate(0)
        file.write(this_process().encode("ascii", "replace"))
        file.flush()
        self._file = file
        return True

    def _still_there(self, file: IO[bytes]) -> bool:
        try:
            return sys.platform == "win32" or os.path.samestat(os.fstat(file.fileno()), os.stat(self.path))
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back and delete its file."""
        if self._file is None:
            return
        if sys.platform == "win32":
            # Windows refuses to delete an open file.
            self._file.close()
        # A file that somebody else has open at this moment may stay: a lock file that nobody holds locks nothing.
        with contextlib.suppress(OSError):
            os.remove(self.path)
        self._file.close()
        self._file = None

    def __enter__(self) -> OutputLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
