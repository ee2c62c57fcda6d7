"""Pixel windows and georeferenced grids, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Tuple

GeoTransform = Tuple[float, float, float, float, float, float]
Extent = Tuple[float, float, float, float]

#: GDAL's geotransform of a raster without georeferencing: pixel coordinates, y down.
IDENTITY: GeoTransform = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels: columns ``col .. col + width - 1``, rows ``row .. row + height - 1``."""

    col: int
    row: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column beyond the window."""
        return self.col + self.width

    @property
    def bottom(self) -> int:
        """First row beyond the window."""
        return self.row + self.height

    @property
    def empty(self) -> bool:
        """True where the window holds no pixel."""
        return self.width <= 0 or self.height <= 0

    def expanded(self, margin: int) -> Window:
        """The window grown by ``margin`` pixels on all four sides."""
        return Window(self.col - margin, self.row - margin, self.width + 2 * margin, self.height + 2 * margin)

    def intersection(self, other: Window) -> Window:
        """The pixels that both windows hold; its size may be zero or negative (see :attr:`empty`)."""
        col, row = max(self.col, other.col), max(self.row, other.row)
        return Window(col, row, min(self.right, other.right) - col, min(self.bottom, other.bottom) - row)

    def shifted(self, cols: int, rows: int) -> Window:
        """The window moved by whole pixels."""
        return Window(self.col + cols, self.row + rows, self.width, self.height)

    def scaled(self, scale: int) -> Window:
        """The same area on a grid ``scale`` times as fine."""
        return Window(self.col * scale, self.row * scale, self.width * scale, self.height * scale)


@dataclass(frozen=True)
class Grid:
    """Where a raster lies: size in pixels, GDAL geotransform, CRS as WKT (empty: unknown)."""

    width: int
    height: int
    geotransform: GeoTransform = IDENTITY
    wkt: str = ""

    @property
    def window(self) -> Window:
        """All pixels of the grid."""
        return Window(0, 0, self.width, self.height)

    def to_map(self, col: float, row: float) -> Tuple[float, float]:
        """Map coordinates of a pixel position; ``(0, 0)`` is the upper-left *corner* of the first pixel."""
        x0, a, b, y0, d, e = self.geotransform
        return x0 + a * col + b * row, y0 + d * col + e * row

    def to_pixel(self, x: float, y: float) -> Tuple[float, float]:
        """Inverse of :meth:`to_map`.

        Raises:
            ZeroDivisionError: when the geotransform is singular.
        """
        x0, a, b, y0, d, e = self.geotransform
        determinant = a * e - b * d
        return (e * (x - x0) - b * (y - y0)) / determinant, (a * (y - y0) - d * (x - x0)) / determinant

    def cropped(self, window: Window) -> Grid:
        """The grid of one window of this raster."""
        x0, y0 = self.to_map(window.col, window.row)
        _, a, b, _, d, e = self.geotransform
        return Grid(window.width, window.height, (x0, a, b, y0, d, e), self.wkt)

    def refined(self, scale: int) -> Grid:
        """The grid with pixels ``scale`` times as small: same corner, all four affine terms divided."""
        x0, a, b, y0, d, e = self.geotransform
        return Grid(
            self.width * scale, self.height * scale, (x0, a / scale, b / scale, y0, d / scale, e / scale), self.wkt
        )

    def coarsened(self, scale: int) -> Grid:
        """The grid with pixels ``scale`` times as large: same corner, as many as fit in whole."""
        x0, a, b, y0, d, e = self.geotransform
        terms = (x0, a * scale, b * scale, y0, d * scale, e * scale)
        return Grid(self.width // scale, self.height // scale, terms, self.wkt)

    @property
    def pixel_size(self) -> Tuple[float, float]:
        """Length of one pixel step along columns and along rows, in map units."""
        _, a, b, _, d, e = self.geotransform
        return math.hypot(a, d), math.hypot(b, e)

    def window_of_extent(self, extent: Extent) -> Window:
        """All pixels of the raster that the extent touches by more than a thousandth of a pixel.

        Args:
            extent: ``(xmin, ymin, xmax, ymax)`` in map units.

        Returns:
            The window clipped to the raster; it may be :attr:`Window.empty`.
        """
        xmin, ymin, xmax, ymax = extent
        corners = [self.to_pixel(x, y) for x in (xmin, xmax) for y in (ymin, ymax)]
        slack = 1e-3
        left = math.floor(min(c for c, _ in corners) + slack)
        right = math.ceil(max(c for c, _ in corners) - slack)
        top = math.floor(min(r for _, r in corners) + slack)
        bottom = math.ceil(max(r for _, r in corners) - slack)
        return Window(left, top, right - left, bottom - top).intersection(self.window)

    def extent(self, window: Optional[Window] = None) -> Extent:
        """``(xmin, ymin, xmax, ymax)`` of the grid or of one of its windows, in map units."""
        w = window or self.window
        points = [self.to_map(c, r) for c in (w.col, w.right) for r in (w.row, w.bottom)]
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        return min(xs), min(ys), max(xs), max(ys)
