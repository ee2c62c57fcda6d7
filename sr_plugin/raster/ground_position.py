"""Where on Earth pixels lie, for rasters of any CRS."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence, Tuple

from osgeo import osr

from sr_plugin.core.grid import Grid
from sr_plugin.core.place_split import METRES_PER_DEGREE
from sr_plugin.raster.gdal_errors import gdal_messages

#: Share by which metres of a CRS and metres on the ground may differ, here reckoned on a sphere.
_TRUE_TO_GROUND = 0.01


class GroundPosition:
    """Longitude and latitude of pixels of a grid.

    Args:
        grid: with a CRS.

    Raises:
        ValueError: when the grid has no CRS that leads to longitude and latitude.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        source, target = osr.SpatialReference(), osr.SpatialReference()
        with gdal_messages() as messages:
            try:
                failed = source.SetFromUserInput(grid.wkt) if grid.wkt else 1
                target.ImportFromEPSG(4326)
                for reference in (source, target):
                    reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
                self._unit = source.GetLinearUnits() if source.IsProjected() else 0.0
                usable = not failed and not source.IsLocal()
                self._to_degrees = osr.CoordinateTransformation(source, target) if usable else None
            except (RuntimeError, TypeError) as error:
                messages.note(error)
                self._to_degrees = None
        if self._to_degrees is None:
            raise ValueError(f"no CRS that leads to longitude and latitude ({messages.reason})")

    def degrees(self, pixels: Sequence[Tuple[float, float]]) -> List[Tuple[float, float]]:
        """Longitude and latitude in degrees of positions given as column and row.

        Raises:
            ValueError: when they lie where the CRS is not defined.
        """
        points = [self._grid.to_map(*pixel) for pixel in pixels]
        with gdal_messages() as messages:
            try:
                found = [tuple(self._to_degrees.TransformPoint(x, y)[:2]) for x, y in points]
            except RuntimeError as error:
                messages.note(error)
                found = []
        if not found or not all(math.isfinite(value) for point in found for value in point):
            raise ValueError(f"pixels lie outside of what their CRS covers ({messages.reason})")
        return found

    def pixel_metres(self) -> Optional[float]:
        """Length of a pixel in metres at the middle of the grid, None where it cannot be told.

        The CRS's own metres count where they are true to the ground, which those of Web Mercator are not.
        """
        col, row = self._grid.width / 2, self._grid.height / 2
        try:
            (x0, y0), (x1, y1), (x2, y2) = self.degrees([(col, row), (col, row + 1), (col + 1, row)])
        except ValueError:
            return None
        east = METRES_PER_DEGREE * math.cos(math.radians(y0))
        down = math.hypot((x1 - x0) * east, (y1 - y0) * METRES_PER_DEGREE)
        across = math.hypot((x2 - x0) * east, (y2 - y0) * METRES_PER_DEGREE)
        on_ground = math.sqrt(down * across)
        by_crs = math.sqrt(math.prod(self._grid.pixel_size)) * self._unit
        return by_crs if self._unit and abs(by_crs / on_ground - 1) < _TRUE_TO_GROUND else on_ground


def far_apart(first: Grid, second: Grid) -> bool:
    """True where two grids surely share no ground: the boxes around them in longitude and latitude do not touch.

    False where that cannot be told.
    """
    boxes = []
    for grid in (first, second):
        # Points along the sides, too, because straight sides are bent on the globe.
        steps = [i / 8 for i in range(9)]
        points = [(x * grid.width, y * grid.height) for x in steps for y in steps if {x, y} & {0.0, 1.0}]
        try:
            degrees = GroundPosition(grid).degrees(points)
        except ValueError:
            return False
        sides = list(zip(*degrees))
        boxes.append([(min(side), max(side)) for side in sides])
    return any(a[1] < b[0] or b[1] < a[0] for a, b in zip(*boxes))
