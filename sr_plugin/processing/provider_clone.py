"""Layers that are no files (map services, virtual and database rasters): their pixels through a clone of the provider.

The clone is made in the main thread, because it is made from a layer; it is read in the thread of the run. The layer's
own provider belongs to the map and is left alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Optional, Tuple

from qgis.core import Qgis, QgsRasterDataProvider, QgsRasterInterface, QgsRasterLayer

from sr_plugin.core.errors import EmptyExtent, ParameterError, UnsupportedRaster
from sr_plugin.core.grid import Extent
from sr_plugin.processing.qgis_enums import GDAL_WKT
from sr_plugin.processing.translation import tr

#: Pixels asked of a map service at most: servers are shared, and each tile is a request.
MOST_SERVICE_PIXELS = 100_000_000
#: Bytes of the temporary file at most.
MOST_BYTES = 20_000_000_000
#: Pixels read around the extent, so that the model sees the same surroundings as in a file.
CONTEXT = 32
#: Nodata of QGIS' raster calculator, which virtual rasters write without declaring it.
_CALCULATOR_NODATA = -3.4028234663852886e38

_PIXEL_TYPES = {
    "Byte": "uint8",
    "Int8": "int8",
    "UInt16": "uint16",
    "Int16": "int16",
    "UInt32": "uint32",
    "Int32": "int32",
    "Float32": "float32",
    "Float64": "float64",
}
_COLOURS = ("ARGB32", "ARGB32_Premultiplied")
_RGBA = ("Red", "Green", "Blue", "Alpha")
#: ``Band 1: B04 (red)`` -> ``B04 (red)``, in any language of QGIS.
_BAND_NAME = re.compile(r"^\D+0*\d+\s*(?::\s*|$)")


@dataclass(frozen=True)
class CloneBand:
    """One band of a clone.

    Attributes:
        name: its name without the number; empty where it has none.
        pixel_type: numpy name.
        nodata: value of pixels without data, or None.
        colour: GDAL colour interpretation.
    """

    name: str
    pixel_type: str
    nodata: Optional[float]
    colour: int


@dataclass(frozen=True)
class CloneGrid:
    """The pixels to read: ``columns`` x ``rows`` of size ``pixel`` (x, y; map units) from ``left``, ``top``."""

    left: float
    top: float
    pixel: Tuple[float, float]
    columns: int
    rows: int


@dataclass(frozen=True)
class ProviderClone:
    """A clone of a layer's data provider and what the copy must know of the layer.

    Attributes:
        provider: the clone.
        name: name of the layer.
        wkt: CRS of the layer.
        bands: bands of the copy; red, green, blue and alpha of a provider that draws pictures.
        rendered: whether the provider draws pictures (ARGB) instead of giving values.
        bounds: where there is data, ``(xmin, ymin, xmax, ymax)`` in map units.
        pixel: native size of a pixel (x, y) in map units; None where the provider has none.
        bounded: whether the provider has a size in pixels of its own; map services have none.
    """

    provider: QgsRasterDataProvider
    name: str
    wkt: str
    bands: Tuple[CloneBand, ...]
    rendered: bool
    bounds: Extent
    pixel: Optional[Tuple[float, float]]
    bounded: bool

    def grid(self, extent: Optional[Extent] = None, resolution: Optional[float] = None) -> CloneGrid:
        """The pixels to read for an extent, its surroundings included, in line with the provider's own pixels.

        Args:
            extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the layer; None for all, where there are bounds.
            resolution: size of a pixel in map units; None for the native one.

        Raises:
            EmptyExtent: when the extent does not meet the layer.
            ParameterError: when an extent or a resolution is needed, or the area is too large.
        """
        pixel = self._pixel(resolution)
        if extent is None and not self.bounded:
            raise ParameterError(
                tr("The layer '{}' comes from a service without an end, so an extent is needed.").format(self.name),
                tr("Choose an extent, for example that of the map canvas."),
            )
        xmin, ymin, xmax, ymax = self.bounds
        columns, rows = (max(1, round(side / size)) for side, size in zip((xmax - xmin, ymax - ymin), pixel))
        left, right, top, bottom = 0, columns, 0, rows
        if extent is not None:
            left, right = _span((extent[0] - xmin) / pixel[0], (extent[2] - xmin) / pixel[0], columns)
            top, bottom = _span((ymax - extent[3]) / pixel[1], (ymax - extent[1]) / pixel[1], rows)
        if left >= right or top >= bottom:
            raise EmptyExtent(tr("The extent does not overlap the layer '{}'.").format(self.name))
        grid = CloneGrid(xmin + left * pixel[0], ymax - top * pixel[1], pixel, right - left, bottom - top)
        self._check_size(grid)
        return grid

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel in all bands; all bands of the copy share the widest type."""
        import numpy as np

        return len(self.bands) * np.result_type(*(band.pixel_type for band in self.bands)).itemsize

    def _pixel(self, resolution: Optional[float]) -> Tuple[float, float]:
        if resolution is not None:
            if not (math.isfinite(resolution) and resolution > 0):
                raise ParameterError(tr("The resolution must be a number above 0."))
            return resolution, resolution
        if self.pixel is None:
            raise ParameterError(
                tr("The layer '{}' has no resolution of its own.").format(self.name),
                tr("Set the resolution for layers without files (map units per pixel)."),
            )
        return self.pixel

    def _check_size(self, grid: CloneGrid) -> None:
        pixels = grid.columns * grid.rows
        most = MOST_BYTES // self.pixel_bytes if self.bounded else MOST_SERVICE_PIXELS
        if pixels <= most:
            return
        coarser = max(grid.pixel) * math.sqrt(pixels / most)
        raise ParameterError(
            tr("The area has {} x {} pixels of {:.4g} map units; at most {} million pixels are read here.").format(
                grid.columns, grid.rows, max(grid.pixel), most // 1_000_000
            ),
            tr("Choose a smaller extent, or a resolution of {:.4g} map units or more.").format(coarser * 1.01),
        )


