"""Pieces of the raster on which the worker measures before a run."""

from __future__ import annotations

from typing import List

from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.pipeline.prepare import PreparedRun
from sr_plugin.raster.source import RasterSource

#: Side of a piece in input pixels, unless the model takes one size only.
_SIDE = 128
#: Where pieces are taken, as shares of the area's free height and width.
_PLACES = ((0.25, 0.3), (0.5, 0.6), (0.75, 0.15))


def sample_pieces(run: PreparedRun) -> List[NamedArray]:
    """Up to three pieces of one size without gaps, ``(bands, h, w)``; none where the area holds no more than a few.

    Raises:
        SourceUnreadable: when the source cannot be read.
    """
    plan = run.plan
    if plan.coarser:
        # The models of a chain are not timed against each other's runtimes.
        return []
    height, width = plan.card.tiles.fixed or (_fitting(run), _fitting(run))
    if height > plan.area.height or width > plan.area.width:
        return []
    if height * width * len(_PLACES) * 2 > plan.area.height * plan.area.width:
        return []
    source = RasterSource(plan.source.dataset)
    found = []
    for down, right in _PLACES:
        row = plan.area.row + int((plan.area.height - height) * down)
        column = plan.area.col + int((plan.area.width - width) * right)
        tile = source.read(plan.source.bands, Window(column, row, width, height))
        if tile.valid is None:
            found.append(NamedArray("image", tile.data))
    return found


def _fitting(run: PreparedRun) -> int:
    tiles = run.plan.card.tiles
    side = max(_SIDE, tiles.minimum) if run.plan.card.reach is not None else run.plan.tile
    return -(-side // tiles.multiple_of) * tiles.multiple_of
