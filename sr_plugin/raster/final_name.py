"""Complete files get their final names: one of them at once, several of them all or none.

No file system renames several files in one step. A record of what is being named lies on the disk meanwhile, and
earlier files of the same names lie aside, so that all of it can be taken back: after a failure, and after a kill.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from sr_plugin.core.errors import OutputError

#: Where GDAL keeps what a format cannot hold.
SIDE_FILE = ".aux.xml"
#: Files that belong to an earlier result of the same name: statistics, overviews, mask.
_STALE_FILES = (SIDE_FILE, ".ovr", ".msk")
_ASIDE = ".old"
_VERSION = 1


class _Named(NamedTuple):
    """A file that gets its name: under which it is complete, and what tells that it is this one."""

    whole: str
    path: str
    size: int
    modified: int
    has_side_file: bool

    @property
    def aside(self) -> str:
        return self.whole + _ASIDE

    @property
    def is_named(self) -> bool:
        """Whether the file stands under its final name and nowhere else."""
        return not os.path.exists(self.whole) and _identity(self.path) == (self.size, self.modified)


def _identity(path: str) -> Optional[Tuple[int, int]]:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def give_name(whole: str, path: str) -> None:
    """Give a complete file its final name, in place of an earlier file.

    Args:
        whole: where it lies, in the folder of the final name.
        path: the final name.

    Raises:
        OutputError: when that fails.
    """
    try:
        with open(whole, "rb+") as file:
            os.fsync(file.fileno())
        # The raster first: where an old one cannot be replaced, its side files stay as they are.
        os.replace(whole, path)
        stale = _STALE_FILES
        if os.path.exists(whole + SIDE_FILE):
            # What a GeoTIFF cannot hold, such as a rotated-pole CRS, GDAL keeps beside it.
            os.replace(whole + SIDE_FILE, path + SIDE_FILE)
            stale = _STALE_FILES[1:]
        for suffix in stale:
            if os.path.exists(path + suffix):
                os.remove(path + suffix)
    except OSError as error:
        raise OutputError(f"The result could not be given its name '{path}' ({error}).") from error


def give_names(files: Sequence[Tuple[str, str]], record: str) -> None:
    """Give complete files their final names, all or none.

    Args:
        files: pairs of arguments of :func:`give_name`; the last pair is named first.
        record: path of a file that lasts as long as only some of them may have their names.

    Raises:
        OutputError: when one of them cannot have its name. All lie again where they were, and so do earlier files.
    """
    if len(files) == 1:
        give_name(*files[0])
        return
    try:
        named = _write_record(files, record)
    except OSError as error:
        raise OutputError(f"The result could not be given its name '{files[0][1]}' ({error}).") from error
    try:
        for each in reversed(named):
            _set_aside(each)
        for each in reversed(named):
            give_name(each.whole, each.path)
    except BaseException:
        # Where this fails too, the record stays, and the next start tries again.
        with contextlib.suppress(OutputError):
            take_back(record, [path for _, path in files])
        raise
    _forget(named, record)


def take_back(record: str, paths: Sequence[str]) -> None:
    """Where only some files have their names, undo it: these and earlier files lie again where they were.

    Args:
        record: see :func:`give_names`. Nothing happens where there is none.
        paths: final names, in the same order.

    Raises:
        OutputError: when a file cannot be moved.
    """
    named = _read_record(record, paths)
    failures = []
    for each in named:
        try:
            if each.is_named:
                # The side file first: without it, the raster tells that there is something to be taken back.
                if each.has_side_file and not os.path.exists(each.whole + SIDE_FILE):
                    _move(each.path + SIDE_FILE, each.whole + SIDE_FILE)
                os.replace(each.path, each.whole)
            _put_back(each)
        except OSError as error:
            message = f"'{each.path}' cannot be moved back to '{each.whole}' ({error.strerror or error})."
            failures.append(OutputError(message, "Close what uses it."))
    if failures:
        raise failures[0]
    if named:
        with contextlib.suppress(OSError):
            # One that stays tells nothing new.
            os.remove(record)


def settle(record: str, paths: Sequence[str]) -> None:
    """After a kill, end the naming without a further run: what has all its names keeps them, the rest is taken back.

    Args:
        record: see :func:`give_names`.
        paths: final names, in the same order.

    Raises:
        OutputError: when a file cannot be moved.
    """
    named = _read_record(record, paths)
    if named and all(each.is_named for each in named):
        _forget(named, record)
    else:
        take_back(record, paths)


def already_named(record: str, paths: Sequence[str]) -> Set[str]:
    """Temporary names of files that :func:`take_back` would find under their final ones."""
    return {each.whole for each in _read_record(record, paths) if each.is_named}


def _write_record(files: Sequence[Tuple[str, str]], record: str) -> List[_Named]:
    named = []
    for whole, path in files:
        facts = os.stat(whole)
        named.append(_Named(whole, path, facts.st_size, facts.st_mtime_ns, os.path.exists(whole + SIDE_FILE)))
    told: List[Dict[str, object]] = [
        {**each._asdict(), "whole": os.path.basename(each.whole), "path": os.path.basename(each.path)} for each in named
    ]
    with open(record + ".new", "w", encoding="utf-8") as file:
        json.dump({"version": _VERSION, "files": told}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(record + ".new", record)
    return named


def _read_record(record: str, paths: Sequence[str]) -> List[_Named]:
    """What was being named; nothing where there is no record of these very files."""
    try:
        with open(record, encoding="utf-8") as file:
            values = json.load(file)
        told = values["files"]
        if values["version"] != _VERSION or [each["path"] for each in told] != list(map(os.path.basename, paths)):
            return []
        named = []
        for each, path in zip(told, paths):
            whole = str(each["whole"])
            if os.path.basename(whole) != whole or not whole.startswith(each["path"] + "."):
                return []
            whole = os.path.join(os.path.dirname(path), whole)
            sizes = int(each["size"]), int(each["modified"])
            named.append(_Named(whole, path, *sizes, bool(each["has_side_file"])))
        return named
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Without a record that can be understood, nobody can tell whose the files are.
        return []


def _set_aside(named: _Named) -> None:
    """Keep what the file replaces until all files have their names."""
    try:
        for suffix in ("", *_STALE_FILES):
            with contextlib.suppress(FileNotFoundError):
                os.remove(named.aside + suffix)
        if not os.path.exists(named.path):
            return
        for suffix in ("", *_STALE_FILES):
            if os.path.exists(named.path + suffix):
                try:
                    # A second name, where there is such a thing: the file never is without its own.
                    os.link(named.path + suffix, named.aside + suffix)
                except OSError:
                    os.replace(named.path + suffix, named.aside + suffix)
    except OSError as error:
        raise OutputError(f"'{named.path}' cannot be replaced ({error}).", "Close what uses it.") from error


def _put_back(named: _Named) -> None:
    if not os.path.exists(named.aside):
        return
    if not os.path.exists(named.path):
        for suffix in (*_STALE_FILES, ""):
            _move(named.aside + suffix, named.path + suffix)
    elif os.path.samefile(named.path, named.aside):
        # It never lost its name. Windows does not delete the other one while a program has the file open.
        for suffix in ("", *_STALE_FILES):
            with contextlib.suppress(OSError):
                os.remove(named.aside + suffix)
    # Else somebody has put another file there since.


def _move(source: str, target: str) -> None:
    """Move a file where there is one; of two names of one file, only the target stays."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(source, target)
        # A system that keeps several names of a file does nothing where both are its names.
        os.remove(source)


def _forget(named: Sequence[_Named], record: str) -> None:
    """All files have their names; what cannot be deleted now is deleted with other leftovers of the run."""
    with contextlib.suppress(OSError):
        os.remove(record)
    for each in named:
        for suffix in ("", *_STALE_FILES):
            with contextlib.suppress(OSError):
                os.remove(each.aside + suffix)
