"""Tells rasters that hold no picture of reflected light: radar backscatter and elevation."""

from __future__ import annotations

import re
from typing import Sequence

from sr_plugin.raster.source import BandInfo

#: What a raster may hold besides reflected light.
RADAR, ELEVATION = "radar backscatter", "elevation"
_RADAR_NAME = re.compile(
    r"(^|[^a-z])(vv|vh|hh|hv|sigma ?0|sigma_?nought|gamma ?0|beta ?0|backscatter|sar)([^a-z]|$)", re.I
)
_ELEVATION_NAME = re.compile(r"(^|[^a-z])(dem|dtm|dsm|chm|elevation|height|altitude|bathymetry|depth)([^a-z]|$)", re.I)
_RADAR_UNITS = ("db", "decibel", "decibels")
_LENGTH_UNITS = ("m", "metre", "meter", "metres", "meters", "ft", "feet", "foot", "us survey foot")


def other_quantity(bands: Sequence[BandInfo]) -> str:
    """:data:`RADAR` or :data:`ELEVATION` where names or units of the bands say so, else an empty text.

    Values alone are never enough: the same numbers may be reflectance, heights or counts.
    """
    if all(_is_radar(band) for band in bands):
        return RADAR
    if all(_is_elevation(band) for band in bands):
        return ELEVATION
    return ""


def _is_radar(band: BandInfo) -> bool:
    return band.unit.strip().lower() in _RADAR_UNITS or bool(_RADAR_NAME.search(_name(band)))


def _is_elevation(band: BandInfo) -> bool:
    return band.unit.strip().lower() in _LENGTH_UNITS or bool(_ELEVATION_NAME.search(_name(band)))


def _name(band: BandInfo) -> str:
    """Description and the metadata items that products keep a band's name in, with underscores as word ends."""
    kept = [
        value
        for key, value in band.metadata
        if key.lower() in ("bandname", "long_name", "standard_name", "polarisation")
    ]
    return " ".join([band.description, *kept]).replace("_", " ")
