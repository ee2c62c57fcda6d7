"""Band names of the common sensors, and matching a model's bands with a layer's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from sr_plugin.core.card import BandSpec

#: Sentinel-2 MSI: name -> (common name, centre wavelength in micrometres). Source: ESA, Sentinel-2 User Handbook;
#: common names of the STAC Electro-Optical extension.
SENTINEL2: Dict[str, Tuple[str, float]] = {
    "B01": ("coastal", 0.443),
    "B02": ("blue", 0.490),
    "B03": ("green", 0.560),
    "B04": ("red", 0.665),
    "B05": ("rededge071", 0.705),
    "B06": ("rededge075", 0.740),
    "B07": ("rededge078", 0.783),
    "B08": ("nir", 0.842),
    "B8A": ("nir08", 0.865),
    "B09": ("nir09", 0.945),
    "B10": ("cirrus", 1.375),
    "B11": ("swir16", 1.610),
    "B12": ("swir22", 2.190),
}


def sentinel2_band(name: str) -> BandSpec:
    """The band of this name, for example ``B04``.

    Raises:
        KeyError: when Sentinel-2 has no such band.
    """
    common, wavelength = SENTINEL2[name]
    return BandSpec(name, common, wavelength)


@dataclass(frozen=True)
class LayerBand:
    """What is known of one band of a raster.

    Attributes:
        number: band number from 1.
        description: the band's own text, possibly empty.
        colour: colour interpretation in lower case: ``red``, ``green``, ``blue``, ``alpha``, ``undefined`` ...
        wavelength_um: centre wavelength from the metadata, or None.
    """

    number: int
    description: str = ""
    colour: str = ""
    wavelength_um: Optional[float] = None


_ALIASES = {"near infrared": "nir", "near-infrared": "nir", "infrared": "nir", "grey": "pan", "gray": "pan"}


def _words(text: str) -> List[str]:
    """Lower-case names found in a description, band numbers without leading zeros (``B04`` -> ``b4``)."""
    lowered = text.lower()
    for alias, name in _ALIASES.items():
        lowered = lowered.replace(alias, name)
    return [re.sub(r"^b0*(?=\d)", "b", word) for word in re.findall(r"[a-z]+\d*[a-z]?|\d+[a-z]?", lowered)]


def _fits(spec: BandSpec, band: LayerBand) -> int:
    """How surely a layer's band is the one that is wanted: 3 name, 2 common name or colour, 1 wavelength, 0 not."""
    words = _words(band.description)
    name = _words(spec.name)
    if name and name[0] in words:
        return 3
    if spec.common_name and (spec.common_name in words or spec.common_name == band.colour.lower()):
        return 2
    if spec.wavelength_um and band.wavelength_um and abs(spec.wavelength_um - band.wavelength_um) < 0.02:
        return 1
    return 0


def match_bands(wanted: Sequence[BandSpec], layer: Sequence[LayerBand]) -> Optional[Tuple[int, ...]]:
    """Band numbers of the layer for the bands that a model wants, in the model's order.

    Returns:
        None unless every wanted band is found and no layer band serves twice.
    """
    chosen: List[int] = []
    for spec in wanted:
        ranked = sorted(((_fits(spec, band), -band.number) for band in layer), reverse=True)
        ranked = [entry for entry in ranked if -entry[1] not in chosen]
        if not ranked or ranked[0][0] == 0:
            return None
        chosen.append(-ranked[0][1])
    return tuple(chosen)
