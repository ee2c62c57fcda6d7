"""Matching the bands that a model wants with those of a layer: by name, common name, colour and wavelength."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from sr_plugin.core.card import BandSpec
from sr_plugin.core.sensors import SENTINEL2, Sensor, sensor_in_text, sensor_named, sensor_of_numbers

__all__ = ["SENTINEL2", "LayerBand", "match_bands", "sentinel2_band"]

#: A wavelength this far (micrometres) from the wanted one is the same band.
_SAME = 0.02
#: Broad bands of the visible and near infrared are still the same colour at this distance.
_SAME_COLOUR = 0.04
#: A name is not believed where the wavelength differs by more than this.
_CONTRADICTION = 0.06
_BROAD = ("blue", "green", "red", "nir")
#: Wide enough to stand in for each other where the better one is missing.
_KIN = {"nir": ("nir08",), "nir08": ("nir",)}


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
        sensor: identifier of the sensor (:mod:`sr_plugin.core.sensors`) by the dataset's metadata, or empty.
    """

    number: int
    description: str = ""
    colour: str = ""
    wavelength_um: Optional[float] = None
    sensor: str = ""


@dataclass(frozen=True)
class _Identity:
    """What a layer's band is taken for."""

    number: int
    labels: Tuple[str, ...]
    commons: Tuple[str, ...]
    wavelength_um: Optional[float]


#: Phrases that would otherwise be read as one of their words; tried in this order.
_PHRASES = (
    (r"near[\s_-]*infra[\s_-]*red|near[\s_-]*ir\b", "nir"),
    (r"short[\s_-]*wave[\s_-]*infra[\s_-]*red", "swir"),
    (r"(thermal[\s_-]*)infra[\s_-]*red", "lwir"),
    (r"infra[\s_-]*red", "nir"),
    (r"(narrow[\s_-]*nir|nir[\s_-]*narrow)", "nir08"),
    (r"nir[\s_-]*1\b", "nir"),
    (r"nir[\s_-]*2\b", "nir09"),
    (r"coastal[\s_-]*(blue|aerosol)?", "coastal "),
    (r"red[\s_-]*edge", "rededge"),
    (r"green[\s_-]*i\b", "green05"),
    (r"swir[\s_-]*1\b", "swir16"),
    (r"swir[\s_-]*2\b", "swir22"),
    (r"gr[ea]y|panchromatic", "pan"),
)
_WAVELENGTH = re.compile(r"(\d{3,4}(?:\.\d+)?)\s*nm\b")
_NUMBERED = re.compile(r"\bband[\s_-]*0*(\d+a?)\b")
_REFLECTANCE = re.compile(r"\b(?:sr|toa|st)_?b0*\d+\b")


def _words(text: str) -> List[str]:
    """Lower-case names found in a description, band numbers without leading zeros (``B04`` -> ``b4``)."""
    lowered = text.lower()
    for pattern, name in _PHRASES:
        lowered = re.sub(pattern, name, lowered)
    lowered = re.sub(r"\b(?:sr|st|toa)_?(b\d)", r"\1", lowered)
    return [re.sub(r"^b0*(?=\d)", "b", word) for word in re.findall(r"[a-z]+\d*[a-z]?|\d+[a-z]?", lowered)]


def _band_words_count(layer: Sequence[LayerBand]) -> bool:
    """True where ``Band 4`` is a name; a raster whose n-th band is called ``Band n`` throughout has no names."""
    numbers = [(b.number, _NUMBERED.search(b.description.lower())) for b in layer]
    found = [(number, match.group(1)) for number, match in numbers if match]
    return any(str(number) != text for number, text in found) or any(b.sensor for b in layer)


def _labels(band: LayerBand, numbered: bool) -> List[str]:
    labels = _words(band.description)
    match = _NUMBERED.search(band.description.lower())
    if match:
        # "band" and its number are two words; together they are a name.
        labels = [w for w in labels if w not in (match.group(1), "band", f"band{match.group(1)}")]
        labels += [f"b{match.group(1)}"] if numbered else []
    return labels


