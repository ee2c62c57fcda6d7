"""A result as one file a band: the bands are copied out of the stack, which then makes room for a virtual raster."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Sequence, Tuple
from xml.sax.saxutils import escape  # nosec B406: writes XML, reads none

from osgeo import gdal

from sr_plugin.core.errors import Cancelled, OutputError
from sr_plugin.core.grid import Window
from sr_plugin.pipeline.partial_files import staging_stem
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.output_path import check_not_among, check_output_path
from sr_plugin.raster.source import RasterSource
from sr_plugin.raster.writer import OutputBand, OutputSpec, RasterWriter

#: Rows that are copied at a time.
_ROWS = 256


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in text)


def band_file_names(result: str, descriptions: Sequence[str]) -> Tuple[str, ...]:
    """Path of each band's file: the result's name with the band's behind it.

    Args:
        result: path of the stack.
        descriptions: texts of its bands; a band without one goes by its number.
    """
    stem = os.path.splitext(result)[0]
    names: List[str] = []
    for number, text in enumerate(descriptions, start=1):
        name = _plain(text) or f"band{number}"
        if f"{stem}_{name}.tif" in names:
            name += f"_{number}"
        names.append(f"{stem}_{name}.tif")
    return tuple(names)


def _virtual_name(result: str) -> str:
    return os.path.splitext(result)[0] + ".vrt"


def check_band_files(result: str, bands: Sequence[str], source_files: Sequence[str]) -> None:
    """Make sure before a run that the files of :func:`split_into_files` can be written and are none of those read.

    Raises:
        OutputError: naming the cause.
    """
    for name in band_file_names(result, bands):
        check_output_path(name, source_files)
    check_not_among(_virtual_name(result), source_files)


def split_into_files(
    result: str, create_options: Sequence[str], cancelled: Callable[[], bool], cog: bool = False
) -> Tuple[str, Tuple[str, ...]]:
    """Replace a stack by one GeoTIFF a band and a virtual raster (``.vrt``) of them.

    Args:
        result: path of the stack; it is deleted once all bands are whole.
        create_options: the user's creation options.
        cancelled: asked from time to time.
        cog: store every file as a cloud-optimised GeoTIFF.

    Returns:
        Path of the virtual raster, and those of the files.

    Raises:
        OutputError, DiskFull: when a file cannot be written; the stack is then left as it was.
        Cancelled: when the user wants it to end; likewise.
    """
    source = RasterSource(result)
    numbers = range(1, source.band_count + 1)
    names = band_file_names(result, [info.description for info in source.bands(numbers)])
    done: List[str] = []
    try:
        for number, path in zip(numbers, names):
            partial = f"{staging_stem(result)}.{number}.tif"
            _copy_band(source, number, path, partial, create_options, cancelled, cog)
            done.append(path)
        virtual = _virtual_name(result)
        _write_virtual(virtual, names, source)
    except BaseException:
        for path in done:
            os.remove(path)
        raise
    del source
    os.remove(result)
    return virtual, names


def _copy_band(
    source: RasterSource,
    number: int,
    path: str,
    partial: str,
    create_options: Sequence[str],
    cancelled: Callable[[], bool],
    cog: bool,
) -> None:
    (info,) = source.bands([number])
    dataset = source.dataset
    masked = _has_mask_band(dataset)
    metadata = {k: v for k, v in (dataset.GetMetadata() or {}).items() if k != "AREA_OR_POINT"}
    options = tuple(create_options)
    spec = OutputSpec(
        path,
        source.grid,
        [OutputBand.like(info)],
        info.pixel_type,
        info.nodata,
        masked,
        metadata,
        options,
        georeferenced=source.georeferenced,
        cog=cog,
    )
    writer = RasterWriter(spec, partial)
    try:
        for row in range(0, source.grid.height, _ROWS):
            if cancelled():
                raise Cancelled("The run was cancelled.")
            window = Window(0, row, source.grid.width, min(_ROWS, source.grid.height - row))
            tile = source.read([number], window)
            place = (window.col, window.row, window.width, window.height)
            mask = dataset.GetRasterBand(number).GetMaskBand().ReadAsArray(*place) if masked else None
            writer.write(tile.data, window, mask)
        writer.finish([_statistics(dataset.GetRasterBand(number))], cancelled)
    except BaseException:
        writer.remove()
        raise


def _has_mask_band(dataset: gdal.Dataset) -> bool:
    """True where all bands share a mask that is no alpha band."""
    flags = dataset.GetRasterBand(1).GetMaskFlags()
    return bool(flags & gdal.GMF_PER_DATASET) and not flags & gdal.GMF_ALPHA


def _statistics(band: gdal.Band) -> Dict[str, str]:
    return {key: value for key, value in (band.GetMetadata() or {}).items() if key.startswith("STATISTICS_")}


def _write_virtual(path: str, names: Sequence[str], stack: RasterSource) -> None:
    """A virtual raster of single-band files, with the facts of the stack's bands."""
    with gdal_messages() as messages:
        try:
            virtual = gdal.BuildVRT(path, list(names), separate=True)
        except RuntimeError as error:
            messages.note(error)
            virtual = None
        if virtual is None:
            raise OutputError(f"The file '{path}' could not be written ({messages.reason}).")
        virtual.SetMetadata(dict(stack.dataset.GetMetadata() or {}))
        for info in stack.bands(range(1, len(names) + 1)):
            band = virtual.GetRasterBand(info.number)
            band.SetDescription(info.description)
            band.SetColorInterpretation(info.colour)
            band.SetMetadata(dict(info.metadata))
            if info.scale is not None:
                band.SetScale(info.scale)
            if info.offset is not None:
                band.SetOffset(info.offset)
            band.SetUnitType(info.unit)
        if _has_mask_band(stack.dataset):
            _share_mask(virtual, names[0])
        virtual.FlushCache()
        del band, virtual
        if messages.failures:
            raise OutputError(f"The file '{path}' could not be written ({messages.reason}).")


def _share_mask(virtual: gdal.Dataset, name: str) -> None:
    """Give a virtual raster the mask of one of its files: GDAL leaves masks out where files become bands."""
    virtual.CreateMaskBand(gdal.GMF_PER_DATASET)
    source = (
        f'<SimpleSource><SourceFilename relativeToVRT="1">{escape(os.path.basename(name))}</SourceFilename>'
        "<SourceBand>mask,1</SourceBand></SimpleSource>"
    )
    virtual.GetRasterBand(1).GetMaskBand().SetMetadataItem("source_0", source, "new_vrt_sources")
