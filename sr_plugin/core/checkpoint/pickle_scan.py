"""A look at a pickle's instructions before anything is built from it.

The unpickler itself allocates as a file tells it to (a memo index of 2**32 takes 64 GiB, a tuple nested 10**6 deep
overflows the C stack when hashed, one that holds another twice, and so on 40 times, takes hours), so such files are
turned away here.
"""

from __future__ import annotations

import pickletools  # nosec B403: lists instructions, runs none
from typing import BinaryIO, Dict, FrozenSet, List, Optional, Tuple

from sr_plugin.core.checkpoint.limits import (
    MAX_HASHED_VALUES,
    MAX_NESTING,
    MAX_NUMBER_BITS,
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
#: Instructions that may take the hash of what they put in or together.
_HASHES = frozenset("SETITEM SETITEMS ADDITEMS DICT FROZENSET".split())
#: Instructions whose result is hashed by going through what it was made of.
_COMPOUNDS = frozenset("TUPLE TUPLE1 TUPLE2 TUPLE3 FROZENSET REDUCE".split())
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


#: How deep a value is nested, and how many values its hash goes through.
_Extent = Tuple[int, int]


class _Nesting:
    """Follows how deep the values on the unpickler's stack are nested and how long hashing takes, without the values.

    Attributes:
        hashed: values that were gone through for hashes so far.
    """

    def __init__(self) -> None:
        #: Extent of each value; None stands for a mark.
        self._stack: List[Optional[_Extent]] = []
        self._memo: Dict[int, _Extent] = {}
        self.hashed = 0

    def _pop(self) -> _Extent:
        extent = self._stack.pop()
        if extent is None:
            raise ValueError("a mark where a value is needed")
        return extent

    def _pop_to_mark(self) -> _Extent:
        deepest, values = 0, 0
        while True:
            extent = self._stack.pop()
            if extent is None:
                return deepest, values
            deepest, values = max(deepest, extent[0]), values + extent[1]

    def _put(self, argument: object) -> int:
        top = self._pop()
        self._stack.append(top)
        # MEMOIZE numbers its entries itself.
        index = argument if isinstance(argument, int) else len(self._memo)
        if index > 2 * len(self._memo) + 1024:
            raise ValueError("a memo index far beyond the memo")
        self._memo[index] = top
        return top[0]

    def step(self, opcode: pickletools.OpcodeInfo, argument: object) -> int:
        """Apply one instruction; the depth of the value it leaves on top."""
        name = opcode.name
        if name in _PUTS:
            return self._put(argument)
        if name in _GETS:
            self._stack.append(self._memo[argument])  # type: ignore[index]
            return 0
        before = [item.name for item in opcode.stack_before]
        deepest, values = 0, 0
        if "mark" in before:
            deepest, values = self._pop_to_mark()
            before = before[: before.index("mark")]
        container = (0, 1)
        for position in range(len(before)):
            extent = self._pop()
            if name in _FILLS and position == len(before) - 1:
                container = extent
            else:
                deepest, values = max(deepest, extent[0]), values + extent[1]
        if name in _HASHES:
            self.hashed += values
        depth = max(container[0], deepest + 1) if before or deepest else 0
        # Capped, because doubling it at every level makes a number as long as the pickle.
        result = (depth, min(values + 1, 2 * MAX_HASHED_VALUES) if name in _COMPOUNDS else container[1])
        for item in opcode.stack_after:
            self._stack.append(None if item.name == "mark" else result)
        return depth


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
            if isinstance(argument, int) and argument.bit_length() > MAX_NUMBER_BITS:
                raise hostile(path, "its object description holds an endless number")
            if nesting.step(opcode, argument) > MAX_NESTING:
                raise hostile(path, f"its objects are nested more than {MAX_NESTING} deep")
            if nesting.hashed > MAX_HASHED_VALUES:
                raise hostile(path, "its keys take too long to tell apart")
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, EOFError) as error:
        raise damaged(path, error) from error
    end = file.tell()
    file.seek(start)
    return file.read(end - start)
