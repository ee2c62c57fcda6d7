"""Cells of coarser rasters around a tile of the finest one, for models that fuse bands of several resolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.cells import CellPlace, spread_valid
from sr_plugin.core.fusion_chain import FusionChain, chain_of
from sr_plugin.core.grid import Window
from sr_plugin.core.job import CoarserSource
from sr_plugin.core.tiling import Tile
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.raster.fill import FILL_DISTANCE, fill_gaps
from sr_plugin.raster.source import RasterSource


@dataclass(frozen=True)
class CoarseCells:
    """Cells of one raster.

    Attributes:
        data: ``(bands, h, w)``, finite everywhere.
        place: where they lie on the pixels of the tile that was read.
    """

    data: np.ndarray
    place: CellPlace


def _cells_along(start: int, stop: int, first: float, size: float, count: int, margin: int) -> Tuple[int, int]:
    """First cell and number of cells to read for fine pixels; the nearest cell where there is none at their place."""
    low = math.floor((start - first) / size) - margin
    high = math.ceil((stop - first) / size) + margin
    low = min(max(low, 0), count - 1)
    return low, min(max(high, low + 1), count) - low


def covering_window(coarser: CoarserSource, read: Window, margin: int) -> Window:
    """The cells that touch a window of the finest raster, and ``margin`` more on all sides that the raster has."""
    place, grid = coarser.place, coarser.grid
    column, width = _cells_along(read.col, read.right, place.left, place.width, grid.width, margin)
    row, height = _cells_along(read.row, read.bottom, place.top, place.height, grid.height, margin)
    return Window(column, row, width, height)


class CoarserReader:
    """Reads the cells of all coarser rasters of a run. One object serves one thread.

    Args:
        run: the prepared run.

    Raises:
        SourceNotFound, SourceUnreadable: when one of them cannot be opened.
    """

    def __init__(self, run: PreparedRun) -> None:
        self._run = run
        self._coarser = run.plan.coarser
        self._sources = [RasterSource(item.source.dataset) for item in self._coarser]
        self._chain: Optional[FusionChain] = chain_of(run.plan.card) if self._coarser else None

    def read(self, tile: Tile) -> Tuple[Tuple[CoarseCells, ...], Tuple[Optional[np.ndarray], ...]]:
        """Cells around a tile, and which pixels of its core lie in valid ones.

        Returns:
            One item for each raster. The second ones are ``(bands, core height, core width)`` bool, or None where all
            pixels are valid.

        Raises:
            SourceUnreadable: when the data cannot be read.
        """
        parts: List[CoarseCells] = []
        valids: List[Optional[np.ndarray]] = []
        for item, source, typical in zip(self._coarser, self._sources, self._run.coarser_typical):
            # One cell more for the interpolation between cells, so that it does not depend on the tile.
            window = covering_window(item, tile.read, 1 + FILL_DISTANCE)
            cells = source.read(item.source.bands, window)
            valid = np.ones(cells.data.shape, bool) if cells.valid is None else cells.valid
            data = cells.data if cells.valid is None else fill_gaps(cells.data, valid, typical)
            here = item.place.shifted(window.col * item.place.width, window.row * item.place.height)
            parts.append(CoarseCells(data, here.shifted(-tile.read.col, -tile.read.row)))
            core = spread_valid(
                valid, here.shifted(-tile.core.col, -tile.core.row), (tile.core.height, tile.core.width)
            )
            valids.append(None if core.all() else core)
        return tuple(parts), tuple(valids)

    def valid_result(
        self, fine: Optional[np.ndarray], coarser: Sequence[Optional[np.ndarray]], core: Window
    ) -> Optional[np.ndarray]:
        """Which pixels of the result are valid: a fused band has a gap where any of its inputs has one.

        Args:
            fine: ``(bands, h, w)`` bool of the finest raster, or None where all are valid.
            coarser: the same for the others, from :meth:`read`.
            core: the tile's core.

        Returns:
            ``(bands of the result, h, w)`` bool, or None where all are valid.
        """
        if self._chain is None or (fine is None and all(part is None for part in coarser)):
            return fine
        shape = (core.height, core.width)
        counts = [self._chain.fine, *(len(item.source.bands) for item in self._coarser)]
        parts = [
            np.ones((count, *shape), bool) if part is None else part for count, part in zip(counts, (fine, *coarser))
        ]
        bands = np.concatenate(parts)
        planes = {number: bands[number] for number in range(self._chain.fine)}
        for step in self._chain.fusions:
            together = bands[[number for group in step.inputs for number in group]].all(axis=0)
            planes.update((band, together) for band in step.outputs)
        return np.stack([planes[number] for number in self._chain.result])

    def check_unchanged(self) -> None:
        """Make sure that the rasters are still those that were opened.

        Raises:
            SourceChanged: when one of them changed or is gone.
        """
        for item, source in zip(self._coarser, self._sources):
            source.check_unchanged(item.source)
