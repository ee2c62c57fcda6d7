"""Bands in files of their own as one dataset: a virtual raster that names the files and holds no pixels.

It lies in GDAL's memory file system under a name that depends on its contents and on size and time of the files, so
that an interrupted run finds its source again under the same name.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple
from xml.sax.saxutils import escape, quoteattr  # nosec B406: writes XML, reads none

import numpy as np
from osgeo import gdal, osr

from sr_plugin.core.digest import sha256_of_json
from sr_plugin.core.errors import SourceUnreadable, SuperResolutionError, UnsupportedRaster
from sr_plugin.core.grid import Grid
from sr_plugin.raster.cloud_polygons import cloud_raster
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.jpeg2000_check import check_whole as check_jpeg2000
from sr_plugin.raster.product import MaskLayer, ProductBand
from sr_plugin.raster.source import open_dataset
from sr_plugin.raster.source_files import files_digest, source_files
from sr_plugin.raster.tiff_check import check_whole as check_tiff

_FOLDER = "/vsimem/superres"
_COLOURS = {"red": "Red", "green": "Green", "blue": "Blue"}
_DRIVERS = ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "JP2Lura", "JPEG2000", "GTiff", "COG")
#: Corners of two grids that differ by less than this share of a pixel are the same.
_SAME = 1e-3

_lock = threading.Lock()
_mounted: Dict[str, int] = {}


@dataclass(frozen=True)
class BandFile:
    """A file as it was found.

    Attributes:
        path: name under which GDAL opens it.
        grid: where it lies.
        type_name: GDAL's name of its pixel type.
        block: width and height of its blocks.
        bands: number of its bands.
        files: local files behind it.
    """

    path: str
    grid: Grid
    type_name: str
    block: Tuple[int, int]
    bands: int
    files: Tuple[str, ...]


def inspect_file(path: str) -> BandFile:
    """Open a band's file and look at its place and type.

    Raises:
        SourceUnreadable: when it is missing, damaged or cut short; the sentence names it.
        UnsupportedRaster: when it is rotated, has no place, or is neither JPEG 2000 nor GeoTIFF.
    """
    name = os.path.basename(path)
    check_jpeg2000(path)
    try:
        dataset = open_dataset(path)
    except SuperResolutionError as error:
        raise SourceUnreadable(
            f"The band file '{name}' cannot be opened ({error.message.rstrip('.')}).", "Download the product again."
        ) from error
    if dataset.GetDriver().ShortName not in _DRIVERS:
        # Other formats may name further files, and products come from anywhere.
        raise UnsupportedRaster(f"The band file '{name}' is neither JPEG 2000 nor GeoTIFF.")
    check_tiff(dataset, path)
    transform = dataset.GetGeoTransform(can_return_null=True)
    if dataset.RasterCount == 0 or transform is None or transform[2] or transform[4] or not transform[1]:
        raise UnsupportedRaster(f"The band file '{name}' is not georeferenced with north up.")
    band = dataset.GetRasterBand(1)
    grid = Grid(dataset.RasterXSize, dataset.RasterYSize, tuple(transform), dataset.GetProjection() or "")
    kind = gdal.GetDataTypeName(band.DataType)
    return BandFile(path, grid, kind, tuple(band.GetBlockSize()), dataset.RasterCount, source_files(dataset, path))


def _same_crs(first: str, second: str) -> bool:
    if first == second:
        return True
    if not first or not second:
        return False
    return bool(osr.SpatialReference(first).IsSame(osr.SpatialReference(second)))


def _place(file: BandFile, grid: Grid) -> Tuple[float, float, float, float]:
    """Column, row, width and height of a file in pixels of another grid."""
    left, top = grid.to_pixel(*file.grid.to_map(0, 0))
    right, bottom = grid.to_pixel(*file.grid.to_map(file.grid.width, file.grid.height))
    return left, top, right - left, bottom - top


def _nests(file: BandFile, grid: Grid) -> bool:
    """True where the file's pixels are pixels of the grid."""
    left, top, width, height = _place(file, grid)
    whole = all(abs(v - round(v)) < _SAME for v in (left, top))
    return whole and abs(width - file.grid.width) < _SAME and abs(height - file.grid.height) < _SAME


def _check_overlap(file: BandFile, grid: Grid) -> None:
    left, top, width, height = _place(file, grid)
    name = os.path.basename(file.path)
    if not _same_crs(file.grid.wkt, grid.wkt):
        raise UnsupportedRaster(f"The band file '{name}' is in another CRS than the other bands.")
    if left >= grid.width or top >= grid.height or left + width <= 0 or top + height <= 0:
        raise UnsupportedRaster(f"The band file '{name}' lies in another place than the other bands.")


