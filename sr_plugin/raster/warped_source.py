"""A raster on the pixel grid of another one, resampled only where the grids do not nest."""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import Optional, Tuple, Type

from osgeo import gdal, osr

from sr_plugin.core.errors import SourceUnreadable, UnsupportedRaster
from sr_plugin.core.grid import Grid
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import RasterSource

#: Pixels by which two grids may miss each other over their whole length and still count as one.
_SLACK = 0.02


def same_crs(first: str, second: str) -> bool:
    """True where two WKT texts name one CRS; unknown ones equal each other only."""
    if not first or not second:
        return first == second
    references = []
    for wkt in (first, second):
        reference = osr.SpatialReference()
        reference.SetFromUserInput(wkt)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        references.append(reference)
    return bool(references[0].IsSame(references[1]))


def whole_offset(source: Grid, target: Grid) -> Optional[Tuple[int, int]]:
    """Column and row of the target's corner in source pixels, where both have one CRS and whole common pixels."""
    if not same_crs(source.wkt, target.wkt):
        return None
    origin = source.to_pixel(*target.to_map(0, 0))
    for length, step in ((target.width, (1, 0)), (target.height, (0, 1))):
        there = source.to_pixel(*target.to_map(step[0] * length, step[1] * length))
        drift = [there[axis] - origin[axis] - step[axis] * length for axis in (0, 1)]
        if max(map(abs, drift)) > _SLACK:
            return None
    offset = round(origin[0]), round(origin[1])
    return offset if max(abs(origin[0] - offset[0]), abs(origin[1] - offset[1])) <= _SLACK else None


class WarpedSource:
    """A raster brought onto a grid by GDAL's warper; pixels are computed when they are read.

    Args:
        source: the raster; must stay open.
        grid: the target, north up.
        resampling: ``cubic``, which smooths where it reduces, or ``near`` for classes.

    Raises:
        UnsupportedRaster: when the grid is turned.
        SourceUnreadable: when the raster cannot be brought there.
    """

    def __init__(self, source: RasterSource, grid: Grid, resampling: str = "cubic") -> None:
        if abs(grid.geotransform[2]) + abs(grid.geotransform[4]) > 1e-9 * max(grid.pixel_size):
            raise UnsupportedRaster(
                "Another raster cannot be brought onto a grid that is not north up.", "Warp the rasters beforehand."
            )
        # Outside of the raster nothing is known, which takes a nodata value or an alpha band.
        marked = source.alpha_band > 0 or source.dataset.GetRasterBand(1).GetNoDataValue() is not None
        self._name = f"/vsimem/{uuid.uuid4().hex}/{source.name.rstrip('/').split('/')[-1]}.vrt"
        with gdal_messages() as messages:
            try:
                warped = gdal.Warp(
                    self._name,
                    source.dataset,
                    format="VRT",
                    dstSRS=grid.wkt or None,
                    outputBounds=grid.extent(),
                    width=grid.width,
                    height=grid.height,
                    resampleAlg=resampling,
                    dstAlpha=not marked,
                )
            except RuntimeError as error:
                messages.note(error)
                warped = None
            if warped is not None:
                warped.FlushCache()
        if warped is None:
            raise SourceUnreadable(f"The raster '{source.name}' cannot be brought onto the grid ({messages.reason}).")
        del warped
        self.raster = RasterSource(self._name)

    def close(self) -> None:
        """Remove the virtual raster."""
        self.raster.dataset = None
        gdal.Unlink(self._name)

    def __enter__(self) -> WarpedSource:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
