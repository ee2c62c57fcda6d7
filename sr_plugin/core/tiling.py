"""Tiling that leaves no trace: tiles whose margins cover the reach of the model.

A tile's *core* is what it contributes to the result. It is read with a *margin* on all sides that the raster has, so
that every core pixel sees the same neighbourhood as in an untiled run, and the margin is thrown away afterwards. At
the raster's own border the window is clipped, so the network's own padding acts there as it would without tiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Tuple

from sr_plugin.core.card import TileConstraints
from sr_plugin.core.grid import Window


@dataclass(frozen=True)
class Tile:
    """One step of a run, in input pixels of the whole raster.

    Attributes:
        index: position in the plan's order (row by row).
        core: the pixels this tile contributes.
        read: the pixels to read: the core with its margins, clipped to the raster.
        pad: pixels to add by reflection on the left, top, right and bottom of what was read.
    """

    index: int
    core: Window
    read: Window
    pad: Tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def crop(self) -> Window:
        """Where the core lies in the padded tile."""
        return Window(
            self.core.col - self.read.col + self.pad[0],
            self.core.row - self.read.row + self.pad[1],
            self.core.width,
            self.core.height,
        )

    @property
    def whole(self) -> Window:
        """Everything that was read, in the padded tile."""
        return Window(self.pad[0], self.pad[1], self.read.width, self.read.height)

    @property
    def padded_size(self) -> Tuple[int, int]:
        """Width and height of what the network sees."""
        left, top, right, bottom = self.pad
        return self.read.width + left + right, self.read.height + top + bottom


def _axis(
    core_start: int, core_size: int, bound: int, margin: int, multiple: int, minimum: int
) -> Tuple[int, int, int]:
    """Start, length and trailing padding of what is read along one axis.

    The start is a multiple of ``multiple`` counted from the raster's origin, so that strided networks see the same
    phase in every tile.
    """
    start = max(0, core_start - margin)
    start -= start % multiple
    stop = core_start + core_size + margin
    stop += -(stop - start) % multiple
    stop = min(bound, stop)
    if stop - start < minimum:
        start = max(0, stop - minimum)
        start -= start % multiple
    short = max(minimum - (stop - start), 0)
    pad = short + (-(stop - start + short)) % multiple
    return start, stop - start, pad


def _fixed_axis(core_start: int, bound: int, margin: int, size: int) -> Tuple[int, int, int]:
    """As :func:`_axis` for a network that accepts one length only: the window moves inward at the border."""
    start = max(0, core_start - margin)
    start = max(0, min(start, bound - size))
    length = min(size, bound - start)
    return start, length, size - length


@dataclass(frozen=True)
class TilePlan:
    """The tiles of a run; a pure function of its attributes.

    Attributes:
        area: pixels of the raster to be super-resolved.
        bounds: all pixels of the raster (margins may be read outside the area, never outside the bounds).
        tile: side of a core in input pixels.
        margin: pixels read around a core and thrown away.
        constraints: what the network accepts.
    """

    area: Window
    bounds: Window
    tile: int
    margin: int
    constraints: TileConstraints = TileConstraints()

    def __post_init__(self) -> None:
        if self.tile < 1 or self.margin < 0:
            raise ValueError("a tile has at least one pixel and a margin is not negative")
        if self.constraints.fixed and min(self.core_size) < 1:
            raise ValueError("the margin leaves nothing of the network's fixed tile size")

    @property
    def core_size(self) -> Tuple[int, int]:
        """Width and height of a full core."""
        if self.constraints.fixed:
            height, width = self.constraints.fixed
            return width - 2 * self.margin, height - 2 * self.margin
        return self.tile, self.tile

    @property
    def columns(self) -> int:
        """Number of tiles side by side."""
        return -(-self.area.width // self.core_size[0])

    @property
    def rows(self) -> int:
        """Number of tiles above each other."""
        return -(-self.area.height // self.core_size[1])

    def __len__(self) -> int:
        return self.columns * self.rows

    def __iter__(self) -> Iterator[Tile]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Tile:
        if not 0 <= index < len(self):
            raise IndexError(index)
        row, col = divmod(index, self.columns)
        width, height = self.core_size
        core = Window(self.area.col + col * width, self.area.row + row * height, width, height).intersection(self.area)
        if self.constraints.fixed:
            fixed_height, fixed_width = self.constraints.fixed
            x, w, pad_right = _fixed_axis(core.col, self.bounds.width, self.margin, fixed_width)
            y, h, pad_bottom = _fixed_axis(core.row, self.bounds.height, self.margin, fixed_height)
        else:
            m, least = self.constraints.multiple_of, self.constraints.minimum
            x, w, pad_right = _axis(core.col, core.width, self.bounds.width, self.margin, m, least)
            y, h, pad_bottom = _axis(core.row, core.height, self.bounds.height, self.margin, m, least)
        return Tile(index, core, Window(x, y, w, h), (0, 0, pad_right, pad_bottom))
