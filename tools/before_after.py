"""A picture of a raster before and after: enlarged input, bicubic, result, all with the stretch of the input."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
from osgeo import gdal
from PIL import Image, ImageDraw, ImageFont

_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_PANEL = 640
_GAP = 16
_CAPTION = 44
_RGB = (1, 2, 3)


def _font(size: int) -> ImageFont.ImageFont:
    try:
        return ImageFont.truetype(_FONT, size)
    except OSError:
        return ImageFont.load_default()


def _read(dataset: gdal.Dataset, window: Tuple[int, int, int, int], size: int, resampling: int) -> np.ndarray:
    """Red, green and blue of a window, resampled to a square, as ``(rows, columns, 3)``."""
    bands = [
        dataset.GetRasterBand(min(band, dataset.RasterCount)).ReadAsArray(
            *window, buf_xsize=size, buf_ysize=size, resample_alg=resampling
        )
        for band in _RGB
    ]
    return np.dstack(bands).astype(np.float64)


def _stretch(dataset: gdal.Dataset) -> Tuple[np.ndarray, np.ndarray]:
    """The 2nd and 98th percentile of each shown band."""
    values = [dataset.GetRasterBand(min(band, dataset.RasterCount)).ReadAsArray() for band in _RGB]
    limits = np.array([np.percentile(value, (2, 98)) for value in values], dtype=np.float64)
    return limits[:, 0], limits[:, 1]


def _to_picture(pixels: np.ndarray, stretch: Tuple[np.ndarray, np.ndarray]) -> Image.Image:
    low, high = stretch
    scaled = (pixels - low) / np.maximum(high - low, 1e-9) * 255
    picture = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    return picture.resize((_PANEL, _PANEL), Image.NEAREST)


def _join(panels: List[Tuple[str, Image.Image]], title: str) -> Image.Image:
    width = len(panels) * _PANEL + (len(panels) + 1) * _GAP
    sheet = Image.new("RGB", (width, _PANEL + 2 * _CAPTION + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (caption, picture) in enumerate(panels):
        left = _GAP + index * (_PANEL + _GAP)
        draw.text((left, _CAPTION // 4), caption, fill="black", font=_font(24))
        sheet.paste(picture, (left, _CAPTION))
    draw.text((_GAP, _CAPTION + _PANEL + _CAPTION // 4), title, fill="#444444", font=_font(18))
    return sheet


def write_before_after(before: str, after: str, picture: str, crop: Tuple[int, int, int], title: str) -> None:
    """Write the picture.

    Args:
        before: the input raster.
        after: the super-resolved raster of the same extent.
        picture: PNG to write.
        crop: column, row and side of the part to show, in pixels of the input.
        title: line under the panels.
    """
    gdal.UseExceptions()
    source, result = gdal.Open(before), gdal.Open(after)
    scale = result.RasterXSize // source.RasterXSize
    side = min(crop[2], source.RasterXSize, source.RasterYSize)
    column = max(0, min(crop[0], source.RasterXSize - side))
    row = max(0, min(crop[1], source.RasterYSize - side))
    window = (column, row, side, side)
    fine = tuple(value * scale for value in window)
    stretch = _stretch(source)
    credit = source.GetMetadataItem("TIFFTAG_COPYRIGHT")
    panels = [
        ("Input", _read(source, window, side, gdal.GRIORA_NearestNeighbour)),
        (f"Bicubic, {scale} x", _read(source, window, side * scale, gdal.GRIORA_Cubic)),
        (f"Super-resolved, {scale} x", _read(result, fine, side * scale, gdal.GRIORA_NearestNeighbour)),
    ]
    caption_line = f"{title} The image {credit}." if (credit or "").startswith("contains") else title
    _join([(caption, _to_picture(pixels, stretch)) for caption, pixels in panels], caption_line).save(picture)
