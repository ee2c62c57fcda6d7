"""The files of a product, whether they lie in a folder, in a ZIP or TAR, or are given one by one."""

from __future__ import annotations

import functools
import os
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import Dict, Sequence, Tuple

from sr_plugin.core.errors import SourceNotFound, SourceUnreadable
from sr_plugin.raster.plain_xml import LARGEST_XML

#: No product has more files, or lies deeper.
_MOST_FILES = 20_000
_DEEPEST = 8
#: Names by which GDAL knows an archive without being told where its name ends.
_TAR_NAMES = (".tar", ".tar.gz", ".tgz")
_TAR_BLOCK = 512
_TAR_ERRORS = (OSError, tarfile.TarError, EOFError, zlib.error, ValueError)


@dataclass(frozen=True)
class FileTree:
    """Files by the name relative to their root, with ``/`` between folders.

    Attributes:
        root: folder, ZIP or TAR file; empty for single files.
        entries: relative name -> name under which GDAL opens the file.
        archive: path of the ZIP or TAR, empty for files of the file system.
    """

    root: str
    entries: Dict[str, str]
    archive: str = ""

    @property
    def title(self) -> str:
        """Name of the folder or archive."""
        return os.path.basename(os.path.normpath(self.root)) if self.root else ""

    def below(self, folder: str) -> FileTree:
        """The files of one folder; ``""`` gives all."""
        if not folder:
            return self
        start = folder.rstrip("/") + "/"
        inside = {name[len(start) :]: path for name, path in self.entries.items() if name.startswith(start)}
        return FileTree(f"{self.root}/{folder}", inside, self.archive)

    def read(self, name: str) -> bytes:
        """Contents of a small file.

        Raises:
            SourceUnreadable: when it cannot be read.
        """
        try:
            if not self.archive:
                with open(self.entries[name], "rb") as file:
                    return file.read(LARGEST_XML + 1)
            if is_tar(self.archive):
                return _member_of_tar(self.archive, self.entries[name][len(_tar_prefix(self.archive)) :])
            with zipfile.ZipFile(self.archive) as archive:
                inner = self.entries[name][len(_zip_prefix(self.archive)) :]
                with archive.open(inner) as member:
                    return member.read(LARGEST_XML + 1)
        except (*_TAR_ERRORS, zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError) as error:
            raise SourceUnreadable(f"The file '{name}' of '{self.title}' cannot be read ({error}).") from error


def _zip_prefix(path: str) -> str:
    # Braces let GDAL find the end of the archive's name where it does not end in .zip.
    return f"/vsizip/{path}/" if path.lower().endswith(".zip") else f"/vsizip/{{{path}}}/"


def tree_of_zip(path: str) -> FileTree:
    """The files of a ZIP.

    Raises:
        SourceUnreadable: when it is no whole ZIP.
    """
    path = os.path.abspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise SourceUnreadable(
            f"The ZIP '{os.path.basename(path)}' cannot be opened ({error}).", "Download it again: it is not whole."
        ) from error
    safe = [n for n in names[:_MOST_FILES] if ".." not in n.split("/") and not n.startswith("/")]
    return FileTree(path, {name: _zip_prefix(path) + name for name in safe}, path)


def is_tar(path: str) -> bool:
    """True for the name of a TAR, compressed by gzip or not."""
    return path.lower().endswith(_TAR_NAMES)


def _tar_prefix(path: str) -> str:
    return f"/vsitar/{path}/"


def _member_of_tar(path: str, name: str) -> bytes:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isfile() and _plain(entry.name) == name:
                member = archive.extractfile(entry)
                return member.read(LARGEST_XML + 1) if member else b""
    raise KeyError(name)


def _plain(name: str) -> str:
    """A name in a TAR as GDAL has it."""
    return name[2:] if name.startswith("./") else name


@functools.lru_cache(maxsize=4)
def _names_in_tar(path: str, size: int, _time: int) -> Tuple[str, ...]:
    """Names of the files in a TAR; remembered, because a compressed one is read from end to end for them."""
    names = []
    end = 0
    with tarfile.open(path) as archive:
        for member in archive:
            end = member.offset_data + member.size
            if member.isfile():
                names.append(member.name)
            if len(names) >= _MOST_FILES:
                return tuple(names)
    # One that ends between two files looks whole; an empty block marks the end. Compression notices that itself.
    if path.lower().endswith(".tar") and size < -(-end // _TAR_BLOCK) * _TAR_BLOCK + _TAR_BLOCK:
        raise tarfile.ReadError("unexpected end of data")
    return tuple(names)


def tree_of_tar(path: str) -> FileTree:
    """The files of a TAR, which may be compressed by gzip.

    Raises:
        SourceUnreadable: when it is no whole TAR.
    """
    path = os.path.abspath(path)
    try:
        status = os.stat(path)
        names = _names_in_tar(path, status.st_size, status.st_mtime_ns)
    except _TAR_ERRORS as error:
        raise SourceUnreadable(
            f"The archive '{os.path.basename(path)}' cannot be opened ({error}).", "Download it again: it is not whole."
        ) from error
    safe = [_plain(n) for n in names if ".." not in n.split("/") and not n.startswith("/")]
    return FileTree(path, {name: _tar_prefix(path) + name for name in safe}, path)


def tree_of_folder(path: str) -> FileTree:
    """The files of a folder and of those in it."""
    path = os.path.abspath(path)
    entries: Dict[str, str] = {}
    for folder, folders, names in os.walk(path):
        inner = os.path.relpath(folder, path).replace(os.sep, "/")
        start = "" if inner == "." else inner + "/"
        if start.count("/") >= _DEEPEST:
            folders.clear()
        folders.sort()
        for name in sorted(names):
            if len(entries) < _MOST_FILES:
                entries[start + name] = os.path.join(folder, name)
    return FileTree(path, entries)


def tree_of_files(paths: Sequence[str]) -> FileTree:
    """Single files.

    Raises:
        SourceNotFound: when one of them does not exist.
    """
    for path in paths:
        if not os.path.isfile(path):
            raise SourceNotFound(f"The band file '{path}' does not exist.")
    found = [os.path.abspath(path) for path in paths]
    return FileTree("", {path.replace(os.sep, "/").lstrip("/"): path for path in found})
