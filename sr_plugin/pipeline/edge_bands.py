"""Which bands of several rasters show the same, so that their edges can be compared."""

from __future__ import annotations

import json
import os
from typing import Optional, Sequence, Tuple

from sr_plugin.core.bands import match_bands, sentinel2_band
from sr_plugin.core.card import BandSpec
from sr_plugin.core.errors import BandError
from sr_plugin.raster.source import RasterSource

_RED_GREEN_BLUE = tuple(sentinel2_band(name) for name in ("B04", "B03", "B02"))


def reference_bands(source: RasterSource, band: int) -> Tuple[int, ...]:
    """The chosen band; without one (0), red, green and blue by their names, else the first three, else the first.

    Raises:
        BandError: when the band does not exist.
    """
    if band:
        source.bands([band])
        return (band,)
    layer = source.layer_bands()
    if not layer:
        raise BandError(f"The raster '{source.name}' has no band to compare.")
    first = tuple(b.number for b in layer[: 3 if len(layer) >= 3 else 1])
    return (match_bands(_RED_GREEN_BLUE, layer) or first) if len(first) == 3 else first


def same_bands(reference: RasterSource, bands: Sequence[int], other: RasterSource) -> Tuple[int, ...]:
    """The bands of another raster that show what the given bands of the reference show.

    A super-resolved raster says from which bands of its input it was made; else equal texts count, then names and
    wavelengths, then the numbers.

    Raises:
        BandError: when the other raster has none of these.
    """
    found = _by_provenance(reference, bands, other) or _by_text(reference, bands, other)
    found = found or _by_name(reference, bands, other)
    if found is not None:
        return found
    if other.band_count < max(bands):
        raise BandError(
            f"The raster '{other.name}' has {other.band_count} band(s), and none that stands for band {max(bands)} of "
            f"'{reference.name}'.",
            "Choose one band to compare that all rasters have.",
        )
    return tuple(bands)


def _by_provenance(reference: RasterSource, bands: Sequence[int], other: RasterSource) -> Optional[Tuple[int, ...]]:
    facts = other.dataset.GetMetadata() or {}
    if not facts.get("SR_SOURCE") or facts["SR_SOURCE"] != os.path.basename(reference.name):
        return None
    try:
        made_from = [int(number) for number in json.loads(facts.get("SR_SETTINGS", "{}"))["bands"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if len(made_from) > other.band_count or not set(bands) <= set(made_from):
        return None
    return tuple(made_from.index(band) + 1 for band in bands)


def _by_text(reference: RasterSource, bands: Sequence[int], other: RasterSource) -> Optional[Tuple[int, ...]]:
    texts = {b.number: b.description.strip() for b in reference.layer_bands()}
    numbers = [(b.description.strip(), b.number) for b in other.layer_bands()]
    found = []
    for band in bands:
        same = [number for text, number in numbers if text and text == texts.get(band)]
        if len(same) != 1:
            return None
        found.append(same[0])
    return tuple(found)


def _by_name(reference: RasterSource, bands: Sequence[int], other: RasterSource) -> Optional[Tuple[int, ...]]:
    layer = reference.layer_bands()
    if len(bands) == 3 and match_bands(_RED_GREEN_BLUE, layer) == tuple(bands):
        return match_bands(_RED_GREEN_BLUE, other.layer_bands())
    chosen = [b for band in bands for b in layer if b.number == band]
    specs = [BandSpec(b.description, b.colour if b.colour in ("red", "green", "blue") else "") for b in chosen]
    named = [spec for spec in specs if spec.name or spec.common_name]
    return match_bands(named, other.layer_bands()) if named and len(named) == len(bands) else None
