"""One plane of a raster -- a band, or a weighted sum of bands -- on the grid of another raster, in windows."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence, Tuple

import numpy as np
from osgeo import gdal

from sr_plugin.core.errors import ParameterError, SourceUnreadable
from sr_plugin.core.grid import Grid, Window
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import RasterSource

#: Weights of red, green and blue in luminance (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)
#: Pixels by which two grids may miss each other over their whole length and still count as nested.
_SLACK = 0.02
#: Source pixels around a window that cubic convolution needs, with one to spare.
_MARGIN = 3
_GAP = -3.0e38
#: Values of a source, all bands and the mask together, that are averaged at a time; what rounding may do to shares and
#: lengths.
_STRIP, _ROUNDING = 1 << 24, 1e-4
Box = Tuple[float, float, float, float]


def plane_weights(bands: int) -> Tuple[float, ...]:
    """Weights that make one plane of one band or of red, green and blue."""
    return LUMINANCE if bands == len(LUMINANCE) else (1.0 / bands,) * bands


class PlaneReader:
    """Reads a plane in windows of a target grid.

    Args:
        source: the raster; stays open as long as the reader.
        bands: band numbers.
        grid: the target grid, which may lie anywhere on the ground.
        placed: where the source lies, which may be other than it says itself.
        units: factor and addend to apply to the values of each band; the values as they are unless given.

    Attributes:
        ratio: above 1 where every source pixel covers exactly ``ratio`` x ``ratio`` target pixels: source pixels are
            then given as they are, for windows that begin and end at multiples of ``ratio``.
        reduction: source pixels read per target pixel along a side, at least 1.
        span: target pixels per source pixel along a side, the mean of both axes; whole or not.

    Raises:
        ParameterError: when the grids are turned or mirrored against each other.
    """

    def __init__(
        self,
        source: RasterSource,
        bands: Sequence[int],
        grid: Grid,
        placed: Grid,
        units: Optional[Sequence[Tuple[float, float]]] = None,
    ) -> None:
        self._source = source
        self._bands = tuple(bands)
        self._weights = np.asarray(plane_weights(len(bands)), np.float32)
        self._units = tuple(units or ((1.0, 0.0),) * len(bands))
        self._size = (placed.width, placed.height)
        self._origin, self._step = _relation(placed, grid, source.name)
        self.ratio = self._whole_ratio(grid)
        self.reduction = max(1.0, *self._step)
        self.span = 1 / math.sqrt(self._step[0] * self._step[1])

    def _whole_ratio(self, grid: Grid) -> int:
        """Target pixels per source pixel along both axes; 0 where the grids are not nested."""
        ratio = max(1, round(1 / self._step[0]))
        for origin, step, length in zip(self._origin, self._step, (grid.width, grid.height)):
            drift = abs(step - 1 / ratio) * length
            if drift > _SLACK or abs(origin - round(origin)) > _SLACK:
                return 0
        return ratio

    @property
    def covered(self) -> Window:
        """Whole target pixels that the source covers; multiples of the ratio where the grids are nested."""
        sides = []
        for origin, step, length in zip(self._origin, self._step, self._size):
            unit = self.ratio or 1
            first = math.ceil((-origin / step) / unit - _SLACK) * unit
            last = math.floor(((length - origin) / step) / unit + _SLACK) * unit
            sides.append((first, last))
        (left, right), (top, bottom) = sides
        return Window(left, top, right - left, bottom - top)

    def read(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """The plane over a window of the target grid.

        Returns:
            Pixels, float32, and validity, bool: ``(h, w)`` of the window, or that divided by :attr:`ratio`.

        Raises:
            SourceUnreadable: when the data cannot be read.
        """
        planes, valid = self.read_bands(window)
        return np.tensordot(self._weights, planes, axes=1), valid

    def read_bands(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """The bands themselves, ``(bands, h, w)`` float32, and where all of them are valid; see :meth:`read`."""
        unit = max(1, self.ratio)
        whole = Window(window.col // unit, window.row // unit, window.width // unit, window.height // unit)
        covered = self.covered
        inner = window.intersection(covered)
        pixels = np.zeros((len(self._bands), whole.height, whole.width), np.float32)
        valid = np.zeros((whole.height, whole.width), bool)
        if inner.empty:
            return pixels, valid
        place = (
            slice((inner.row - window.row) // unit, (inner.bottom - window.row) // unit),
            slice((inner.col - window.col) // unit, (inner.right - window.col) // unit),
        )
        with gdal_messages() as messages:
            try:
                data, real = self._read_covered(inner, (inner.width // unit, inner.height // unit))
            except (RuntimeError, TypeError) as error:
                messages.note(error)
            if messages.failures:
                raise SourceUnreadable(f"Pixels of '{self._source.name}' cannot be read ({messages.reason}).")
        real &= np.isfinite(data).all(axis=0)
        for band, (factor, addend) in enumerate(self._units):
            if (factor, addend) != (1.0, 0.0):
                data[band] = data[band] * np.float32(factor) + np.float32(addend)
        pixels[(slice(None), *place)] = np.where(real, data, 0)
        valid[place] = real
        return pixels, valid

    def _read_covered(self, window: Window, size: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
        box = _box(window, self._origin, self._step, self._size)
        numbers = [self._source.dataset.GetRasterBand(number) for number in self._bands]
        if self.ratio:
            box = tuple(round(value) for value in box)
            return self._planes(numbers, box, size, gdal.GRIORA_NearestNeighbour)
        if max(self._step) > 1 + _ROUNDING:
            return self._averaged(numbers, box, size)
        return self._interpolated(numbers, box, size)

    def _planes(
        self, bands: Sequence[gdal.Band], box: Box, size: Tuple[int, int], method: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Pixels and validity of a box of source pixels at another size."""
        buffer = {"buf_xsize": size[0], "buf_ysize": size[1]}
        data: List[np.ndarray] = []
        valid = np.ones((size[1], size[0]), bool)
        for band in bands:
            data.append(band.ReadAsArray(*box, buf_type=gdal.GDT_Float32, resample_alg=method, **buffer))
            if band.GetMaskFlags() != gdal.GMF_ALL_VALID:
                valid &= band.GetMaskBand().ReadAsArray(*box, **buffer) != 0
        return np.stack(data).astype(np.float32, copy=False), valid

    def _averaged(self, bands: Sequence[gdal.Band], box: Box, size: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
        """Means in floating point, valid where all that they are made of is; in strips, for memory."""
        data = np.empty((len(bands), size[1], size[0]), np.float32)
        valid = np.empty((size[1], size[0]), bool)
        height = box[3] / size[1]
        rows = max(1, int(_STRIP / (max(1.0, box[2]) * height * (len(bands) + 1))))
        for row in range(0, size[1], rows):
            count = min(rows, size[1] - row)
            strip = (box[0], box[1] + row * height, box[2], count * height)
            place = slice(row, row + count)
            data[:, place], valid[place] = self._averaged_strip(bands, strip, (size[0], count))
        return data, valid

    def _averaged_strip(
        self, bands: Sequence[gdal.Band], box: Box, size: Tuple[int, int]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """GDAL itself would round means to the type of the source, and leave gaps out of them."""
        left, top = max(0, math.floor(box[0] + _ROUNDING)), max(0, math.floor(box[1] + _ROUNDING))
        right = min(self._size[0], math.ceil(box[0] + box[2] - _ROUNDING))
        bottom = min(self._size[1], math.ceil(box[1] + box[3] - _ROUNDING))
        whole = (right - left, bottom - top)
        data, valid = self._planes(bands, (left, top, *whole), whole, gdal.GRIORA_NearestNeighbour)
        real = valid & np.isfinite(data).all(axis=0)
        copy = gdal.GetDriverByName("MEM").Create("", *whole, len(bands) + 1, gdal.GDT_Float32)
        for number, plane in enumerate([*data, np.ones(real.shape)], start=1):
            copy.GetRasterBand(number).WriteArray(np.where(real, plane, 0).astype(np.float32))
        x, y = max(0.0, box[0] - left), max(0.0, box[1] - top)
        inner = (x, y, min(box[2], whole[0] - x), min(box[3], whole[1] - y))
        copies = [copy.GetRasterBand(number) for number in range(1, len(bands) + 2)]
        means, _ = self._planes(copies, inner, size, gdal.GRIORA_Average)
        return means[:-1], means[-1] > 1 - _ROUNDING

    def _interpolated(
        self, bands: Sequence[gdal.Band], box: Box, size: Tuple[int, int]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Cubic convolution in floating point; GDAL itself would round the result to the type of the source."""
        left, top = max(0, math.floor(box[0]) - _MARGIN), max(0, math.floor(box[1]) - _MARGIN)
        right = min(self._size[0], math.ceil(box[0] + box[2]) + _MARGIN)
        bottom = min(self._size[1], math.ceil(box[1] + box[3]) + _MARGIN)
        whole = (right - left, bottom - top)
        data, valid = self._planes(bands, (left, top, *whole), whole, gdal.GRIORA_NearestNeighbour)
        copy = gdal.GetDriverByName("MEM").Create("", *whole, len(bands), gdal.GDT_Float32)
        real = valid & np.isfinite(data).all(axis=0)
        for number, plane in enumerate(data, start=1):
            copy.GetRasterBand(number).SetNoDataValue(_GAP)
            copy.GetRasterBand(number).WriteArray(np.where(real, plane, _GAP).astype(np.float32))
        inner = (box[0] - left, box[1] - top, box[2], box[3])
        if (round(inner[2]), round(inner[3])) == size:
            # Reading would copy pixels of this size, and drop the fraction of the offset.
            copy = _warped(copy, inner, size)
            inner = (0.0, 0.0, float(size[0]), float(size[1]))
        copies = [copy.GetRasterBand(number) for number in range(1, len(bands) + 1)]
        return self._planes(copies, inner, size, gdal.GRIORA_Cubic)


def _warped(dataset: gdal.Dataset, box: Box, size: Tuple[int, int]) -> gdal.Dataset:
    """A box of pixels of a dataset in memory by cubic convolution at another size; gaps are :data:`_GAP`."""
    target = gdal.GetDriverByName("MEM").Create("", *size, dataset.RasterCount, gdal.GDT_Float32)
    dataset.SetGeoTransform((0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    target.SetGeoTransform((box[0], box[2] / size[0], 0.0, -box[1], 0.0, -box[3] / size[1]))
    for number in range(1, dataset.RasterCount + 1):
        target.GetRasterBand(number).SetNoDataValue(_GAP)
        target.GetRasterBand(number).Fill(_GAP)
    gdal.Warp(target, dataset, resampleAlg="cubic", srcNodata=_GAP, dstNodata=_GAP, errorThreshold=0)
    return target


def _relation(source: Grid, target: Grid, name: str) -> Tuple[Tuple[float, float], Tuple[float, float]]:
    """Where the target's corner lies in source pixels, and the length of its pixels in source pixels."""
    origin = source.to_pixel(*target.to_map(0, 0))
    right = source.to_pixel(*target.to_map(1, 0))
    below = source.to_pixel(*target.to_map(0, 1))
    step = (right[0] - origin[0], below[1] - origin[1])
    skew = max(abs(right[1] - origin[1]) * target.width, abs(below[0] - origin[0]) * target.height)
    if min(step) <= 0 or skew > _SLACK * 10:
        raise ParameterError(
            f"The raster '{name}' is turned or mirrored against the others, so they cannot be compared.",
            "Warp it to the grid of the result first.",
        )
    return origin, step


def _box(window: Window, origin: Tuple[float, float], step: Tuple[float, float], size: Tuple[int, int]) -> Box:
    """A window of the target in source pixels: column, row, width, height, inside the source."""
    left, top = origin[0] + window.col * step[0], origin[1] + window.row * step[1]
    right, bottom = left + window.width * step[0], top + window.height * step[1]
    left, top = max(0.0, left), max(0.0, top)
    return left, top, min(right, float(size[0])) - left, min(bottom, float(size[1])) - top
