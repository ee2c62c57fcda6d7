"""Value ranges in JSON: the name of a usual one, or all of its numbers."""

from __future__ import annotations

from typing import Any

from sr_plugin.core.value_range import VALUE_RANGES, ValueRange


def range_to_json(value_range: ValueRange) -> Any:
    """The range as a JSON-serialisable value."""
    if VALUE_RANGES.get(value_range.name) == value_range:
        return value_range.name
    own = {"out_type": value_range.out_type} if value_range.out_type else {}
    return {
        "name": value_range.name,
        "quantity": value_range.quantity,
        "in_gain": list(value_range.in_gain),
        "in_offset": list(value_range.in_offset),
        "out_gain": value_range.out_gain,
        "out_offset": value_range.out_offset,
        "valid": list(value_range.valid) if value_range.valid else None,
        **own,
    }


def range_from_json(value: Any) -> ValueRange:
    """Inverse of :func:`range_to_json`.

    Raises:
        KeyError, TypeError, ValueError: when it is neither a known name nor a whole range.
    """
    if isinstance(value, str):
        return VALUE_RANGES[value]
    return ValueRange(
        name=str(value["name"]),
        quantity=str(value["quantity"]),
        in_gain=tuple(float(v) for v in value["in_gain"]),
        in_offset=tuple(float(v) for v in value["in_offset"]),
        out_gain=float(value["out_gain"]),
        out_offset=float(value["out_offset"]),
        valid=(float(value["valid"][0]), float(value["valid"][1])) if value.get("valid") else None,
        out_type=str(value.get("out_type", "")),
    )
