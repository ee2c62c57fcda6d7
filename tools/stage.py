"""Lay out the plugin as QGIS loads it: one folder with the package, its metadata, licence, resources and models."""

from __future__ import annotations

import argparse
import os
import shutil
from typing import List

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = "sr_plugin"
_FILES = ("metadata.txt", "LICENSE", "CHANGELOG.md")
_FOLDERS = ("resources", "models", "docs")
#: Folders that serve to make what ships, and do not ship themselves.
_LEFT_OUT = {
    os.path.join("models", "recipes"),
    *(os.path.join("docs", name) for name in ("architecture.md", "adding-a-model.md", "performance.md")),
}


def _ignored(folder: str, names: List[str]) -> List[str]:
    relative = os.path.relpath(folder, PROJECT)
    return [
        name
        for name in names
        if name == "__pycache__"
        or name.startswith(".")
        or name.endswith((".pyc", ".pyo", "~", ".aux.xml"))
        or os.path.join(relative, name) in _LEFT_OUT
    ]


def stage(target: str, project: str = PROJECT) -> str:
    """Make the folder ``target/sr_plugin`` anew; its path.

    Args:
        target: folder that is to hold it.
        project: root of the project.
    """
    folder = os.path.join(target, PACKAGE)
    if os.path.isdir(folder):
        shutil.rmtree(folder)
    shutil.copytree(os.path.join(project, PACKAGE), folder, ignore=_ignored)
    for name in _FILES:
        shutil.copy2(os.path.join(project, name), folder)
    for name in _FOLDERS:
        source = os.path.join(project, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(folder, name), ignore=_ignored)
    return folder


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", default=os.path.join(PROJECT, "build"), help="default: build")
    print(stage(parser.parse_args().target))


if __name__ == "__main__":
    main()
