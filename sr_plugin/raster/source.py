"""Reading rasters: any GDAL dataset, in windows, with what is valid and what is not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.bands import LayerBand
from sr_plugin.core.buffers import empty_array
from sr_plugin.core.errors import BandError, SourceChanged, SourceNotFound, SourceUnreadable, UnsupportedRaster
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.job import SourceIdentity
from sr_plugin.core.pixel_type import common_type
from sr_plugin.core.sensors import sensor_of_metadata
from sr_plugin.raster.gdal_errors import GdalMessages, gdal_messages
from sr_plugin.raster.sentinel2_offset import add_offset
from sr_plugin.raster.source_files import files_digest, source_files

_PIXEL_TYPES: Dict[int, str] = {
    gdal.GDT_Byte: "uint8",
    gdal.GDT_UInt16: "uint16",
    gdal.GDT_Int16: "int16",
    gdal.GDT_UInt32: "uint32",
    gdal.GDT_Int32: "int32",
    gdal.GDT_Float32: "float32",
    gdal.GDT_Float64: "float64",
}
if hasattr(gdal, "GDT_Int8"):
    _PIXEL_TYPES[gdal.GDT_Int8] = "int8"

#: Side of the sample from which percentiles and fill values are estimated.
_SAMPLE_SIDE = 512
#: Rasters up to this number of pixels are read whole for it.
_READ_WHOLE = 4_000_000
_SPREAD, _SPREAD_SIDE = 8, 64
#: Pixels of a block that is too large to be decoded more often than needed.
_LARGE_BLOCK = 1 << 19


@dataclass(frozen=True)
class BandInfo:
    """One band of a source.

    Attributes:
        number: band number from 1.
        pixel_type: numpy name.
        description: the band's text.
        colour: GDAL colour interpretation (``gdal.GCI_*``).
        nodata: nodata value or None.
        scale, offset: physical value = pixel * scale + offset, None where the file says nothing.
        unit: unit of the physical value.
        metadata: the band's default metadata domain.
        wavelength_um: centre wavelength, if the metadata tell.
        palette: colours of class numbers as red, green, blue, alpha; empty for measured values.
        sensor: which sensor took the raster, if its metadata tell.
    """

    number: int
    pixel_type: str
    description: str
    colour: int
    nodata: Optional[float]
    scale: Optional[float]
    offset: Optional[float]
    unit: str
    metadata: Tuple[Tuple[str, str], ...]
    wavelength_um: Optional[float]
    palette: Tuple[Tuple[int, int, int, int], ...] = ()
    sensor: str = ""

    @property
    def layer_band(self) -> LayerBand:
        """The band in the form that band matching takes."""
        name = gdal.GetColorInterpretationName(self.colour).lower()
        return LayerBand(self.number, self.description, name, self.wavelength_um, self.sensor)


@dataclass(frozen=True)
class RasterTile:
    """Pixels of one window.

    Attributes:
        data: ``(bands, h, w)`` in the source's own type.
        valid: ``(bands, h, w)`` bool, or None where every pixel is valid.
    """

    data: np.ndarray
    valid: Optional[np.ndarray]


def _wavelength_um(metadata: Dict[str, str]) -> Optional[float]:
    """Centre wavelength from the keys that ENVI, GDAL's IMAGERY domain and Sentinel-2 readers use."""
    lowered = {key.lower(): value for key, value in metadata.items()}
    for key in ("central_wavelength_um", "wavelength", "wavelength_um", "center_wavelength"):
        try:
            value = float(lowered[key])
        except (KeyError, ValueError):
            continue
        if not 0 < value < float("inf"):
            continue
        in_nanometres = value > 100 or lowered.get("wavelength_units", "").lower().startswith("nano")
        return value / 1000 if in_nanometres else value
    return None


def _palette(band: gdal.Band) -> Tuple[Tuple[int, int, int, int], ...]:
    table = band.GetColorTable()
    return () if table is None else tuple(table.GetColorEntry(i) for i in range(table.GetCount()))


