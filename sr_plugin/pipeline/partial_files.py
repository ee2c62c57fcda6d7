"""Where a run keeps what it has done until its result is whole."""

from __future__ import annotations

from typing import NamedTuple


class PartialFiles(NamedTuple):
    """Paths of what an unfinished run keeps beside its output."""

    raster: str
    journal: str


def partial_files(output: str, digest: str) -> PartialFiles:
    """Where a run keeps what it has done.

    Args:
        output: final path of the result.
        digest: of the job plan.
    """
    stem = f"{output}.{digest[:8]}.part"
    return PartialFiles(stem + ".tif", stem + ".jsonl")