@dataclass(frozen=True)
class BandStack:
    """A stack that is ready to be mounted.

    Attributes:
        title: what it is called.
        grid: of all bands.
        bands: in the order of the stack.
        files: local files behind it.
        documents: file name -> contents; the one called like the title is the stack.
    """

    title: str
    grid: Grid
    bands: Tuple[ProductBand, ...]
    files: Tuple[str, ...]
    documents: Dict[str, bytes]

    @property
    def name(self) -> str:
        """Name under which GDAL opens it while it is mounted."""
        contents = {name: hashlib.sha256(data).hexdigest() for name, data in self.documents.items()}
        digest = sha256_of_json([contents, files_digest(self.files)])
        return f"{_FOLDER}/{digest[:16]}/{self.title}"

    @contextmanager
    def mounted(self) -> Iterator[str]:
        """While it lasts, GDAL can open the stack under the name that is given."""
        name = self.name
        folder = name[: -len(self.title) - 1]
        with _lock:
            _mounted[folder] = _mounted.get(folder, 0) + 1
            if _mounted[folder] == 1:
                for file, data in self.documents.items():
                    gdal.FileFromMemBuffer(f"{folder}/{file}", data.replace(_OWN_FOLDER.encode(), folder.encode()))
        try:
            yield name
        finally:
            with _lock:
                _mounted[folder] -= 1
                if not _mounted[folder]:
                    del _mounted[folder]
                    _remove(folder, self.documents)


def _remove(folder: str, names: Iterable[str]) -> None:
    with gdal_messages():
        for name in names:
            with suppress(RuntimeError):
                gdal.Unlink(f"{folder}/{name}")
        # Folders in memory go with their last file in some versions of GDAL, and removing them once more is an error.
        with suppress(RuntimeError):
            gdal.RmdirRecursive(folder)


#: Stands in documents for the folder, whose name depends on them.
_OWN_FOLDER = "{stack}"


def make_stack(
    title: str,
    platform: str,
    bands: Sequence[ProductBand],
    masks: Sequence[MaskLayer] = (),
    masked_classes: Sequence[str] = (),
) -> BandStack:
    """Stack bands on the grid of the first one.

    Pixels of other grids are interpolated by cubic convolution at their place; whole shifts of the same grid are not.

    Args:
        title: what to call the stack; becomes part of a file name.
        platform: goes into the metadata.
        bands: at least one.
        masks: classifications.
        masked_classes: classes whose pixels are marked as gaps, enlarged by nearest neighbour.

    Raises:
        SourceUnreadable, UnsupportedRaster: naming the file.
    """
    found = [inspect_file(band.path) for band in bands]
    grid = found[0].grid
    documents: Dict[str, bytes] = {}
    parts: List[str] = []
    files: List[str] = []
    for number, (band, file) in enumerate(zip(bands, found), start=1):
        _check_overlap(file, grid)
        files += file.files
        if not _nests(file, grid):
            documents[f"{band.name}.vrt"] = _interpolated(file, grid, band.nodata).encode()
            file = BandFile(f"{_OWN_FOLDER}/{band.name}.vrt", grid, file.type_name, (512, 128), 1, ())
        parts.append(_band_xml(number, band, file, grid))
    mask_xml, mask_files = _mask_xml(masks, masked_classes, grid, documents)
    files += mask_files
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in title)[:100] or "product"
    documents[name] = _dataset_xml(grid, platform, parts, mask_xml).encode()
    return BandStack(name, grid, tuple(bands), tuple(dict.fromkeys(files)), documents)


def _interpolated(file: BandFile, grid: Grid, nodata: Optional[float]) -> str:
    """A virtual raster of the file's pixels on another grid."""
    xmin, ymin, xmax, ymax = grid.extent()
    options = {"format": "VRT", "resampleAlg": "cubic", "width": grid.width, "height": grid.height}
    with gdal_messages() as messages:
        try:
            warped = gdal.Warp(
                "", file.path, outputBounds=(xmin, ymin, xmax, ymax), srcNodata=nodata, dstNodata=nodata, **options
            )
        except RuntimeError as error:
            messages.note(error)
            warped = None
    if warped is None:
        name = os.path.basename(file.path)
        raise SourceUnreadable(f"The band file '{name}' cannot be brought onto the finer grid ({messages.reason}).")
    return str(warped.GetMetadata("xml:VRT")[0])


def _source_xml(file: BandFile, band: int, grid: Grid, kind: str = "SimpleSource", extra: str = "") -> str:
    left, top, width, height = _place(file, grid)
    if _nests(file, grid):
        left, top, width, height = (float(round(v)) for v in (left, top, width, height))
    relative = ' relativeToVRT="0"'
    return (
        f"<{kind}><SourceFilename{relative}>{escape(file.path)}</SourceFilename><SourceBand>{band}</SourceBand>"
        f'<SourceProperties RasterXSize="{file.grid.width}" RasterYSize="{file.grid.height}" '
        f'DataType="{file.type_name}" BlockXSize="{file.block[0]}" BlockYSize="{file.block[1]}"/>'
        f'<SrcRect xOff="0" yOff="0" xSize="{file.grid.width}" ySize="{file.grid.height}"/>'
        f'<DstRect xOff="{left!r}" yOff="{top!r}" xSize="{width!r}" ySize="{height!r}"/>{extra}</{kind}>'
    )