def _band_info(band: gdal.Band, number: int, sensor: str) -> BandInfo:
    code = band.DataType
    if code not in _PIXEL_TYPES:
        raise UnsupportedRaster(
            f"Band {number} holds values of type {gdal.GetDataTypeName(code)}, which cannot be super-resolved.",
            "Convert the raster to a real number type such as Float32 first.",
        )
    pixel_type = _PIXEL_TYPES[code]
    if band.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE":
        pixel_type = "int8"
    metadata = dict(band.GetMetadata() or {})
    imagery = dict(band.GetMetadata("IMAGERY") or {})
    return BandInfo(
        number=number,
        pixel_type=pixel_type,
        description=band.GetDescription() or metadata.get("BANDNAME", ""),
        colour=band.GetColorInterpretation(),
        nodata=band.GetNoDataValue(),
        scale=band.GetScale(),
        offset=band.GetOffset(),
        unit=band.GetUnitType() or "",
        metadata=tuple(sorted((str(k), str(v)) for k, v in metadata.items())),
        wavelength_um=_wavelength_um({**imagery, **metadata}),
        palette=_palette(band),
        sensor=sensor,
    )


def _spread_windows(whole: Window) -> List[Window]:
    """8 x 8 windows of at most 64 x 64 pixels, spread evenly."""
    width, height = min(_SPREAD_SIDE, whole.width), min(_SPREAD_SIDE, whole.height)
    places = [(2 * i + 1) / (2 * _SPREAD) for i in range(_SPREAD)]
    return [
        Window(int((whole.width - width) * x), int((whole.height - height) * y), width, height)
        for y in places
        for x in places
    ]


def open_dataset(name: str) -> gdal.Dataset:
    """Open a dataset for reading, without writing side files beside it.

    Raises:
        SourceNotFound, SourceUnreadable: see the class names.
    """
    if not name.strip():
        raise SourceNotFound("No input raster was given.", "Choose a raster layer or file.")
    with gdal_messages() as messages:
        try:
            dataset = gdal.OpenEx(name, gdal.OF_RASTER | gdal.OF_READONLY)
        except RuntimeError as error:
            messages.note(error)
            dataset = None
    if dataset is not None:
        return dataset
    looks_like_path = not name.startswith("/vsi") and ":" not in name[2:]
    if looks_like_path and not os.path.exists(name):
        raise SourceNotFound(f"The input raster '{name}' does not exist.")
    reason = f" ({messages.reason})" if messages.reason and name not in messages.reason else ""
    raise SourceUnreadable(f"The input '{name}' cannot be opened as a raster{reason}.")


