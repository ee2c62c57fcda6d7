"""The files behind a dataset: to notice that one changes, and never to write over one."""

from __future__ import annotations

import os
from typing import Any, List, Tuple
from xml.etree.ElementTree import Element  # nosec B405: a type; documents are read by plain_xml

from osgeo import gdal

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import SourceUnreadable
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.plain_xml import parse_xml

_SIDE_FILE = ".aux.xml"
_LARGEST_SIDE_FILE = 4 << 20


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
    """Digest of paths, sizes and modification times; empty where there are no files to look at, or one vanished.

    Of GDAL's side files (``.aux.xml``) the content counts, and of that not the statistics and histograms: QGIS writes
    them while a raster is open.
    """
    facts: List[List[Any]] = []
    for path in files:
        if is_side_file(path):
            told = _told_aside(path)
            if told:
                facts.append([path, told])
            continue
        try:
            status = os.stat(path)
        except OSError:
            return ""
        facts.append([path, status.st_size, status.st_mtime_ns])
    return sha256_of_json(facts) if facts else ""


def is_side_file(path: str) -> bool:
    """Whether a file is what GDAL and QGIS write beside a raster, and may rewrite or delete at any time."""
    return path.endswith(_SIDE_FILE)


def _told_aside(path: str) -> List[Any]:
    """What a side file says of the pixels, empty where it says nothing or is not there."""
    try:
        if os.path.getsize(path) > _LARGEST_SIDE_FILE:
            return [os.stat(path).st_mtime_ns]
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return []
    try:
        return _without_statistics(parse_xml(data, path))
    except SourceUnreadable:
        return [data.hex()]


def _without_statistics(element: Element) -> List[Any]:
    """Tag, attributes, text and children of an element; empty for statistics and for what holds nothing else."""
    if element.tag == "Histograms" or (element.tag == "MDI" and element.get("key", "").startswith("STATISTICS_")):
        return []
    children = [child for child in map(_without_statistics, element) if child]
    text = (element.text or "").strip()
    if not children and not text and len(element):
        return []
    return [element.tag, sorted(element.attrib.items()), text, children]
