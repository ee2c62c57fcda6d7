"""Checkpoints that torch 1.6 and newer write: a zip with a pickle and one member per storage."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any, Dict, Optional, Tuple

from sr_plugin.core.checkpoint.limits import (
    MAX_PICKLE_BYTES,
    MAX_TOTAL_BYTES,
    MAX_ZIP_EXPANSION,
    SMALL_ARCHIVE,
    damaged,
    hostile,
)
from sr_plugin.core.checkpoint.pickle_scan import scan_pickle
from sr_plugin.core.checkpoint.tensors import Storage, StorageView
from sr_plugin.core.checkpoint.unpickle import storage_id, unpickle

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError)


def check_sizes(archive: zipfile.ZipFile, path: str) -> None:
    """Refuse an archive that would unpack to too much.

    Raises:
        ModelUnreadable: when it goes beyond a limit.
    """
    full = sum(member.file_size for member in archive.infolist())
    packed = sum(member.compress_size for member in archive.infolist())
    if full > MAX_TOTAL_BYTES + MAX_PICKLE_BYTES:
        raise hostile(path, f"it unpacks to more than {MAX_TOTAL_BYTES >> 30} GiB")
    if full > SMALL_ARCHIVE and full > MAX_ZIP_EXPANSION * max(packed, 1):
        raise hostile(path, f"it unpacks to more than {MAX_ZIP_EXPANSION} times its size")


class _Members:
    """Storages of one archive; remembers the last member read, as tensors often share one."""

    def __init__(self, path: str, root: str, sizes: Dict[str, int]) -> None:
        self._path = path
        self._root = root
        self._sizes = sizes
        self._storages: Dict[Tuple[str, str], Storage] = {}
        self._archive: Optional[zipfile.ZipFile] = None
        self._last: Tuple[str, bytes] = ("", b"")

    def _bytes(self, member: str) -> bytes:
        if self._last[0] != member:
            try:
                # Kept open as long as tensors may be read: parsing the directory for each of them is slow.
                self._archive = self._archive or zipfile.ZipFile(self._path)
                self._last = (member, self._archive.read(member))
            except _ZIP_ERRORS as error:
                raise damaged(self._path, error) from error
        return self._last[1]

    def load(self, pid: Tuple[Any, ...]) -> StorageView:
        """The storage behind a persistent id."""
        element, key, count = storage_id(pid, self._path)
        known = self._storages.get((key, element.name))
        if known is None:
            member = f"{self._root}/data/{key}"
            if member not in self._sizes:
                raise damaged(self._path, f"the member '{member}' is missing")
            known = Storage(self._path, element, count)
            known.attach(lambda start, stop: self._bytes(member)[start:stop], self._sizes[member])
            self._storages[(key, element.name)] = known
        return StorageView(known, 0, count)


def read_torch_zip(path: str) -> Any:
    """The object that was saved, with tensors as records and foreign objects inert.

    Raises:
        ModelUnreadable: when the file is damaged or goes beyond a limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(archive, path)
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            descriptions = [name for name in sizes if name.endswith("/data.pkl")]
            if len(descriptions) != 1:
                raise damaged(path, f"it has {len(descriptions)} members named data.pkl")
            root = descriptions[0][: -len("/data.pkl")]
            if f"{root}/byteorder" in sizes:
                with archive.open(f"{root}/byteorder") as member:
                    if member.read(6) != b"little":
                        raise damaged(path, "it was written on a big-endian machine, which is not supported")
            if sizes[descriptions[0]] > MAX_PICKLE_BYTES:
                raise hostile(path, "its object description is too long")
            data = scan_pickle(io.BytesIO(archive.read(descriptions[0])), path)
    except _ZIP_ERRORS as error:
        raise damaged(path, error) from error
    return unpickle(data, path, _Members(path, root, sizes).load)
