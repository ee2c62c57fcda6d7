"""What a model file may ask for at most, so that a hostile file cannot exhaust the machine."""

from __future__ import annotations

from sr_plugin.core.errors import ModelUnreadable

#: Bytes of all tensors together, as they lie in memory.
MAX_TOTAL_BYTES = 4 << 30
MAX_TENSORS = 100_000
#: Characters of a tensor's name.
MAX_NAME = 500
#: Levels of lists, tuples, dictionaries and objects inside each other.
MAX_NESTING = 500
#: Bytes of the object description (pickle) without the tensors' numbers.
MAX_PICKLE_BYTES = 256 << 20
MAX_PICKLE_INSTRUCTIONS = 10_000_000
#: Different classes and functions that one pickle may name.
MAX_PICKLE_NAMES = 10_000
#: Values inside each other that are gone through to tell keys apart, in the whole pickle.
MAX_HASHED_VALUES = 10_000_000
#: Bits of a whole number; torch writes none above 80.
MAX_NUMBER_BITS = 2048
MAX_JSON_BYTES = 100 << 20
#: Uncompressed over compressed size of a zip; archives below :data:`SMALL_ARCHIVE` bytes may exceed it.
MAX_ZIP_EXPANSION = 200
SMALL_ARCHIVE = 64 << 20

_HOSTILE_HINT = "Such a file is damaged or was made to harm; do not use it."


def hostile(path: str, what: str) -> ModelUnreadable:
    """The error for a file that goes beyond a limit or contradicts itself."""
    return ModelUnreadable(f"'{path}' was refused: {what}.", _HOSTILE_HINT)


def damaged(path: str, reason: object) -> ModelUnreadable:
    """The error for a file that cannot be parsed; ``reason`` is an exception or a text."""
    if isinstance(reason, BaseException):
        reason = f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__
    text = " ".join(str(reason).split())[:200]
    return ModelUnreadable(f"'{path}' is damaged or incomplete ({text}).")
