"""Writes what a clone of a data provider gives into a temporary GeoTIFF, block by block."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import Iterator, List, Optional, Tuple

import numpy as np
from osgeo import gdal
from qgis.core import QgsProcessingFeedback, QgsRasterBlock, QgsRasterBlockFeedback, QgsRectangle
from qgis.PyQt.QtCore import Qt

from sr_plugin.core.errors import Cancelled, DiskFull, OutputError, SourceUnreadable
from sr_plugin.core.grid import Extent
from sr_plugin.core.pixel_type import avoid_value, common_type, fits_type
from sr_plugin.processing.layer_source import file_name
from sr_plugin.processing.provider_clone import CloneGrid, ProviderClone
from sr_plugin.processing.translation import tr
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.whole_file import is_whole

#: Side of a block in pixels: four tiles of the usual map service, so that hardly any tile is asked for twice.
BLOCK = 1024
_CODES = {
    "uint8": gdal.GDT_Byte,
    "uint16": gdal.GDT_UInt16,
    "int16": gdal.GDT_Int16,
    "uint32": gdal.GDT_UInt32,
    "int32": gdal.GDT_Int32,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}
_OPTIONS = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "BIGTIFF=IF_SAFER"]


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """A folder that is gone afterwards, whatever happens."""
    folder = tempfile.mkdtemp(prefix="superres-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_of_clone(
    clone: ProviderClone,
    folder: str,
    extent: Optional[Extent],
    resolution: Optional[float],
    feedback: QgsProcessingFeedback,
) -> str:
    """Copy the pixels of an extent, with names of bands, nodata and CRS.

    Args:
        clone: what to read.
        folder: where the file goes.
        extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the layer; None for all.
        resolution: size of a pixel in map units; None for the native one.
        feedback: progress and cancel; asked between blocks, and by providers that wait for a network.

    Returns:
        Path of the GeoTIFF.

    Raises:
        SuperResolutionError: naming what is wrong with extent, resolution, size, disk or the layer's data.
        Cancelled: when the user cancelled.
    """
    grid = clone.grid(extent, resolution)
    needed = grid.columns * grid.rows * clone.pixel_bytes
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFull(
            tr("A temporary copy of the layer needs {:.0f} MB, but only {:.0f} MB are free in '{}'.").format(
                needed / 1e6, free / 1e6, folder
            )
        )
    feedback.pushInfo(
        tr("Reading the layer '{}': {} x {} pixels of {:.6g} map units").format(
            clone.name, grid.columns, grid.rows, grid.pixel[0]
        )
    )
    path = os.path.join(folder, file_name(clone.name))
    dataset = _create(clone, grid, path)
    if _fill(clone, grid, dataset, path, feedback) == 0 and clone.rendered:
        raise SourceUnreadable(
            tr("The layer '{}' draws nothing in this extent.").format(clone.name),
            tr("Check in the map canvas that it is drawn there, and that the service can be reached."),
        )
    with _writing(path):
        dataset.FlushCache()
        # Closing writes, too, and is heard only here.
        del dataset
    if not is_whole(path, (grid.columns, grid.rows, len(clone.bands))):
        raise _unwritten(path)
    return path


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    """Raise what GDAL tells of a failed write, which it may do without an exception."""
    with gdal_messages() as messages:
        try:
            yield
        except RuntimeError as error:
            messages.note(error)
    if messages.failures:
        raise _unwritten(path, messages.reason)


def _unwritten(path: str, reason: str = "") -> OutputError:
    folder = os.path.dirname(path)
    if "no space" in reason.lower() or shutil.disk_usage(folder).free < 1 << 20:
        return DiskFull(tr("The disk that holds '{}' is full, so the layer could not be copied.").format(folder))
    reason = f" ({reason})" if reason else ""
    return OutputError(tr("The temporary copy '{}' of the layer could not be written{}.").format(path, reason))


def _copy_type(clone: ProviderClone) -> np.dtype:
    return common_type([band.pixel_type for band in clone.bands])


def _create(clone: ProviderClone, grid: CloneGrid, path: str) -> gdal.Dataset:
    # GDAL of older versions stores no bytes with a sign.
    code = _CODES.get(_copy_type(clone).name, gdal.GDT_Int16)
    options = [*_OPTIONS, "ALPHA=YES", "PHOTOMETRIC=RGB"] if clone.rendered else _OPTIONS
    with _writing(path):
        dataset = gdal.GetDriverByName("GTiff").Create(path, grid.columns, grid.rows, len(clone.bands), code, options)
    dataset.SetGeoTransform((grid.left, grid.pixel[0], 0.0, grid.top, 0.0, -grid.pixel[1]))
    if clone.wkt:
        dataset.SetProjection(clone.wkt)
    for number, facts in enumerate(clone.bands, start=1):
        band = dataset.GetRasterBand(number)
        band.SetDescription(facts.name)
        band.SetColorInterpretation(facts.colour)
        # A GeoTIFF has one nodata value for all bands; pixels of bands with another one are set to it below.
        if _shared_nodata(clone) is not None:
            band.SetNoDataValue(_shared_nodata(clone))
    return dataset


def _shared_nodata(clone: ProviderClone) -> Optional[float]:
    """The first nodata value that pixels of its band can have."""
    return next((band.nodata for band in clone.bands if _can_be(band.nodata, band.pixel_type)), None)


def _can_be(nodata: Optional[float], pixel_type: str) -> bool:
    return nodata is not None and fits_type(nodata, pixel_type)


def _blocks(grid: CloneGrid) -> List[Tuple[int, int, int, int]]:
    """Column, row, width and height of every block."""
    return [
        (column, row, min(BLOCK, grid.columns - column), min(BLOCK, grid.rows - row))
        for row in range(0, grid.rows, BLOCK)
        for column in range(0, grid.columns, BLOCK)
    ]


def _fill(
    clone: ProviderClone, grid: CloneGrid, dataset: gdal.Dataset, path: str, feedback: QgsProcessingFeedback
) -> int:
    """Copy all blocks; the number of pixels of pictures that show something."""
    shown = 0
    waiting = QgsRasterBlockFeedback()
    # Directly: this thread does not handle events while it waits for a block.
    feedback.canceled.connect(waiting.cancel, Qt.ConnectionType.DirectConnection)
    places = _blocks(grid)
    try:
        for index, place in enumerate(places):
            for number, pixels in enumerate(_read(clone, grid, place, waiting, feedback), start=1):
                with _writing(path):
                    dataset.GetRasterBand(number).WriteArray(pixels, place[0], place[1])
                if clone.rendered and number == len(clone.bands):
                    shown += int(np.count_nonzero(pixels))
            feedback.setProgress(100.0 * (index + 1) / len(places))
    finally:
        feedback.canceled.disconnect(waiting.cancel)
    return shown


def _read(
    clone: ProviderClone,
    grid: CloneGrid,
    place: Tuple[int, int, int, int],
    waiting: QgsRasterBlockFeedback,
    feedback: QgsProcessingFeedback,
) -> Iterator[np.ndarray]:
    """The bands of one block, ``(h, w)`` each."""
    column, row, width, height = place
    left, top = grid.left + column * grid.pixel[0], grid.top - row * grid.pixel[1]
    area = QgsRectangle(left, top - height * grid.pixel[1], left + width * grid.pixel[0], top)
    for number in range(1, 2 if clone.rendered else len(clone.bands) + 1):
        if feedback.isCanceled():
            raise Cancelled(tr("The run was cancelled."))
        block = clone.provider.block(number, area, width, height, waiting)
        if feedback.isCanceled():
            raise Cancelled(tr("The run was cancelled."))
        if not block.isValid() or block.isEmpty():
            raise SourceUnreadable(
                tr("The layer '{}' cannot be read: {}").format(clone.name, _reason(clone, block)),
                tr("Check in the map canvas that it is drawn without errors."),
            )
        if clone.rendered:
            yield from _colours(block)
        else:
            yield _values(clone, number, block)


def _reason(clone: ProviderClone, block: QgsRasterBlock) -> str:
    # The summary of an error without a message ends QGIS.
    errors = [error for error in (block.error(), clone.provider.error()) if not error.isEmpty()]
    return errors[0].summary() if errors else tr("its provider gave no pixels.")


def _colours(block: QgsRasterBlock) -> List[np.ndarray]:
    """Red, green, blue and alpha of a picture."""
    from qgis.PyQt.QtGui import QImage

    # Undoes a multiplication with alpha, too.
    image = block.image().convertToFormat(QImage.Format.Format_RGBA8888)
    data = image.constBits()
    data.setsize(image.bytesPerLine() * image.height())
    rows = np.frombuffer(bytes(data), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4)
    return [np.ascontiguousarray(pixels[:, :, index]) for index in range(4)]


def _values(clone: ProviderClone, number: int, block: QgsRasterBlock) -> np.ndarray:
    """Values of one band, with the nodata value of the copy where there are none, and only there."""
    facts = clone.bands[number - 1]
    shape = (block.height(), block.width())
    values = np.frombuffer(bytes(block.data()), facts.pixel_type).reshape(shape)
    nodata = _shared_nodata(clone)
    if nodata is None:
        return values
    gaps = np.zeros(shape, bool)
    for value in {facts.nodata, block.noDataValue() if block.hasNoDataValue() else None}:
        if _can_be(value, facts.pixel_type):
            gaps |= np.isnan(values) if np.isnan(value) else values == np.asarray(value).astype(values.dtype)
    marked = values.astype(_copy_type(clone))
    avoid_value(marked, nodata, ~gaps)
    marked[gaps] = nodata
    return marked
