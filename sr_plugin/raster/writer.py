"""Writing results: a tiled GeoTIFF under a temporary name that takes its own name only when it is whole."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import DiskFull, OutputError, SuperResolutionError
from sr_plugin.core.grid import Grid, Window
from sr_plugin.raster.gdal_errors import GdalMessages, gdal_messages
from sr_plugin.raster.source import BandInfo

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

#: Bands up to this number are interleaved by pixel, which viewers read fastest; more are stored band by band.
_PIXEL_INTERLEAVED_BANDS = 4
_BLOCKS = (512, 256, 128, 64)


@dataclass(frozen=True)
class OutputBand:
    """What a band of the result carries besides its pixels."""

    description: str = ""
    colour: int = gdal.GCI_Undefined
    scale: Optional[float] = None
    offset: Optional[float] = None
    unit: str = ""
    metadata: Tuple[Tuple[str, str], ...] = ()

    @classmethod
    def like(cls, info: BandInfo) -> "OutputBand":
        """The same facts as a source band."""
        statistics_free = tuple((k, v) for k, v in info.metadata if not k.startswith("STATISTICS_"))
        return cls(info.description, info.colour, info.scale, info.offset, info.unit, statistics_free)


@dataclass(frozen=True)
class OutputSpec:
    """The result to be written.

    Attributes:
        path: final path.
        grid: where it lies.
        bands: one entry per band.
        pixel_type: numpy name.
        nodata: nodata value or None.
        metadata: dataset metadata (who made it and how).
        create_options: GDAL creation options that replace the defaults of the same key.
        tile: side of the pieces that will be written, used to choose the block size.
    """

    path: str
    grid: Grid
    bands: Sequence[OutputBand]
    pixel_type: str
    nodata: Optional[float] = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    create_options: Sequence[str] = ()
    tile: int = 512

    @property
    def raw_bytes(self) -> int:
        """Size without compression."""
        size = np.dtype(self.pixel_type).itemsize
        return self.grid.width * self.grid.height * len(self.bands) * size


def check_output_path(path: str, source: str) -> None:
    """Refuse outputs that cannot be written, before anything is computed.

    Raises:
        OutputError: naming the cause.
    """
    if not path.strip():
        raise OutputError("No output file was given.", "Choose where the result is to be written.")
    if os.path.splitext(path)[1].lower() not in (".tif", ".tiff"):
        raise OutputError(f"The output '{path}' is no GeoTIFF.", "Give it a name that ends in .tif.")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise OutputError(f"The folder '{folder}' does not exist.", "Create it, or choose another folder.")
    if os.path.isdir(path):
        raise OutputError(f"'{path}' is a folder.", "Give the name of a file in it.")
    if os.path.exists(source) and os.path.exists(path) and os.path.samefile(source, path):
        raise OutputError("The output is the input itself, which is never modified.", "Choose another file name.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder '{folder}' may not be written to.")


def block_size(tile: int) -> int:
    """Side of the GeoTIFF blocks: the largest that divides the pieces written, so that no block is written twice."""
    for side in _BLOCKS:
        if tile % side == 0:
            return side
    return 256


def creation_options(spec: OutputSpec) -> List[str]:
    """GDAL creation options: fast lossless compression that keeps up with the model, BigTIFF where needed."""
    has_zstd = "ZSTD" in (gdal.GetDriverByName("GTiff").GetMetadataItem("DMD_CREATIONOPTIONLIST") or "")
    block = block_size(spec.tile)
    options = {
        "TILED": "YES",
        "BLOCKXSIZE": str(block),
        "BLOCKYSIZE": str(block),
        "COMPRESS": "ZSTD" if has_zstd else "DEFLATE",
        "PREDICTOR": "3" if spec.pixel_type.startswith("float") else "2",
        "BIGTIFF": "YES" if spec.raw_bytes > 3_900_000_000 else "IF_SAFER",
        "INTERLEAVE": "PIXEL" if len(spec.bands) <= _PIXEL_INTERLEAVED_BANDS else "BAND",
        "NUM_THREADS": "ALL_CPUS",
        "SPARSE_OK": "TRUE",
    }
    options["ZSTD_LEVEL" if has_zstd else "ZLEVEL"] = "1"
    if spec.pixel_type == "int8" and not hasattr(gdal, "GDT_Int8"):
        options["PIXELTYPE"] = "SIGNEDBYTE"
    for option in spec.create_options:
        key, separator, value = option.partition("=")
        if not separator or not key.strip():
            raise OutputError(f"'{option}' is no creation option.", "Write options as KEY=VALUE.")
        options[key.strip().upper()] = value.strip()
    if options["COMPRESS"].upper() not in ("ZSTD", "DEFLATE", "LZW"):
        options.pop("PREDICTOR")
    return [f"{key}={value}" for key, value in options.items()]


class RasterWriter:
    """Writes one result. One object serves one thread at a time.

    Args:
        spec: what is written.
        partial: temporary path, in the folder of the final one.

    Raises:
        OutputError, DiskFull: when the file cannot be created.
    """

    def __init__(self, spec: OutputSpec, partial: str) -> None:
        self.spec = spec
        self.partial = partial
        options = creation_options(spec)
        driver = gdal.GetDriverByName("GTiff")
        size = (spec.grid.width, spec.grid.height, len(spec.bands))
        with gdal_messages() as messages:
            try:
                self._dataset = driver.Create(partial, *size, _GDAL_TYPES[spec.pixel_type], options)
            except RuntimeError as error:
                messages.note(error)
                self._dataset = None
            if self._dataset is None:
                raise self._failure("created", messages)
            self._describe()
            if messages.failures:
                raise self._failure("created", messages)

    def _describe(self) -> None:
        spec, dataset = self.spec, self._dataset
        dataset.SetGeoTransform(spec.grid.geotransform)
        if spec.grid.wkt:
            dataset.SetProjection(spec.grid.wkt)
        dataset.SetMetadata(dict(spec.metadata))
        for number, described in enumerate(spec.bands, start=1):
            band = dataset.GetRasterBand(number)
            band.SetColorInterpretation(described.colour)
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

    def _failure(self, verb: str, messages: GdalMessages) -> SuperResolutionError:
        reason = f" ({messages.reason})" if messages.reason else ""
        folder = os.path.dirname(os.path.abspath(self.spec.path))
        no_space = any("space" in text.lower() or "enospc" in text.lower() for text in messages.failures)
        if no_space or shutil.disk_usage(folder).free < 1 << 20:
            return DiskFull(f"The disk that holds '{folder}' is full, so the result could not be {verb}{reason}.")
        return OutputError(f"The result '{self.spec.path}' could not be {verb}{reason}.")

    def write(self, pixels: np.ndarray, window: Window) -> None:
        """Write ``(bands, h, w)`` of the result's type at a window of its grid.

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
                    np.ascontiguousarray(pixels).tobytes(),
                    window.width,
                    window.height,
                    code,
                )
            except RuntimeError as error:
                messages.note(error)
                status = gdal.CE_Failure
            if status != gdal.CE_None or messages.failures:
                raise self._failure("written", messages)

    def flush(self) -> None:
        """Hand cached blocks to the file system.

        Raises:
            DiskFull, OutputError: when the file system refuses.
        """
        with gdal_messages() as messages:
            try:
                self._dataset.FlushCache()
            except RuntimeError as error:
                messages.note(error)
            if messages.failures:
                raise self._failure("written", messages)

    def finish(self) -> None:
        """Close the file, make sure that it is on the disk, and give it its final name.

        Raises:
            DiskFull, OutputError: when that fails; nothing then stands under the final name.
        """
        with gdal_messages() as messages:
            try:
                self._dataset.FlushCache()
                self._dataset = None
            except RuntimeError as error:
                messages.note(error)
            if messages.failures:
                raise self._failure("finished", messages)
        try:
            with open(self.partial, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.partial, self.spec.path)
        except OSError as error:
            raise OutputError(f"The result could not be given its name '{self.spec.path}' ({error}).") from error

    def abandon(self, keep: bool = False) -> None:
        """Close the file without giving it its name; it is deleted unless it is to be kept."""
        with gdal_messages():
            try:
                self._dataset = None
            finally:
                if not keep and os.path.exists(self.partial):
                    os.remove(self.partial)
