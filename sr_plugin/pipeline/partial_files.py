"""Where a run keeps what it has done until its result is whole."""

from __future__ import annotations

import os
from typing import NamedTuple

from sr_plugin.core.digest import sha256_of_json

#: Follows eight digits behind the output's name.
_PART = ".part"


class PartialFiles(NamedTuple):
    """Paths of what an unfinished run keeps beside its output."""

    raster: str
    journal: str


def part_stem(output: str, digest: str) -> str:
    """Beginning of the names of all that a run keeps beside its output until this is whole.

    Args:
        output: final path of the result.
        digest: of the job plan.
    """
    return f"{output}.{digest[:8]}{_PART}"


def partial_files(output: str, digest: str) -> PartialFiles:
    """Where a run keeps what it has done.

    Args:
        output: final path of the result.
        digest: of the job plan.
    """
    stem = part_stem(output, digest)
    return PartialFiles(stem + ".tif", stem + ".jsonl")


def naming_record(output: str, digest: str) -> str:
    """Path of the file that tells which files of a run are being given their names.

    Args:
        output: final path of the result.
        digest: of the job plan.
    """
    return part_stem(output, digest) + ".naming.json"


def staging_stem(output: str) -> str:
    """Beginning of the names of files that are made of what a run computed, while they are not whole yet.

    Args:
        output: final path of what is made.
    """
    return part_stem(output, sha256_of_json(os.path.abspath(output)))
