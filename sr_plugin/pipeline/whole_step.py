"""A record beside the result of a step that is whole while others of its run still follow.

A run of several steps that is started again takes such a result as it is instead of computing it anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import fields
from typing import Optional

from sr_plugin.pipeline.partial_files import part_stem
from sr_plugin.pipeline.request import SuperResolveResult

_VERSION = 1


def record_path(output: str, digest: str) -> str:
    """Path of the record.

    Args:
        output: path of the step's result.
        digest: of its job plan.
    """
    return part_stem(output, digest) + ".whole.json"


def write_record(output: str, digest: str, result: SuperResolveResult, cog: bool = False) -> None:
    """Note that a step's result is whole, and what its run gave.

    Args:
        output: path of the result.
        digest: of its job plan.
        result: what its run gave.
        cog: whether it is a cloud-optimised GeoTIFF, which the job plan does not tell.

    Raises:
        OSError: when the record cannot be written.
    """
    facts = os.stat(output)
    values = {
        "version": _VERSION,
        "digest": digest,
        "size": facts.st_size,
        "modified": facts.st_mtime_ns,
        "cog": cog,
        "result": result.to_record(),
    }
    path = record_path(output, digest)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(values, file)
    os.replace(path + ".new", path)


def read_record(output: str, digest: str, cog: Optional[bool] = None) -> Optional[SuperResolveResult]:
    """What a step gave whose result is whole and was not touched since; None where there is none.

    Args:
        output: path of the result.
        digest: of its job plan.
        cog: whether it is to be a cloud-optimised GeoTIFF; either will do unless given.
    """
    try:
        with open(record_path(output, digest), encoding="utf-8") as file:
            values = json.load(file)
        facts = os.stat(output)
        found = (values["version"], values["digest"], values["size"], values["modified"])
        if found != (_VERSION, digest, facts.st_size, facts.st_mtime_ns):
            return None
        # Records of earlier versions do not tell.
        if cog is not None and values.get("cog") is not cog:
            return None
        told = values["result"]
        known = {field.name: told[field.name] for field in fields(SuperResolveResult)}
        return SuperResolveResult(**{**known, "source_bands": tuple(known["source_bands"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # Without a record that can be understood, the step is computed again.
        return None


def remove_record(output: str, digest: str) -> None:
    """Delete the record; one that stays tells nothing once the result has changed."""
    with contextlib.suppress(OSError):
        os.remove(record_path(output, digest))
