"""Pixel type of a result, and how its gaps are marked."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.pixel_type import PIXEL_TYPES, common_type, fits_type
from sr_plugin.pipeline.request import SuperResolveRequest
from sr_plugin.raster.source import BandInfo, RasterSource


def chosen_type(request: SuperResolveRequest, bands: Sequence[BandInfo], own: str = "") -> str:
    """Pixel type of the result, by its numpy name.

    Args:
        request: what the user asks for.
        bands: bands whose values the result has.
        own: type of the model's results, where they are another thing than the input.

    Raises:
        ParameterError: when the one asked for is none.
    """
    if not request.output_type:
        return common_type([*([own] if own else []), *(b.pixel_type for b in bands)]).name
    if request.output_type not in PIXEL_TYPES:
        raise ParameterError(f"'{request.output_type}' is no output type.", f"Use one of {', '.join(PIXEL_TYPES)}.")
    return request.output_type


def _default_nodata(pixel_type: str) -> float:
    if pixel_type.startswith("float"):
        return float("nan")
    return 0.0 if pixel_type.startswith("uint") else float(np.iinfo(pixel_type).min)


def marks_gaps_by_mask(
    request: SuperResolveRequest, source: RasterSource, bands: Sequence[BandInfo], pixel_type: str, gaps: bool
) -> bool:
    """True where gaps are marked by a mask band: on request, or where the source does and no value can be nodata.

    Args:
        request: what the user asks for.
        source: the raster on whose grid the result lies.
        bands: those of the result, whatever raster they come from.
        pixel_type: of the result.
        gaps: pixels of the result may be gaps even without polygons that leave some out.
    """
    if request.gaps_as_mask:
        return request.mask is not None or gaps
    declared = request.nodata is not None or any(band.nodata is not None for band in bands)
    return source.masked and not declared and not pixel_type.startswith("float")


def chosen_nodata(
    request: SuperResolveRequest, bands: Sequence[BandInfo], pixel_type: str, gaps: bool
) -> Optional[float]:
    """Nodata of the result: as asked, as in the source, or the type's usual one where there will be gaps."""
    if request.nodata is not None:
        if not fits_type(request.nodata, pixel_type):
            raise ParameterError(
                f"The nodata value {request.nodata:g} cannot be stored as {pixel_type}.",
                "Choose another value or type.",
            )
        return request.nodata
    for band in bands:
        if band.nodata is not None and fits_type(band.nodata, pixel_type):
            return band.nodata
    # A value that the band's own type cannot hold marks no pixel at all.
    declared = any(band.nodata is not None and fits_type(band.nodata, band.pixel_type) for band in bands)
    return _default_nodata(pixel_type) if gaps or declared else None
