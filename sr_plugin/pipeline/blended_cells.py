"""From windows of a network that sees its whole tile to final pixels of the cells between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Mapping, Tuple

import numpy as np

from sr_plugin.core.blending import Blender, BlendPlan
from sr_plugin.core.job import JobPlan
from sr_plugin.core.pixel_type import cast_pixels, working_type
from sr_plugin.core.point_spread import reduce_image
from sr_plugin.core.session import RunSettings, TileResult
from sr_plugin.pipeline.result_files import Layers
from sr_plugin.pipeline.tile_reader import ReadTile


def session_settings(plan: JobPlan) -> RunSettings:
    """How the model is run: windows that are still to be blended come in a floating type, not the final one."""
    if not plan.blended:
        return plan.settings
    return replace(plan.settings, output_type=working_type(plan.settings.output_type).name)


class BlendedCells:
    """Blends windows and casts complete cells.

    Args:
        plan: a plan whose tiles are windows.
    """

    def __init__(self, plan: JobPlan) -> None:
        tiles = plan.tiles
        if not isinstance(tiles, BlendPlan):
            raise ValueError("only windows of networks that see their whole tile are blended")
        self._plan = plan
        self._blenders = [Blender(tiles, plan.card.scale) for _ in plan.rasters]

    def add(self, item: ReadTile, result: TileResult) -> Tuple[Layers, Mapping[str, float]]:
        """Final pixels of the window's cell and the cell's sums, as :class:`TileResult` has them.

        Bicubic counts as having taken the result's place where more than half of a pixel is its.
        """
        plan, tile = self._plan, item.tile
        layers = [
            cast_pixels(blender.add(tile, _floating(array.data)), pixel_type)
            for blender, array, (pixel_type, _) in zip(self._blenders, result.arrays, plan.rasters)
        ]
        final = layers[0]
        place = tile.core.shifted(-tile.read.col, -tile.read.row)
        source = item.pixels[:, place.row : place.bottom, place.col : place.right]
        sums: Dict[str, float] = {
            "seconds": result.statistics.get("seconds", 0.0),
            "consistency_sum": float("nan"),
            "consistency_count": float(final.size) / plan.card.scale**2,
        }
        if final.shape[0] == source.shape[0]:
            exact = working_type(final.dtype.name, source.dtype.name)
            back = reduce_image(final.astype(exact), plan.card.scale, plan.card.psf)
            sums["consistency_sum"] = float(np.sum((back - source).astype(np.float64) ** 2))
        return layers, sums


def _floating(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.dtype.kind == "f" else pixels.astype(np.float32)