def _items(items: Dict[str, str]) -> str:
    found = "".join(f"<MDI key={quoteattr(key)}>{escape(value)}</MDI>" for key, value in items.items())
    return f"<Metadata>{found}</Metadata>"


def _band_xml(number: int, band: ProductBand, file: BandFile, grid: Grid) -> str:
    items = {"BANDNAME": band.name}
    if band.wavelength_um is not None:
        items.update(wavelength=f"{band.wavelength_um:g}", wavelength_units="Micrometers")
    if band.common_name:
        items["common_name"] = band.common_name
    parts = [_items(items), f"<Description>{escape(band.name)}</Description>"]
    stored = band.stored
    scale, offset, nodata = (stored or band).scale, (stored or band).offset, (stored or band).nodata
    if nodata is not None:
        parts.append(f"<NoDataValue>{nodata:g}</NoDataValue>")
    colour = _COLOURS.get(band.common_name)
    parts.append(f"<ColorInterp>{colour or 'Undefined'}</ColorInterp>")
    if band.unit:
        parts.append(f"<UnitType>{escape(band.unit)}</UnitType>")
    if offset is not None:
        parts.append(f"<Offset>{offset!r}</Offset>")
    if scale is not None:
        parts.append(f"<Scale>{scale!r}</Scale>")
    head = f'<VRTRasterBand dataType="{"Float32" if stored else file.type_name}" band="{number}"'
    if file.block[0] > 1 and file.block[1] >= 1:
        head += f' blockXSize="{file.block[0]}" blockYSize="{file.block[1]}"'
    source = _source_xml(file, 1, grid, "ComplexSource", _conversion(band)) if stored else _source_xml(file, 1, grid)
    return f"{head}>{''.join(parts)}{source}</VRTRasterBand>"


def _conversion(band: ProductBand) -> str:
    """From the numbers of a band's file to those that it is to be read as; pixels without data are left out."""
    stored = band.stored
    ratio = (band.scale or 1.0) / stored.scale
    addend = ((band.offset or 0.0) - stored.offset) / stored.scale
    gaps = f"<NODATA>{band.nodata:g}</NODATA>" if band.nodata is not None else ""
    return f"{gaps}<ScaleOffset>{addend!r}</ScaleOffset><ScaleRatio>{ratio!r}</ScaleRatio>"


def _mask_file(mask: MaskLayer, grid: Grid, documents: Dict[str, bytes]) -> BandFile:
    """The classification as a raster; polygons are drawn into one."""
    if not mask.path.lower().endswith(".gml"):
        return inspect_file(mask.path)
    documents["clouds.tif"], own = cloud_raster(mask.path, grid)
    real = (os.path.realpath(mask.path),) if os.path.isfile(mask.path) else ()
    return BandFile(f"{_OWN_FOLDER}/clouds.tif", own, "Byte", (own.width, 1), 1, real)


def _table(numbers: Sequence[int], flags: bool) -> str:
    """A table of values for GDAL: 0 for the numbers, or for values in which all bits of one of them are set, else 255.

    GDAL interpolates between entries, so both ends of every run of equal values are listed.
    """
    values = np.arange(65536 if flags else 256)
    hit = np.zeros(values.shape, bool)
    for number in numbers:
        hit |= (values & number) == number if flags else values == number
    ends = np.flatnonzero(np.diff(hit))
    listed = sorted({0, len(values) - 1, *ends.tolist(), *(ends + 1).tolist()})
    return ",".join(f"{value}:{0 if hit[value] else 255}" for value in listed)


def _mask_xml(
    masks: Sequence[MaskLayer], classes: Sequence[str], grid: Grid, documents: Dict[str, bytes]
) -> Tuple[str, List[str]]:
    """The mask band: 0 where a masked class lies, 255 elsewhere; and the files behind it."""
    sources: List[str] = []
    files: List[str] = []
    for mask in masks:
        numbers = sorted({mask.classes[name] for name in classes if name in mask.classes})
        if not numbers:
            continue
        file = _mask_file(mask, grid, documents)
        _check_overlap(file, grid)
        if mask.band > file.bands:
            raise SourceUnreadable(
                f"The classification '{os.path.basename(mask.path)}' has no band {mask.band}.",
                "Download the product again.",
            )
        files += file.files
        table = _table(numbers, mask.flags)
        # Later sources only write where their class lies.
        extra = f"<NODATA>0</NODATA><LUT>{table}</LUT>" if sources else f"<LUT>{table}</LUT>"
        sources.append(_source_xml(file, mask.band, grid, "ComplexSource", extra))
    if not sources:
        return "", []
    return f'<MaskBand><VRTRasterBand dataType="Byte">{"".join(sources)}</VRTRasterBand></MaskBand>', files


def _dataset_xml(grid: Grid, platform: str, bands: Sequence[str], mask: str) -> str:
    transform = ", ".join(repr(float(v)) for v in grid.geotransform)
    facts = _items({"SPACECRAFT_NAME": platform}) if platform else ""
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}"><SRS>{escape(grid.wkt)}</SRS>'
        f"<GeoTransform>{transform}</GeoTransform>{facts}{''.join(bands)}{mask}</VRTDataset>"
    )
