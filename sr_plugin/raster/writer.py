"""Writing results: a tiled GeoTIFF under a temporary name that takes its own name only when it is whole."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import Cancelled, DiskFull, OutputError, SuperResolutionError
from sr_plugin.core.grid import Grid, Window
from sr_plugin.raster.creation_options import cloud_options, creation_options
from sr_plugin.raster.final_name import SIDE_FILE, give_name
from sr_plugin.raster.gdal_errors import GdalMessages, gdal_messages
from sr_plugin.raster.source import BandInfo
from sr_plugin.raster.whole_file import is_whole

_GDAL_TYPES: Dict[str, int] = {
    "uint8": gdal.GDT_Byte,
    "int8": getattr(gdal, "GDT_Int8", gdal.GDT_Byte),
    "uint16": gdal.GDT_UInt16,
    "int16": gdal.GDT_Int16,
    "uint32": gdal.GDT_UInt32,
    "int32": gdal.GDT_Int32,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}

#: Results up to this side need no overviews.
_SMALL_SIDE = 1024


@dataclass(frozen=True)
class OutputBand:
    """What a band of the result carries besides its pixels."""

    description: str = ""
    colour: int = gdal.GCI_Undefined
    scale: Optional[float] = None
    offset: Optional[float] = None
    unit: str = ""
    metadata: Tuple[Tuple[str, str], ...] = ()
    palette: Tuple[Tuple[int, int, int, int], ...] = ()
    categories: Tuple[str, ...] = ()

    @classmethod
    def like(cls, info: BandInfo) -> OutputBand:
        """The same facts as a source band."""
        statistics_free = tuple((k, v) for k, v in info.metadata if not k.startswith("STATISTICS_"))
        return cls(info.description, info.colour, info.scale, info.offset, info.unit, statistics_free, info.palette)


@dataclass(frozen=True)
class OutputSpec:
    """The result to be written.

    Attributes:
        path: final path.
        grid: where it lies.
        bands: one entry per band.
        pixel_type: numpy name.
        nodata: nodata value or None.
        mask_band: mark gaps by a mask band, as the source does, where no value can be given up for nodata.
        metadata: dataset metadata (who made it and how).
        create_options: GDAL creation options that replace the defaults of the same key.
        tile: side of the pieces that will be written, used to choose the block size.
        georeferenced: False for a raster whose place is not known, or known through control points only.
        gcps: ground control points ``(x, y, z, column, row)``.
        gcp_wkt: their CRS.
        rpc: rational polynomial coefficients, GDAL's RPC domain.
        cog: store the result as a cloud-optimised GeoTIFF.
        smooth: average for overviews instead of picking pixels.
    """

    path: str
    grid: Grid
    bands: Sequence[OutputBand]
    pixel_type: str
    nodata: Optional[float] = None
    mask_band: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    create_options: Sequence[str] = ()
    tile: int = 512
    georeferenced: bool = True
    gcps: Sequence[Tuple[float, float, float, float, float]] = ()
    gcp_wkt: str = ""
    rpc: Mapping[str, str] = field(default_factory=dict)
    cog: bool = False
    smooth: bool = True

    @property
    def size(self) -> Tuple[int, int, int]:
        """Columns, rows and bands."""
        return self.grid.width, self.grid.height, len(self.bands)

    @property
    def raw_bytes(self) -> int:
        """Size without compression."""
        size = np.dtype(self.pixel_type).itemsize
        return self.grid.width * self.grid.height * len(self.bands) * size


class RasterWriter:
    """Writes one result. One object serves one thread at a time.

    Args:
        spec: what is written.
        partial: temporary path, in the folder of the final one.
        reopen: go on with a partial file of an interrupted run instead of creating one.

    Raises:
        OutputError, DiskFull: when the file cannot be created or opened again.
    """

    def __init__(self, spec: OutputSpec, partial: str, reopen: bool = False) -> None:
        self.spec = spec
        self.partial = partial
        with gdal_messages() as messages:
            try:
                self._dataset = self._open() if reopen else self._create()
            except RuntimeError as error:
                messages.note(error)
                self._dataset = None
            if self._dataset is None:
                raise self._failure("created", messages)
            if not reopen:
                self._describe()
            if messages.failures:
                raise self._failure("created", messages)

    def _create(self) -> Optional[gdal.Dataset]:
        spec = self.spec
        # GDAL opens the file that it replaces, and its complaints about a damaged one would count as a failure.
        with suppress(OSError):
            os.remove(self.partial)
        options = creation_options(spec.pixel_type, len(spec.bands), spec.tile, spec.raw_bytes, spec.create_options)
        dataset = gdal.GetDriverByName("GTiff").Create(self.partial, *spec.size, _GDAL_TYPES[spec.pixel_type], options)
        if dataset is not None and spec.mask_band:
            _add_mask_band(dataset)
        return dataset

    def _open(self) -> Optional[gdal.Dataset]:
        dataset = gdal.OpenEx(self.partial, gdal.OF_RASTER | gdal.OF_UPDATE, open_options=["NUM_THREADS=ALL_CPUS"])
        if dataset is None:
            return None
        size = (dataset.RasterXSize, dataset.RasterYSize, dataset.RasterCount)
        return dataset if size == self.spec.size else None

    def _describe(self) -> None:
        spec, dataset = self.spec, self._dataset
        if spec.georeferenced:
            dataset.SetGeoTransform(spec.grid.geotransform)
        if spec.grid.wkt:
            dataset.SetProjection(spec.grid.wkt)
        dataset.SetMetadata(dict(spec.metadata))
        for number, described in enumerate(spec.bands, start=1):
            band = dataset.GetRasterBand(number)
            band.SetColorInterpretation(described.colour)
            if described.palette:
                table = gdal.ColorTable()
                for value, colour in enumerate(described.palette):
                    table.SetColorEntry(value, colour)
                band.SetColorTable(table)
            if described.categories:
                band.SetCategoryNames(list(described.categories))
            if described.description:
                band.SetDescription(described.description)
            if described.scale is not None:
                band.SetScale(described.scale)
            if described.offset is not None:
                band.SetOffset(described.offset)
            if described.unit:
                band.SetUnitType(described.unit)
            if described.metadata:
                band.SetMetadata(dict(described.metadata))
            if spec.nodata is not None:
                band.SetNoDataValue(spec.nodata)
        if spec.gcps:
            dataset.SetGCPs([gdal.GCP(*point) for point in spec.gcps], spec.gcp_wkt)
        if spec.rpc:
            dataset.SetMetadata(dict(spec.rpc), "RPC")

    def _failure(self, verb: str, messages: GdalMessages) -> SuperResolutionError:
        reason = f" ({messages.reason})" if messages.reason else ""
        folder = os.path.dirname(os.path.abspath(self.spec.path))
        no_space = any("space" in text.lower() or "enospc" in text.lower() for text in messages.failures)
        if no_space or shutil.disk_usage(folder).free < 1 << 20:
            return DiskFull(f"The disk that holds '{folder}' is full, so the result could not be {verb}{reason}.")
        return OutputError(f"The result '{self.spec.path}' could not be {verb}{reason}.")

    def write(self, pixels: np.ndarray, window: Window, mask: Optional[np.ndarray] = None) -> None:
        """Write ``(bands, h, w)`` of the result's type at a window of its grid.

        Args:
            pixels: final pixels.
            window: where they go.
            mask: ``(h, w)`` uint8, 255 where valid and 0 elsewhere; for results with a mask band.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        if pixels.shape[1:] != (window.height, window.width):
            raise ValueError(f"pixels of shape {pixels.shape} do not fit a window of {window.width} x {window.height}")
        code = _GDAL_TYPES[self.spec.pixel_type]
        with gdal_messages() as messages:
            try:
                status = self._dataset.WriteRaster(
                    window.col,
                    window.row,
                    window.width,
                    window.height,
                    memoryview(np.ascontiguousarray(pixels)).cast("B"),
                    window.width,
                    window.height,
                    code,
                )
                if mask is not None and status == gdal.CE_None:
                    status = self._mask().WriteArray(mask, window.col, window.row)
            except RuntimeError as error:
                messages.note(error)
                status = gdal.CE_Failure
            if status != gdal.CE_None or messages.failures:
                raise self._failure("written", messages)

    def read(self, window: Window) -> Optional[np.ndarray]:
        """Pixels written earlier, ``(bands, h, w)``; None where they cannot be read back."""
        with gdal_messages() as messages:
            try:
                pixels = self._dataset.ReadAsArray(window.col, window.row, window.width, window.height)
            except RuntimeError:
                return None
        if pixels is None or messages.failures:
            return None
        pixels = pixels if pixels.ndim == 3 else pixels[None]
        return pixels.view(np.int8) if self.spec.pixel_type == "int8" else pixels

    def read_mask(self, window: Window) -> Optional[np.ndarray]:
        """The mask written earlier, ``(h, w)`` uint8; None where it cannot be read back."""
        with gdal_messages() as messages:
            try:
                mask = self._mask().ReadAsArray(window.col, window.row, window.width, window.height)
            except RuntimeError:
                return None
        return None if messages.failures else mask

    def _mask(self) -> gdal.Band:
        return self._dataset.GetRasterBand(1).GetMaskBand()

    def flush(self) -> None:
        """Hand cached blocks to the file system.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        with gdal_messages() as messages:
            try:
                self._dataset.FlushCache()
                if self.spec.mask_band:
                    self._mask().FlushCache()
            except RuntimeError as error:
                messages.note(error)
            if messages.failures:
                raise self._failure("written", messages)

    def finish(self, statistics: Sequence[Mapping[str, str]], cancelled: Callable[[], bool]) -> None:
        """Add statistics and overviews, make sure that everything is on the disk, and give the file its final name.

        Args:
            statistics: metadata items per band.
            cancelled: asked from time to time.

        Raises:
            DiskFull, OutputError: when that fails; nothing then stands under the final name.
            Cancelled: when the user wants it to end.
        """
        try:
            self.complete(statistics, cancelled)
            give_name(self.whole, self.spec.path)
            self.drop_partial()
        finally:
            self.drop_copy()

    def complete(self, statistics: Sequence[Mapping[str, str]], cancelled: Callable[[], bool]) -> None:
        """As :meth:`finish`, but :attr:`whole` does not get its name yet; the caller drops what is left over then."""
        for number, items in enumerate(statistics, start=1):
            band = self._dataset.GetRasterBand(number)
            for key, value in items.items():
                band.SetMetadataItem(key, value)
        try:
            with gdal_messages() as messages:
                try:
                    self._dataset.FlushCache()
                    if self.spec.cog:
                        self._cloud_optimised(self.whole, cancelled)
                    else:
                        self._overviews(cancelled)
                    self._dataset = None
                except RuntimeError as error:
                    messages.note(error)
                if cancelled():
                    raise Cancelled("The run was cancelled.")
                if messages.failures or not is_whole(self.whole, self.spec.size):
                    raise self._failure("finished", messages)
        finally:
            self._dataset = None

    @property
    def whole(self) -> str:
        """What gets the final name: the partial file, or its cloud-optimised copy."""
        return self.partial[: -len(".tif")] + ".cog.tif" if self.spec.cog else self.partial

    def drop_partial(self) -> None:
        """Delete what a cloud-optimised copy was made of, once this has its name."""
        if self.spec.cog:
            _remove(self.partial)

    def drop_copy(self) -> None:
        """Delete a cloud-optimised copy that did not get its name."""
        if self.spec.cog:
            _remove(self.whole)

    def _overviews(self, cancelled: Callable[[], bool]) -> None:
        largest = max(self.spec.grid.width, self.spec.grid.height)
        factors = []
        while largest / 2 ** len(factors) > _SMALL_SIDE:
            factors.append(2 ** (len(factors) + 1))
        if factors:
            method = "AVERAGE" if self.spec.smooth else "NEAREST"
            self._dataset.BuildOverviews(method, factors, callback=_until(cancelled))

    def _cloud_optimised(self, path: str, cancelled: Callable[[], bool]) -> None:
        """Copy into a cloud-optimised GeoTIFF beside the partial file."""
        pairs = cloud_options(self.spec.pixel_type, self.spec.create_options, self.spec.smooth)
        driver = gdal.GetDriverByName("COG")
        if driver is None:
            raise OutputError("This GDAL cannot write cloud-optimised GeoTIFFs.", "Leave that option off.")
        copy = driver.CreateCopy(path, self._dataset, 0, pairs, callback=_until(cancelled))
        del copy

    def close(self) -> None:
        """Close the partial file and leave it where it is."""
        with gdal_messages():
            self._dataset = None

    def remove(self) -> None:
        """Close the partial file and delete it."""
        self.close()
        _remove(self.partial)


def _add_mask_band(dataset: gdal.Dataset) -> None:
    """A mask inside the file, not beside it."""
    gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    try:
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    finally:
        gdal.SetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", None)


def _remove(path: str) -> None:
    """Delete a file and what GDAL keeps beside it."""
    for name in (path, path + SIDE_FILE):
        if os.path.exists(name):
            os.remove(name)


def _until(cancelled: Callable[[], bool]) -> Callable[..., int]:
    """GDAL's progress callback that ends the work when the user cancels."""
    return lambda *_: 0 if cancelled() else 1
