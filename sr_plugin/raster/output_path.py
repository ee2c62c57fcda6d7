"""Refusing outputs that cannot be written, before anything is computed."""

from __future__ import annotations

import os
from typing import Sequence

from sr_plugin.core.errors import OutputError

#: Longest file name that common file systems take, in bytes, less what temporary names add.
_LONGEST_NAME = 255 - 32


def check_output_path(path: str, source_files: Sequence[str]) -> None:
    """Make sure that a GeoTIFF can be written at ``path`` and is none of the files of the source.

    Raises:
        OutputError: naming the cause.
    """
    if not path.strip():
        raise OutputError("No output file was given.", "Choose where the result is to be written.")
    name = os.path.basename(path)
    if os.path.splitext(name)[1].lower() not in (".tif", ".tiff"):
        raise OutputError(f"The output '{path}' is no GeoTIFF.", "Give it a name that ends in .tif.")
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise OutputError(f"The output's name is too long ({len(os.fsencode(name))} bytes).", "Choose a shorter name.")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise OutputError(f"The folder '{folder}' does not exist.", "Create it, or choose another folder.")
    if os.path.isdir(path):
        raise OutputError(f"'{path}' is a folder.", "Give the name of a file in it.")
    check_not_among(path, source_files)
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise OutputError(f"The file '{path}' is there already and may not be replaced.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder '{folder}' may not be written to.")


def check_not_among(path: str, source_files: Sequence[str], what: str = "the input itself") -> None:
    """Make sure that what is written is none of the files that are read.

    Args:
        path: of the output.
        source_files: what is read.
        what: these files, as the message calls them.

    Raises:
        OutputError: when it is one.
    """
    if os.path.exists(path) and any(os.path.exists(f) and os.path.samefile(f, path) for f in source_files):
        raise OutputError(f"The output is {what}, which is never modified.", "Choose another file name.")
