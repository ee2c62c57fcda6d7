"""The rules that QGIS' plugin repository sets for a zip, and a few of our own."""

from __future__ import annotations

import configparser
import re
import zipfile
from typing import Dict, List

MAXIMUM_BYTES = 25_000_000
REQUIRED_KEYS = (
    "name",
    "description",
    "about",
    "version",
    "qgisMinimumVersion",
    "qgisMaximumVersion",
    "author",
    "email",
    "tracker",
    "repository",
    "homepage",
    "icon",
    "tags",
    "changelog",
    "hasProcessingProvider",
)
_FORBIDDEN_ENDINGS = (".pyc", ".pyo", ".sh", ".bat", ".cmd", ".ps1", ".so", ".dll", ".dylib", ".pyd", ".exe", ".whl")
_FORBIDDEN_FOLDERS = ("__pycache__", "__MACOSX", "tests", "test", "recipes")
_EXECUTABLE_STARTS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!")


def read_metadata(text: str) -> Dict[str, str]:
    """The ``[general]`` section of a ``metadata.txt``, with the case of its keys kept."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return dict(parser["general"])


def _metadata_problems(values: Dict[str, str], names: List[str], top: str) -> List[str]:
    problems = [f"metadata.txt has no {key}" for key in REQUIRED_KEYS if not values.get(key, "").strip()]
    if not re.fullmatch(r"\d+(\.\d+)+", values.get("version", "")):
        problems.append("the version is not numeric")
    if values.get("qgisMaximumVersion") != "4.99":
        problems.append("qgisMaximumVersion is not 4.99, which says that Qt 6 works")
    if values.get("hasProcessingProvider") != "yes":
        problems.append("hasProcessingProvider is not yes")
    if f"{top}/{values.get('icon', '')}" not in names:
        problems.append("the icon of metadata.txt is missing")
    return problems


def _file_problems(archive: zipfile.ZipFile, top: str) -> List[str]:
    problems = []
    for name in archive.namelist():
        parts = name.split("/")
        if parts[0] != top or ".." in parts:
            problems.append(f"{name} lies outside the top folder {top}")
        if any(part in _FORBIDDEN_FOLDERS or part.startswith(".") for part in parts):
            problems.append(f"{name} does not belong into a plugin")
        if name.lower().endswith(_FORBIDDEN_ENDINGS):
            problems.append(f"{name} is of a kind that is refused")
        with archive.open(name) as file:
            if file.read(4).startswith(_EXECUTABLE_STARTS):
                problems.append(f"{name} is a program")
    return problems


def problems_of(path: str, size: int) -> List[str]:
    """What the repository would refuse about a zip, as sentences; empty when nothing.

    Args:
        path: the zip.
        size: its bytes.
    """
    problems = [] if size <= MAXIMUM_BYTES else [f"it has {size} bytes, more than {MAXIMUM_BYTES}"]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        top = names[0].split("/")[0] if names else ""
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", top):
            problems.append(f"the top folder '{top}' is no identifier")
        for name in ("metadata.txt", "LICENSE", "__init__.py"):
            if f"{top}/{name}" not in names:
                problems.append(f"{name} is missing")
        if f"{top}/metadata.txt" in names:
            values = read_metadata(archive.read(f"{top}/metadata.txt").decode("utf-8"))
            problems += _metadata_problems(values, names, top)
        problems += _file_problems(archive, top)
    return problems
