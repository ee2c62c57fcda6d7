"""What running a black-box model told about it, and cards completed by that.

A card whose file does not tell everything lists what is missing under ``unmeasured`` in its hyperparameters. A
description is a JSON object that the worker makes (``sr_plugin.worker.describe``); it is remembered by the SHA-256 of
the file, because measuring takes a while.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from sr_plugin.core.architectures.family import bands as named_bands
from sr_plugin.core.card import ModelCard, TileConstraints
from sr_plugin.core.card_check import checked_card
from sr_plugin.core.errors import ModelUnreadable
from sr_plugin.core.locations import user_cache_folder
from sr_plugin.core.range_json import range_from_json

#: Raised when a description gets another meaning, so that remembered ones are made anew.
VERSION = 1
UNMEASURED = "unmeasured"
#: What may be unmeasured.
SUBJECTS = ("scale", "bands", "reach", "tiles", "range")
_MAX_BYTES = 1 << 20


def with_unmeasured(card: ModelCard, subjects: Sequence[str]) -> ModelCard:
    """The card marked as lacking these :data:`SUBJECTS`."""
    hyperparameters = {k: v for k, v in card.hyperparameters.items() if k != UNMEASURED}
    if subjects:
        hyperparameters[UNMEASURED] = list(subjects)
    return replace(card, hyperparameters=hyperparameters)


def unmeasured(card: ModelCard) -> List[str]:
    """What the card lacks."""
    return list(card.hyperparameters.get(UNMEASURED) or ())


def needs_description(card: ModelCard) -> bool:
    """True where the model must be run once before its card can be trusted."""
    return bool(unmeasured(card))


def _bands(card: ModelCard, description: Mapping[str, Any]) -> Dict[str, Any]:
    given, result = int(description["input_bands"]), int(description["output_bands"])
    changes: Dict[str, Any] = {}
    if len(card.input_bands) != given:
        changes["input_bands"] = named_bands(given)
    if len(card.output_bands or card.input_bands) != result:
        changes["output_bands"] = () if result == given else named_bands(result)
    return changes


def _tiles(description: Mapping[str, Any]) -> TileConstraints:
    fixed = description.get("fixed")
    return TileConstraints(
        multiple_of=int(description["multiple_of"]),
        minimum=int(description["minimum"]),
        fixed=(int(fixed[0]), int(fixed[1])) if fixed else None,
    )


def complete_card(card: ModelCard, description: Mapping[str, Any]) -> ModelCard:
    """The card with what was measured in place of what it lacked; what it said itself is kept.

    Raises:
        ModelUnreadable: when the description is of the wrong form, or contradicts the card's scale.
    """
    lacking = unmeasured(card)
    try:
        scale = int(description["scale"])
        if not 1 <= scale <= 64:
            raise ValueError(f"scale {scale}")
        changes: Dict[str, Any] = _bands(card, description) if "bands" in lacking else {}
        if "scale" in lacking:
            changes["scale"] = scale
        elif scale != card.scale:
            raise ModelUnreadable(
                f"The model '{card.name}' says that it enlarges by {card.scale}, but it enlarges by {scale}.",
                "Correct its metadata or its card.",
            )
        if "reach" in lacking:
            changes["reach"] = None if description["reach"] is None else int(description["reach"])
        if "tiles" in lacking:
            changes["tiles"] = _tiles(description)
            if description.get("training_tile"):
                changes["training_tile"] = int(description["training_tile"])
        if "range" in lacking and description.get("range"):
            changes["value_range"] = range_from_json(description["range"])
        for name in ("title", "citation"):
            if description.get(name):
                changes[name] = str(description[name])
        notes = [card.notes] + [str(note) for note in description.get("notes") or ()]
        changes["notes"] = " ".join(note for note in notes if note)
        completed = checked_card(replace(card, **changes))
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise ModelUnreadable(f"The description of the model '{card.name}' is of the wrong form ({error}).") from error
    return with_unmeasured(completed, ())


def _path(sha256: str) -> str:
    return os.path.join(user_cache_folder(), "descriptions", f"{sha256}.json")


def recalled_description(sha256: str) -> Optional[Dict[str, Any]]:
    """What was measured of a file before; None where nothing usable is remembered."""
    if not sha256.isalnum():
        return None
    path = _path(sha256)
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            return None
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    usable = isinstance(found, dict) and found.get("version") == VERSION and found.get("sha256") == sha256
    return found if usable else None


def remember_description(sha256: str, description: Mapping[str, Any]) -> None:
    """Keep a description for the next time; a cache that cannot be written costs time only."""
    if not sha256.isalnum():
        return
    path = _path(sha256)
    temporary = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({**description, "version": VERSION, "sha256": sha256}, file)
        os.replace(temporary, path)
    except OSError:
        return
