"""JSON from strangers: only what the standard knows, and only numbers that every later step can take."""

from __future__ import annotations

import json
import math
from typing import Any

_LONGEST_NUMBER = 18


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is out of range")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def parse_json(text: str) -> Any:
    """The value of a JSON text: numbers are finite, whole ones have 18 digits at most.

    Raises:
        ValueError: when it is no JSON, has another number, or nests too deep.
    """
    try:
        return json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_constant)
    except RecursionError as error:
        raise ValueError("its values are nested too deep") from error
