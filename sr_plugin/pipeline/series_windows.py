"""Windows of a series, spread over its area, from which its views are registered."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.raster.source import RasterSource

#: Side of a window in pixels, and how many lie side by side at most.
_SIDE, _MOST = 160, 4
#: Bytes of all windows together.
_BUDGET = 192 << 20


def spread_windows(area: Window, bytes_per_pixel: int) -> List[Window]:
    """At most 4 x 4 windows on a regular lattice, fewer where the area is small or the views are many."""
    width, height = min(_SIDE, area.width), min(_SIDE, area.height)
    affordable = max(1, _BUDGET // max(1, width * height * bytes_per_pixel))
    across = min(_MOST, max(1, area.width // width), max(1, int(affordable**0.5)))
    down = min(_MOST, max(1, area.height // height), max(1, affordable // across))
    columns = _starts(area.col, area.width, width, across)
    rows = _starts(area.row, area.height, height, down)
    return [Window(column, row, width, height) for row in rows for column in columns]


def _starts(first: int, length: int, side: int, count: int) -> List[int]:
    """Starts of windows whose middles divide the length evenly."""
    return [int(round(first + (length - side) * (2 * i + 1) / (2 * count))) for i in range(count)]


def read_windows(
    source: RasterSource, bands: Sequence[int], windows: Sequence[Window]
) -> Tuple[List[NamedArray], List[Tuple[int, int]]]:
    """Windows of a stack as the worker takes them, and the column and row of each.

    Raises:
        SourceUnreadable: when the source cannot be read.
    """
    arrays = [NamedArray(f"window{n}", source.read(bands, window).data) for n, window in enumerate(windows)]
    return arrays, [(window.col, window.row) for window in windows]
