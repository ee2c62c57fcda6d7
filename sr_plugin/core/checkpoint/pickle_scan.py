"""A look at a pickle's instructions before anything is built from it.

The unpickler itself allocates as a file tells it to (a memo index of 2**32 takes 64 GiB, a tuple nested 10**6 deep
overflows the C stack when hashed), so such files are turned away here.
"""

from __future__ import annotations

import pickletools  # nosec B403: lists instructions, runs none
from typing import BinaryIO, Dict, FrozenSet, List, Optional

from sr_plugin.core.checkpoint.limits import (
    MAX_NESTING,
    MAX_PICKLE_BYTES,
    MAX_PICKLE_INSTRUCTIONS,
    damaged,
    hostile,
)

#: What torch writes (protocol 2, from Python 2 and 3) and what pickle protocols 3 to 5 add to it.
_ALLOWED: FrozenSet[str] = frozenset(
    "PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT "
    "BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 "
    "EMPTY_LIST EMPTY_DICT EMPTY_TUPLE EMPTY_SET LIST DICT TUPLE TUPLE1 TUPLE2 TUPLE3 FROZENSET "
    "APPEND APPENDS SETITEM SETITEMS ADDITEMS BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE "
    "GLOBAL STACK_GLOBAL REDUCE BUILD NEWOBJ NEWOBJ_EX BINPERSID".split()
)
#: Instructions that put something into an object that is already there.
_FILLS = frozenset("APPEND APPENDS SETITEM SETITEMS ADDITEMS BUILD".split())
_PUTS = frozenset("BINPUT LONG_BINPUT MEMOIZE".split())
_GETS = frozenset("BINGET LONG_BINGET".split())


class _Bounded:
    """A file that refuses to read more than a pickle may be long."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._path = path
        self._left = MAX_PICKLE_BYTES

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data

    def _allowed(self, size: int) -> int:
        if size > self._left or self._left <= 0:
            raise hostile(self._path, "its object description is too long")
        return size

    def read(self, size: int) -> bytes:
        return self._taken(self._file.read(self._allowed(size)))

    def readline(self) -> bytes:
        return self._taken(self._file.readline(self._allowed(min(self._left, 1 << 16))))

    def tell(self) -> int:
        return self._file.tell()


class _Nesting:
    """Follows how deep the values on the unpickler's stack are nested, without the values."""

    def __init__(self) -> None:
        #: Depth of each value; None stands for a mark.
        self._stack: List[Optional[int]] = []
        self._memo: Dict[int, int] = {}

    def _pop(self) -> int:
        depth = self._stack.pop()
        if depth is None:
            raise ValueError("a mark where a value is needed")
        return depth

    def _pop_to_mark(self) -> int:
        deepest = 0
        while True:
            depth = self._stack.pop()
            if depth is None:
                return deepest
            deepest = max(deepest, depth)

    def step(self, opcode: pickletools.OpcodeInfo, argument: object) -> int:
        """Apply one instruction; the depth of the value it leaves on top."""
        name = opcode.name
        if name in _PUTS:
            top = self._pop()
            self._stack.append(top)
            # MEMOIZE numbers its entries itself.
            index = argument if isinstance(argument, int) else len(self._memo)
            if index > 2 * len(self._memo) + 1024:
                raise ValueError("a memo index far beyond the memo")
            self._memo[index] = top
            return top
        if name in _GETS:
            self._stack.append(self._memo[argument])  # type: ignore[index]
            return 0
        before = [item.name for item in opcode.stack_before]
        deepest = 0
        if "mark" in before:
            deepest = self._pop_to_mark()
            before = before[: before.index("mark")]
        container = 0
        for position in range(len(before)):
            depth = self._pop()
            if name in _FILLS and position == len(before) - 1:
                container = depth
            else:
                deepest = max(deepest, depth)
        result = max(container, deepest + 1) if before or deepest else 0
        for item in opcode.stack_after:
            self._stack.append(None if item.name == "mark" else result)
        return result


def scan_pickle(file: BinaryIO, path: str) -> bytes:
    """Read one pickle from the file's position up to its end, and check it; the file is left right behind it.

    Args:
        file: open in binary mode.
        path: the file's name, for messages.

    Returns:
        The pickle's bytes.

    Raises:
        ModelUnreadable: when it is broken, too long, nested too deeply, or uses instructions that torch never writes.
    """
    start = file.tell()
    nesting = _Nesting()
    bounded = _Bounded(file, path)
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(bounded)):
            if opcode.name not in _ALLOWED:
                raise hostile(path, f"its object description uses the instruction {opcode.name}")
            if number > MAX_PICKLE_INSTRUCTIONS:
                raise hostile(path, "its object description is too long")
            if nesting.step(opcode, argument) > MAX_NESTING:
                raise hostile(path, f"its objects are nested more than {MAX_NESTING} deep")
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, EOFError) as error:
        raise damaged(path, error) from error
    end = file.tell()
    file.seek(start)
    return file.read(end - start)
