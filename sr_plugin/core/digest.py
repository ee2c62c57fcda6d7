"""SHA-256 of files, and of JSON values in a canonical form."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sha256_of(path: str) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces of 1 MiB.

    Raises:
        OSError: when the file cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_json(values: Any) -> str:
    """Hexadecimal SHA-256 of JSON-serialisable values, independent of key order."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
