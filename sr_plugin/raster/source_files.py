"""The files behind a dataset: to notice that one changes, and never to write over one."""

from __future__ import annotations

import os
from typing import List, Tuple

from osgeo import gdal

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.raster.gdal_errors import gdal_messages


def _real_file(name: str) -> str:
    """The file of the local file system that a name leads to: itself, or the archive of a ``/vsi`` path; else empty."""
    parts = name.split("/")
    while parts and parts[0] == "" and len(parts) > 1 and parts[1].startswith("vsi"):
        parts = parts[2:]
    for count in range(len(parts), 0, -1):
        for candidate in ("/".join(parts[:count]), "/" + "/".join(parts[:count]).lstrip("/")):
            if os.path.isfile(candidate):
                return os.path.realpath(candidate)
    return ""


def source_files(dataset: gdal.Dataset, name: str) -> Tuple[str, ...]:
    """Local files that a dataset is made of, archives included; empty where it lies elsewhere."""
    with gdal_messages():
        listed = list(dataset.GetFileList() or ())
    found: List[str] = []
    for entry in [*listed, name]:
        real = _real_file(entry)
        if real and real not in found:
            found.append(real)
    return tuple(found)


def files_digest(files: Tuple[str, ...]) -> str:
    """Digest of paths, sizes and modification times; empty where there are no files to look at, or one vanished."""
    facts = []
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            return ""
        facts.append([path, status.st_size, status.st_mtime_ns])
    return sha256_of_json(facts) if facts else ""