def clone_of(layer: QgsRasterLayer) -> ProviderClone:
    """Clone the layer's provider; call it in the main thread.

    Raises:
        UnsupportedRaster: when the provider cannot be cloned or holds complex numbers.
    """
    provider = layer.dataProvider().clone()
    # A clone of GDAL's provider never counts as valid, though it reads, so the layer is asked.
    if provider is None or not layer.isValid() or provider.bandCount() < 1:
        raise UnsupportedRaster(
            tr("The data of the layer '{}' cannot be read a second time.").format(layer.name()),
            tr("Save the layer as a GeoTIFF of its raw data and use that file."),
        )
    numbers = range(1, provider.bandCount() + 1)
    rendered = any(_type_name(provider, number) in _COLOURS for number in numbers)
    for number in numbers:
        # The layer's own list of additional nodata values is a matter of its look.
        provider.setUserNoDataValue(number, [])
        provider.setUseSourceNoDataValue(number, True)
    area = provider.extent()
    bounded = bool(provider.capabilities() & QgsRasterInterface.Capability.Size) and provider.xSize() > 0
    return ProviderClone(
        provider=provider,
        name=layer.name(),
        wkt=layer.crs().toWkt(GDAL_WKT),
        bands=_picture_bands() if rendered else tuple(_band(layer, provider, number) for number in numbers),
        rendered=rendered,
        bounds=(area.xMinimum(), area.yMinimum(), area.xMaximum(), area.yMaximum()),
        pixel=_native_pixel(provider, bounded),
        bounded=bounded,
    )


def _span(first: float, last: float, most: int) -> Tuple[int, int]:
    """Whole pixels that cover ``first`` to ``last`` and their surroundings; the same where the span lies outside."""
    # The corners of a whole pixel, computed in floating point, must not bring in its neighbour.
    start, stop = math.floor(first + 1e-6), math.ceil(last - 1e-6)
    if start >= most or stop <= 0:
        return 0, 0
    return max(0, start - CONTEXT), min(most, stop + CONTEXT)


def _native_pixel(provider: QgsRasterDataProvider, bounded: bool) -> Optional[Tuple[float, float]]:
    area = provider.extent()
    if bounded:
        return area.width() / provider.xSize(), area.height() / provider.ySize()
    resolutions = [value for value in provider.nativeResolutions() if value > 0]
    return (min(resolutions), min(resolutions)) if resolutions else None


def _type_name(provider: QgsRasterDataProvider, number: int) -> str:
    """Name of a band's type, such as ``Float32``."""
    kind = provider.dataType(number)
    names = (*_PIXEL_TYPES, *_COLOURS)
    return next((name for name in names if getattr(Qgis.DataType, name, None) == kind), "")


def _picture_bands() -> Tuple[CloneBand, ...]:
    # GDAL numbers red, green, blue and alpha 3 to 6.
    return tuple(CloneBand(name, "uint8", None, colour) for colour, name in enumerate(_RGBA, start=3))


def _band(layer: QgsRasterLayer, provider: QgsRasterDataProvider, number: int) -> CloneBand:
    kind = _type_name(provider, number)
    if kind not in _PIXEL_TYPES:
        raise UnsupportedRaster(
            tr("Band {} of the layer '{}' holds values that are no plain numbers.").format(number, layer.name())
        )
    nodata = provider.sourceNoDataValue(number) if provider.sourceHasNoDataValue(number) else None
    if nodata is None and layer.providerType() == "virtualraster":
        nodata = _CALCULATOR_NODATA
    colour = provider.colorInterpretation(number)
    return CloneBand(
        name=_BAND_NAME.sub("", layer.bandName(number)),
        pixel_type=_PIXEL_TYPES[kind],
        nodata=nodata,
        colour=int(getattr(colour, "value", colour)),
    )