def _sensors(layer: Sequence[LayerBand]) -> Tuple[str, ...]:
    """Sensors that the layer may come from, the likeliest first; empty where nothing tells."""
    told = next((b.sensor for b in layer if b.sensor), "")
    told = told or next((s for s in (sensor_in_text(b.description) for b in layer) if s), "")
    if told:
        return (told,)
    if any(_REFLECTANCE.search(b.description.lower()) for b in layer):
        return sensor_of_numbers([word for b in layer for word in _words(b.description)])
    return ()


def _by_table(sensor: Sensor, labels: Sequence[str], position: Optional[int]) -> Optional[Tuple[str, float]]:
    """The table's entry for a band: by its name, else by its position in the product."""
    for name, entry in sensor.bands.items():
        if _words(name)[0] in labels:
            return entry
    return list(sensor.bands.values())[position] if position is not None else None


def _identities(layer: Sequence[LayerBand], sensor: Optional[Sensor]) -> List[_Identity]:
    numbered = _band_words_count(layer)
    nameless = not any(b.description for b in layer)
    by_position = sensor is not None and nameless and len(layer) == len(sensor.bands)
    found = []
    for position, band in enumerate(layer):
        labels = _labels(band, numbered)
        written = _WAVELENGTH.search(band.description.lower())
        wavelength = band.wavelength_um or (float(written.group(1)) / 1000 if written else None)
        commons = list(labels) + [band.colour.lower()]
        entry = _by_table(sensor, labels, position if by_position else None) if sensor else None
        if entry is not None and sensor is not None:
            commons.append(entry[0])
            wavelength = wavelength or entry[1]
            if sensor.name != "sentinel2":
                # Its B4 is its own, not that of the model's sensor.
                labels = [word for word in labels if not re.fullmatch(r"b\d+a?", word)]
        found.append(_Identity(band.number, tuple(labels), tuple(commons), wavelength))
    return found


def _fits(spec: BandSpec, band: _Identity) -> float:
    """How surely a layer's band is the wanted one: 3 name, 2 common name or colour, up to 1 wavelength, 0 not."""
    apart = None
    if spec.wavelength_um and band.wavelength_um:
        apart = abs(spec.wavelength_um - band.wavelength_um)
        if apart > _CONTRADICTION:
            return 0.0
    name = _words(spec.name)
    if name and name[0] in band.labels:
        return 3.0
    if spec.common_name and spec.common_name in band.commons:
        return 2.0
    if any(kin in band.commons for kin in _KIN.get(spec.common_name, ())):
        return 1.5
    if apart is not None and apart < (_SAME_COLOUR if spec.common_name in _BROAD else _SAME):
        return 1.0 - apart
    return 0.0


def _own_names(wanted: Sequence[BandSpec], sensor: Sensor) -> bool:
    """True where the model was made for this very sensor, so that equal names mean equal bands."""
    table: Dict[str, str] = {_words(name)[0]: entry[0] for name, entry in sensor.bands.items()}
    return all(table.get((_words(spec.name) or [""])[0]) == spec.common_name for spec in wanted)


def _match(wanted: Sequence[BandSpec], bands: Sequence[_Identity]) -> Optional[Tuple[int, ...]]:
    chosen: List[int] = []
    for spec in wanted:
        ranked = sorted(((_fits(spec, band), -band.number) for band in bands), reverse=True)
        ranked = [entry for entry in ranked if -entry[1] not in chosen]
        if not ranked or ranked[0][0] == 0:
            return None
        chosen.append(-ranked[0][1])
    return tuple(chosen)


def match_bands(wanted: Sequence[BandSpec], layer: Sequence[LayerBand]) -> Optional[Tuple[int, ...]]:
    """Band numbers of the layer for the bands that a model wants, in the model's order.

    Where the layer's sensor is known, its own table says what its ``B4`` is; a name that the wavelength contradicts is
    not believed.

    Returns:
        None unless every wanted band is found and no layer band serves twice.
    """
    for name in _sensors(layer) or ("",):
        sensor = sensor_named(name)
        same = sensor is not None and name != "sentinel2" and _own_names(wanted, sensor)
        found = _match(wanted, _identities(layer, None if same else sensor))
        if found is not None:
            return found
    return None
