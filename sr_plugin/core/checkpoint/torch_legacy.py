"""Checkpoints that torch before 1.6 wrote: five pickles and the raw storages one after the other."""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, Dict, Tuple

from sr_plugin.core.checkpoint.limits import damaged, hostile
from sr_plugin.core.checkpoint.pickle_scan import scan_pickle
from sr_plugin.core.checkpoint.tensors import ReadBytes, Storage, StorageView
from sr_plugin.core.checkpoint.unpickle import no_storage, storage_id, unpickle

_PROTOCOL = 1001
_COUNT = struct.Struct("<q")


class _Storages:
    """Storages of one file, by key; their places become known only after the objects were read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.by_key: Dict[str, Storage] = {}

    def load(self, pid: Tuple[Any, ...]) -> StorageView:
        """The storage behind a persistent id; a sixth element narrows it to a view (key, offset, length)."""
        element, key, count = storage_id(pid, self._path)
        storage = self.by_key.setdefault(key, Storage(self._path, element, count))
        if storage.element != element or storage.count != count:
            raise hostile(self._path, "a storage is described in two ways")
        view = pid[5] if len(pid) > 5 else None
        if view is None:
            return StorageView(storage, 0, count)
        _, offset, length = view
        return StorageView(storage, offset, length)


def _reader(path: str, begin: int) -> ReadBytes:
    def read(start: int, stop: int) -> bytes:
        try:
            with open(path, "rb") as file:
                file.seek(begin + start)
                return file.read(stop - start)
        except OSError as error:
            raise damaged(path, error) from error

    return read


def _attach_storages(file: BinaryIO, path: str, keys: Any, storages: Dict[str, Storage]) -> None:
    """Walk over the raw storages behind the pickles and tell each where its bytes are."""
    if not isinstance(keys, list) or len(keys) != len({str(key) for key in keys}):
        raise damaged(path, "the list of storages is broken")
    size = os.path.getsize(path)
    for key in keys:
        storage = storages.get(str(key))
        if storage is None or not storage.element.stored:
            raise damaged(path, "a storage of unknown type lies among the others")
        head = file.read(_COUNT.size)
        if len(head) != _COUNT.size:
            raise damaged(path, "it ends before its last storage")
        count = _COUNT.unpack(head)[0]
        begin = file.tell()
        length = count * storage.element.size
        if count < 0 or begin + length > size:
            raise damaged(path, "it ends before its last storage")
        storage.attach(_reader(path, begin), length)
        file.seek(begin + length)


def read_torch_legacy(path: str) -> Any:
    """The object that was saved, with tensors as records and foreign objects inert.

    Raises:
        ModelUnreadable: when the file is damaged or goes beyond a limit.
    """
    storages = _Storages(path)
    try:
        with open(path, "rb") as file:
            scan_pickle(file, path)  # The magic number, which the container was recognised by.
            protocol = unpickle(scan_pickle(file, path), path, no_storage)
            system = unpickle(scan_pickle(file, path), path, no_storage)
            if protocol != _PROTOCOL or not isinstance(system, dict):
                raise damaged(path, "its heading is not that of a torch file")
            if system.get("little_endian") is False:
                raise damaged(path, "it was written on a big-endian machine, which is not supported")
            saved = unpickle(scan_pickle(file, path), path, storages.load)
            keys = unpickle(scan_pickle(file, path), path, no_storage)
            _attach_storages(file, path, keys, storages.by_key)
    except OSError as error:
        raise damaged(path, error) from error
    return saved
