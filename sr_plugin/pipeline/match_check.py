"""Does this raster fit this model? Told before the run, with the figure and a way out."""

from __future__ import annotations

from typing import List, Optional, Sequence

from osgeo import osr

from sr_plugin.core.bands import match_bands
from sr_plugin.core.card import ModelCard
from sr_plugin.core.grid import Grid
from sr_plugin.core.value_range import ANY_SCALE
from sr_plugin.raster.gdal_errors import gdal_messages
from sr_plugin.raster.source import BandInfo

#: Metres in a degree of latitude.
_METRES_PER_DEGREE = 111_320.0
#: A ground sampling distance further off than this factor is told.
_TOLERATED_FACTOR = 2.0


def _is_geographic(wkt: str) -> Optional[osr.SpatialReference]:
    if not wkt:
        return None
    reference = osr.SpatialReference()
    with gdal_messages():
        try:
            reference.ImportFromWkt(wkt)
        except RuntimeError:
            return None
    return reference


def ground_sampling_distance(grid: Grid) -> Optional[float]:
    """Metres along a pixel's row step, or None where the CRS does not tell.

    In a geographic CRS a degree of latitude is taken, which does not shrink towards the poles.
    """
    reference = _is_geographic(grid.wkt)
    if reference is None:
        return None
    step = grid.pixel_size[1]
    if reference.IsGeographic():
        return step * _METRES_PER_DEGREE
    units = reference.GetLinearUnits()
    return step * units if reference.IsProjected() and units > 0 else None


def _resolution(card: ModelCard, grid: Grid) -> List[str]:
    found = []
    distance = ground_sampling_distance(grid)
    if card.gsd_m and distance:
        low, high = card.gsd_m
        if distance > high * _TOLERATED_FACTOR or distance < low / _TOLERATED_FACTOR:
            span = f"{low:g} m" if low == high else f"{low:g} to {high:g} m"
            found.append(
                f"The model was made for pixels of {span}, but those of the raster measure {distance:.3g} m. "
                "Choose a model for this resolution, or resample the raster first."
            )
    reference = _is_geographic(grid.wkt)
    if reference is not None and reference.IsGeographic() and card.family != "builtin":
        found.append(
            "The raster is in geographic coordinates, so its pixels are not square on the ground. "
            "Reproject it to a metric CRS for the best result."
        )
    return found


def check_match(card: ModelCard, grid: Grid, bands: Sequence[BandInfo]) -> List[str]:
    """Sentences that a user should read before running a model on these bands.

    Args:
        card: the model.
        grid: the raster's grid.
        bands: the bands that are fed in, in the model's order.
    """
    found = _resolution(card, grid)
    eight_bit = any(b.pixel_type in ("uint8", "int8") for b in bands)
    if card.value_range.quantity == "reflectance" and card.value_range.name != ANY_SCALE and eight_bit:
        found.append(
            "The model expects reflectance, but the raster holds 8-bit values, which have lost most of it. "
            "Use the original product, or a model for 8-bit images."
        )
    if card.input_bands and not card.per_band:
        order = match_bands(card.input_bands, [b.layer_band for b in bands])
        numbers = tuple(b.number for b in bands)
        if order is not None and order != numbers:
            names = ", ".join(b.name for b in card.input_bands)
            found.append(
                f"By their names the bands are in another order than the model's ({names}): "
                f"choose {', '.join(map(str, order))} instead of {', '.join(map(str, numbers))}."
            )
    return found