class RasterSource:
    """A raster opened for reading. One object serves one thread.

    Args:
        name: GDAL dataset name.

    Raises:
        SourceNotFound, SourceUnreadable, UnsupportedRaster: see the class names.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dataset = open_dataset(name)
        if self.dataset.RasterCount == 0:
            subdatasets = self.dataset.GetSubDatasets()
            hint = f"Choose one of its subdatasets, for example {subdatasets[0][0]}" if subdatasets else ""
            raise UnsupportedRaster(f"The dataset '{name}' holds no raster bands itself.", hint)
        transform = self.dataset.GetGeoTransform(can_return_null=True)
        wkt = self.dataset.GetProjection() or ""
        size = (self.dataset.RasterXSize, self.dataset.RasterYSize)
        self.grid = Grid(*size, tuple(transform), wkt) if transform else Grid(*size, wkt=wkt)
        self.georeferenced = transform is not None
        facts = {**(self.dataset.GetMetadata("IMAGERY") or {}), **(self.dataset.GetMetadata() or {})}
        self.sensor = sensor_of_metadata(facts, self.dataset.RasterCount)

    @property
    def band_count(self) -> int:
        """Number of bands of the raster."""
        return int(self.dataset.RasterCount)

    def bands(self, numbers: Sequence[int]) -> List[BandInfo]:
        """Facts about the given bands.

        Raises:
            BandError: when a band does not exist.
            UnsupportedRaster: for complex, 64-bit integer and paletted bands.
        """
        infos = []
        for number in numbers:
            if not 1 <= number <= self.band_count:
                raise BandError(f"The raster has {self.band_count} band(s), so there is no band {number}.")
            infos.append(_band_info(self.dataset.GetRasterBand(number), number, self.sensor))
        return infos

    def layer_bands(self) -> List[LayerBand]:
        """All bands but alpha in the form that band matching takes; unsupported types are kept."""
        found = []
        for number in range(1, self.band_count + 1):
            band = self.dataset.GetRasterBand(number)
            if band.GetColorInterpretation() == gdal.GCI_AlphaBand:
                continue
            metadata = {**(band.GetMetadata("IMAGERY") or {}), **(band.GetMetadata() or {})}
            colour = gdal.GetColorInterpretationName(band.GetColorInterpretation()).lower()
            text = band.GetDescription() or metadata.get("BANDNAME", "")
            found.append(LayerBand(number, text, colour, _wavelength_um(metadata), self.sensor))
        return found

    def paletted(self, numbers: Sequence[int]) -> bool:
        """True where one of the bands holds class numbers with a colour table instead of measured values."""
        return any(self.dataset.GetRasterBand(n).GetColorTable() is not None for n in numbers)

    @property
    def alpha_band(self) -> int:
        """Number of the alpha band, 0 where there is none."""
        for number in range(1, self.band_count + 1):
            if self.dataset.GetRasterBand(number).GetColorInterpretation() == gdal.GCI_AlphaBand:
                return number
        return 0

    @property
    def masked(self) -> bool:
        """True where the raster has a mask shared by all bands or an alpha band."""
        return self.alpha_band > 0 or bool(self.dataset.GetRasterBand(1).GetMaskFlags() & gdal.GMF_PER_DATASET)

    def may_have_gaps(self, numbers: Sequence[int]) -> bool:
        """True where pixels of the given bands may be invalid."""
        infos = self.bands(numbers)
        return self.masked or any(i.nodata is not None or i.pixel_type.startswith("float") for i in infos)

    @property
    def control_points(self) -> tuple[tuple[tuple[float, float, float, float, float], ...], str]:
        """Ground control points ``(x, y, z, column, row)`` and their CRS as WKT; empty where there are none."""
        points = self.dataset.GetGCPs() or ()
        wkt = self.dataset.GetGCPProjection() or ""
        return tuple((p.GCPX, p.GCPY, p.GCPZ, p.GCPPixel, p.GCPLine) for p in points), wkt

    @property
    def rational_polynomials(self) -> Dict[str, str]:
        """GDAL's RPC metadata; empty where there are none."""
        return dict(self.dataset.GetMetadata("RPC") or {})

    def row_bytes(self, numbers: Sequence[int], tile: int, rows: int) -> int:
        """Bytes to keep decoded so that no block is decoded for every tile of a row of tiles.

        Only rasters stored in strips, whose blocks are as wide as the raster, and those stored in large blocks, such as
        JPEG 2000, need that.

        Args:
            numbers: the bands that are read.
            tile: width of a tile in pixels.
            rows: rows that a row of tiles reads.
        """
        blocks = [self.dataset.GetRasterBand(n).GetBlockSize() for n in numbers]
        size = sum(np.dtype(info.pixel_type).itemsize for info in self.bands(numbers))
        if any(width > 4 * tile for width, _ in blocks):
            return self.grid.width * rows * size
        large = [(width, height) for width, height in blocks if width * height >= _LARGE_BLOCK]
        if not large:
            return 0
        width, height = max(w for w, _ in large), max(h for _, h in large)
        touched = (rows - 1) // height + 2
        return -(-self.grid.width // width) * width * min(touched * height, self.grid.height + height) * size

    def identity(self, numbers: Sequence[int]) -> SourceIdentity:
        """Which raster this is, and how to notice that it changed."""
        # The current folder is no part of it: a run may be continued by another process.
        name = os.path.abspath(self.name) if os.path.exists(self.name) else self.name
        return SourceIdentity(name, tuple(numbers), files_digest(self.files))

    @property
    def files(self) -> Tuple[str, ...]:
        """Local files that the raster is made of."""
        return source_files(self.dataset, self.name)

    @property
    def sentinel2_offset(self) -> Optional[float]:
        """Sentinel-2's radiometric add-offset in DN where the product tells that it applies, else None."""
        return add_offset([self.name, *self.files], dict(self.dataset.GetMetadata() or {}))

    def read(self, numbers: Sequence[int], window: Window) -> RasterTile:
        """Read whole pixels.

        Raises:
            SourceUnreadable: when the data cannot be read (truncated file, lost network path).
        """
        return self._read(numbers, window, window.width, window.height)

    def read_sample(self, numbers: Sequence[int]) -> RasterTile:
        """Pixels that stand for the whole raster: at most 512 x 512, from an overview or from windows spread evenly.

        Returns:
            Data and validity of shape ``(bands, n, m)``; ``valid`` is never None.
        """
        whole = self.grid.window
        if whole.width * whole.height <= _READ_WHOLE or self._has_overviews(numbers):
            factor = max(1.0, max(whole.width, whole.height) / _SAMPLE_SIDE)
            tiles = [self._read(numbers, whole, max(1, int(whole.width / factor)), max(1, int(whole.height / factor)))]
        else:
            tiles = [self.read(numbers, window) for window in _spread_windows(whole)]
        data = np.concatenate([tile.data for tile in tiles], axis=-1)
        everywhere = [np.ones(t.data.shape, bool) if t.valid is None else t.valid for t in tiles]
        return RasterTile(data, np.concatenate(everywhere, axis=-1))

    def _has_overviews(self, numbers: Sequence[int]) -> bool:
        return all(self.dataset.GetRasterBand(n).GetOverviewCount() > 0 for n in numbers)

    def _read(self, numbers: Sequence[int], window: Window, width: int, height: int) -> RasterTile:
        dtype = common_type([info.pixel_type for info in self.bands(numbers)])
        data = empty_array((len(numbers), height, width), dtype)
        place = (window.col, window.row, window.width, window.height)
        with gdal_messages() as messages:
            for index, number in enumerate(numbers):
                band = self.dataset.GetRasterBand(number)
                self._read_band(band, place, data[index], messages)
            valid = self._valid(numbers, data, place, (width, height))
        return RasterTile(data, valid)

    def _read_band(
        self, band: gdal.Band, place: Tuple[int, int, int, int], target: np.ndarray, messages: GdalMessages
    ) -> None:
        """Read straight into the target, which GDAL converts to where it knows the type."""
        signed_bytes = target.dtype == np.int8 and band.DataType == gdal.GDT_Byte
        buffer = target.view(np.uint8) if signed_bytes else target
        try:
            pixels = band.ReadAsArray(*place, buf_obj=buffer)
        except RuntimeError as error:
            messages.note(error)
            pixels = None
        if pixels is None or messages.failures:
            reason = f" ({messages.reason})" if messages.reason else ""
            raise SourceUnreadable(f"Pixels of '{self.name}' cannot be read{reason}.")

    def _valid(
        self, numbers: Sequence[int], data: np.ndarray, place: Tuple[int, int, int, int], size: Tuple[int, int]
    ) -> Optional[np.ndarray]:
        valid = np.ones(data.shape, bool)
        if data.dtype.kind == "f":
            np.isfinite(data, out=valid)
        for index, number in enumerate(numbers):
            nodata = self.dataset.GetRasterBand(number).GetNoDataValue()
            if nodata is not None and not np.isnan(nodata):
                valid[index] &= data[index] != (np.float32(nodata) if data.dtype == np.float32 else nodata)
        shared = self.dataset.GetRasterBand(1)
        masks = [self.dataset.GetRasterBand(self.alpha_band)] if self.alpha_band else []
        if shared.GetMaskFlags() & gdal.GMF_PER_DATASET and not shared.GetMaskFlags() & gdal.GMF_ALPHA:
            masks.append(shared.GetMaskBand())
        for mask in masks:
            values = mask.ReadAsArray(*place, buf_xsize=size[0], buf_ysize=size[1])
            if values is None:
                raise SourceUnreadable(f"The mask of '{self.name}' cannot be read.")
            valid &= values[None] != 0
        return None if valid.all() else valid

    def drop_cache(self) -> None:
        """Give back GDAL's cached blocks of this dataset."""
        for number in range(1, self.band_count + 1):
            self.dataset.GetRasterBand(number).FlushCache()

    def check_unchanged(self, identity: SourceIdentity) -> None:
        """Make sure that the file is still the one that was opened.

        Raises:
            SourceChanged: when size or modification time differ or the file is gone.
        """
        if identity.files and files_digest(self.files) != identity.files:
            raise SourceChanged(f"The input '{self.name}' changed or vanished while it was being read.")
