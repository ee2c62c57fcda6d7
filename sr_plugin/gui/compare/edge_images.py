"""Pictures of edges, made where they are computed and not in the thread of the interface."""

from __future__ import annotations

import math
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from qgis.PyQt.QtGui import QImage

from sr_plugin.core.edges import EDGE_CLASSES, KEPT, LOST, NEW, NODATA_CODE, EdgeFigures, EdgeSettings
from sr_plugin.core.grid import Grid
from sr_plugin.pipeline.edge_view import EdgeView, LayerEdges

#: Seen on dark water and on bright fields; red, green, blue, alpha.
EDGE_COLOUR = (255, 214, 0, 255)
_NODATA_COLOUR = (90, 90, 90, 255)
#: Pixels may be this much smaller than those of the screen before several are drawn as one.
_SLACK = 0.1
#: Which class is shown where several fall on one pixel of the screen: new edges must never be hidden.
_RANK = (KEPT, LOST, NEW)


class LayerPictures(NamedTuple):
    """One raster's edges, ready to be shown.

    Attributes:
        edges: picture of its edges.
        classes: picture of the classes against the reference; None for the reference.
        counts: pixels by class name.
        figures: see :class:`~sr_plugin.core.edges.EdgeFigures`.
        own_pixels: whether edges were found on pixels of the size of the raster's own.
    """

    edges: QImage
    classes: Optional[QImage] = None
    counts: Optional[Dict[str, int]] = None
    figures: Optional[EdgeFigures] = None
    own_pixels: bool = True


class EdgePictures(NamedTuple):
    """Edges of all layers over one extent, the reference first.

    Attributes:
        grid: where all pictures lie, of their size.
        layers: in the order of the request.
        pixels: width and height of the grid on which edges were computed.
    """

    grid: Grid
    layers: Tuple[LayerPictures, ...]
    pixels: Tuple[int, int]


def edge_pictures(view: EdgeView, pixels_per_screen_pixel: float) -> EdgePictures:
    """Pictures of a view.

    Args:
        view: what was computed.
        pixels_per_screen_pixel: pixels of the grid that fall on one of the screen, along a side. Where these are
            several, thin lines are kept whole instead of being skipped here and there.
    """
    block = max(1, math.ceil(pixels_per_screen_pixel - _SLACK))
    layers = (view.reference, *view.compared)
    grid = _shrunk_grid(view.grid, block)
    pictures = tuple(_layer_pictures(layer, view.settings, block) for layer in layers)
    return EdgePictures(grid, pictures, (view.grid.width, view.grid.height))


def _layer_pictures(layer: LayerEdges, settings: EdgeSettings, block: int) -> LayerPictures:
    if settings.method == "sobel":
        edges = _gradient_image(_block_maximum(layer.gradient, block), settings.low, settings.high)
    else:
        edges = _indexed_image(_block_maximum(layer.edges.astype(np.uint8), block), {1: EDGE_COLOUR})
    if layer.classes is None:
        return LayerPictures(edges, figures=layer.figures)
    numbers = np.bincount(layer.classes.ravel(), minlength=256)
    counts = {kind.name: int(numbers[kind.code]) for kind in EDGE_CLASSES}
    return LayerPictures(edges, _class_image(layer.classes, block), counts, layer.figures, layer.own_pixels)


def _class_image(classes: np.ndarray, block: int) -> QImage:
    ranks = np.zeros(256, np.uint8)
    ranks[NODATA_CODE] = 1
    for rank, kind in enumerate(_RANK, start=2):
        ranks[kind.code] = rank
    colours = {rank: kind.colour for rank, kind in enumerate(_RANK, start=2)}
    return _indexed_image(_block_maximum(ranks[classes], block), {1: _NODATA_COLOUR, **colours})


def _block_maximum(values: np.ndarray, block: int) -> np.ndarray:
    """The largest value of each block of pixels; blocks at the right and lower rim may hold fewer of them."""
    if block == 1:
        return values
    height, width = (-(-side // block) for side in values.shape)
    padded = np.zeros((height * block, width * block), values.dtype)
    padded[: values.shape[0], : values.shape[1]] = values
    return padded.reshape(height, block, width, block).max(axis=(1, 3))


def _shrunk_grid(grid: Grid, block: int) -> Grid:
    x, right, x_down, y, y_right, down = grid.geotransform
    wide = (x, right * block, x_down * block, y, y_right * block, down * block)
    return Grid(-(-grid.width // block), -(-grid.height // block), wide, grid.wkt)


def _premultiplied(colour: Sequence[int]) -> int:
    red, green, blue, alpha = colour
    return (alpha << 24) | (red * alpha // 255 << 16) | (green * alpha // 255 << 8) | (blue * alpha // 255)


def _image(pixels: np.ndarray) -> QImage:
    """A picture from ``(h, w)`` uint32 premultiplied ARGB."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    # The picture must not outlive the array whose memory it would share.
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _indexed_image(values: np.ndarray, colours: Dict[int, Sequence[int]]) -> QImage:
    table = np.zeros(256, np.uint32)
    for value, colour in colours.items():
        table[value] = _premultiplied(colour)
    return _image(table[values])


def _gradient_image(gradient: np.ndarray, low: float, high: float) -> QImage:
    """The edge colour, more opaque where the gradient is stronger: not at all at ``low / 2``, fully at ``2 * high``."""
    steps, least, full = 256, low / 2, 2 * high
    table = np.array([_premultiplied((*EDGE_COLOUR[:3], alpha)) for alpha in range(steps)], np.uint32)
    if not (np.isfinite(full) and full > least):
        return _image(np.zeros(gradient.shape, np.uint32))
    levels = (np.nan_to_num(gradient) - least) * ((steps - 1) / (full - least))
    levels = np.clip(levels, 0, steps - 1).astype(np.uint8)
    return _image(table[levels])
