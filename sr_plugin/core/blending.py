"""Tiling for networks that see their whole tile: windows of the training size, blended smoothly.

No margin makes such a network's tiles agree, because attention, pooling or a Fourier step mixes the whole tile. Windows
of one size overlap instead, and where two of them lie over each other the result passes from one to the other along a
raised cosine. A window starts at its cell and reaches over into the next one, so a cell is complete as soon as its own
window is computed, row by row; only the strips that reach over are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Container, Dict, FrozenSet, Iterator, Optional, Tuple

import numpy as np

from sr_plugin.core.grid import Window
from sr_plugin.core.tiling import Tile

#: Share of a window that lies over the next one.
OVERLAP_SHARE = 0.25
#: Less than a pixel: windows change over at once.
_HARD_CUT = 1e-6


@dataclass(frozen=True)
class BlendPlan:
    """Windows of one size over an area; a pure function of its attributes.

    Attributes:
        area: pixels of the raster to be super-resolved.
        bounds: all pixels of the raster.
        height, width: size of a window, in input pixels.
        overlap: pixels that a window reaches over into the next cell.
        border: pixels at each side of a window that are of no use, at most the overlap. A window begins that much
            before its cell and is padded by reflection where the raster ends.
    """

    area: Window
    bounds: Window
    height: int
    width: int
    overlap: int
    border: int = 0

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap <= min(self.height, self.width) - 2 * self.border:
            raise ValueError("windows may overlap by at most half their size")
        if not 0 <= self.border <= self.overlap:
            raise ValueError("windows must overlap by what is of no use")

    @property
    def columns(self) -> int:
        """Number of cells side by side."""
        return self._count(self.area.width, self.width)

    @property
    def rows(self) -> int:
        """Number of cells above each other."""
        return self._count(self.area.height, self.height)

    def step(self, size: int) -> int:
        """Pixels from one cell to the next for windows of this height or width."""
        return size - self.overlap - self.border

    def _count(self, length: int, size: int) -> int:
        return max(1, -(-(length - self.overlap + self.border) // self.step(size)))

    def __len__(self) -> int:
        return self.columns * self.rows

    def __iter__(self) -> Iterator[Tile]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Tile:
        if not 0 <= index < len(self):
            raise IndexError(index)
        row, col = divmod(index, self.columns)
        x, w, read_x, read_w, left = self._axis(col, self.columns, self.area.col, self.area.width, self.width, True)
        y, h, read_y, read_h, top = self._axis(row, self.rows, self.area.row, self.area.height, self.height, False)
        pad = (left, top, self.width - left - read_w, self.height - top - read_h)
        return Tile(index, Window(x, y, w, h), Window(read_x, read_y, read_w, read_h), pad)

    def _axis(
        self, at: int, count: int, start: int, length: int, size: int, across: bool
    ) -> Tuple[int, int, int, int, int]:
        """Start and length of a cell and of what its window reads, and the padding in front of that.

        The last window moves inward where the raster ends.
        """
        bound = self.bounds.width if across else self.bounds.height
        cell = start + at * self.step(size)
        cell_length = start + length - cell if at == count - 1 else self.step(size)
        begin = max(-self.border, min(cell - self.border, bound + self.border - size))
        read = max(0, begin)
        return cell, cell_length, read, min(begin + size, bound) - read, read - begin

    def needed_for(self, index: int) -> Tuple[int, ...]:
        """Windows that reach into a cell, itself included."""
        row, col = divmod(index, self.columns)
        return tuple(r * self.columns + c for r in (row - 1, row) if r >= 0 for c in (col - 1, col) if c >= 0)

    def needed_without(self, done: Container[int]) -> FrozenSet[int]:
        """Windows to compute where the cells in ``done`` are on the disk already."""
        missing = (index for index in range(len(self)) if index not in done)
        return frozenset(window for index in missing for window in self.needed_for(index))


def rising_weights(length: int, border: int = 0) -> np.ndarray:
    """Raised cosine from just above 0 to just below 1; with its mirror image it adds up to one.

    The last ``border`` values are 1.
    """
    share = np.minimum((np.arange(length) + 0.5) / max(length - border, _HARD_CUT), 1.0)
    return (0.5 - 0.5 * np.cos(np.pi * share)).astype(np.float32)


class Blender:
    """Puts windows together in the order of their plan.

    Args:
        plan: the windows.
        scale: output pixels per input pixel.
    """

    def __init__(self, plan: BlendPlan, scale: int) -> None:
        self._plan = plan
        self._scale = scale
        self._right: Dict[int, np.ndarray] = {}
        self._below: Dict[int, np.ndarray] = {}

    def add(self, tile: Tile, result: np.ndarray) -> np.ndarray:
        """Blend one window into what reaches over from its neighbours.

        Args:
            tile: which window; tiles come in ascending order, each after those that reach into its cell. Where one of
                those is left out, the cell is not complete, but what reaches over from it is right.
            result: ``(bands, height * scale, width * scale)`` floating pixels of the window without padding.

        Returns:
            ``(bands, cell height * scale, cell width * scale)``, complete.
        """
        s, over = self._scale, self._plan.overlap * self._scale
        row, col = divmod(tile.index, self._plan.columns)
        own = result[:, (tile.core.row - tile.read.row) * s :, (tile.core.col - tile.read.col) * s :]
        own = self._across(tile.index, col, own, over)
        height, width = tile.core.height * s, tile.core.width * s
        cell = own[:, :height, :width].copy()
        if row > 0:
            above = self._below.pop(tile.index - self._plan.columns, None)
            depth = min(over, height) if above is not None else 0
            if above is not None and depth:
                weight = self._weights(over)[:depth, None]
                cell[:, :depth] = above[:, :depth, :width] * (1 - weight) + cell[:, :depth] * weight
        if row < self._plan.rows - 1:
            self._below[tile.index] = own[:, height : height + over, :width].copy()
        return cell

    def _weights(self, over: int) -> np.ndarray:
        return rising_weights(over, self._plan.border * self._scale)

    def _across(self, index: int, col: int, own: np.ndarray, over: int) -> np.ndarray:
        """The window's rows, blended with what reaches over from the left; keeps what reaches over to the right."""
        left: Optional[np.ndarray] = self._right.pop(index - 1, None) if col > 0 else None
        if left is not None:
            own = own.copy()
            depth = min(over, own.shape[2], left.shape[2])
            rows = min(own.shape[1], left.shape[1])
            weight = self._weights(over)[:depth]
            own[:, :rows, :depth] = left[:, :rows, :depth] * (1 - weight) + own[:, :rows, :depth] * weight
        if col < self._plan.columns - 1:
            step = self._plan.step(self._plan.width) * self._scale
            self._right[index] = own[:, :, step : step + over].copy()
        return own
