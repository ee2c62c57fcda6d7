"""Bands of the common sensors, and finding out which sensor an image comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Sequence, Tuple

#: Name of a band -> (common name of the STAC Electro-Optical extension, centre wavelength in micrometres).
BandTable = Dict[str, Tuple[str, float]]


@dataclass(frozen=True)
class Sensor:
    """One sensor.

    Attributes:
        name: identifier.
        bands: in the order in which products store them.
        pattern: matches platform names, product names and band descriptions of this sensor, in lower case.
    """

    name: str
    bands: BandTable
    pattern: str


#: Source: ESA, Sentinel-2 User Handbook.
SENTINEL2: BandTable = {
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
#: Source: USGS, Landsat 4-7 and 8-9 Data Users Handbooks.
_LANDSAT_TM: BandTable = {
    "B1": ("blue", 0.485),
    "B2": ("green", 0.560),
    "B3": ("red", 0.660),
    "B4": ("nir", 0.830),
    "B5": ("swir16", 1.650),
    "B6": ("lwir", 11.45),
    "B7": ("swir22", 2.215),
    "B8": ("pan", 0.710),
}
_LANDSAT_OLI: BandTable = {
    "B1": ("coastal", 0.443),
    "B2": ("blue", 0.482),
    "B3": ("green", 0.561),
    "B4": ("red", 0.655),
    "B5": ("nir08", 0.865),
    "B6": ("swir16", 1.609),
    "B7": ("swir22", 2.201),
    "B8": ("pan", 0.590),
    "B9": ("cirrus", 1.373),
    "B10": ("lwir11", 10.895),
    "B11": ("lwir12", 12.005),
}
#: Source: Planet, PlanetScope instruments and band order.
_PLANETSCOPE4: BandTable = {
    "blue": ("blue", 0.490),
    "green": ("green", 0.565),
    "red": ("red", 0.665),
    "nir": ("nir", 0.865),
}
_PLANETSCOPE8: BandTable = {
    "coastal_blue": ("coastal", 0.443),
    "blue": ("blue", 0.490),
    "green_i": ("green05", 0.531),
    "green": ("green", 0.565),
    "yellow": ("yellow", 0.610),
    "red": ("red", 0.665),
    "rededge": ("rededge071", 0.705),
    "nir": ("nir", 0.865),
}
#: Source: USDA, National Agriculture Imagery Program (Leica ADS band centres).
_NAIP: BandTable = {
    "red": ("red", 0.635),
    "green": ("green", 0.555),
    "blue": ("blue", 0.465),
    "nir": ("nir", 0.860),
}
#: Source: Maxar, WorldView-2 and WorldView-3 data sheets; the four-band order is that of the older sensors.
_WORLDVIEW8: BandTable = {
    "coastal": ("coastal", 0.425),
    "blue": ("blue", 0.480),
    "green": ("green", 0.545),
    "yellow": ("yellow", 0.605),
    "red": ("red", 0.660),
    "rededge": ("rededge071", 0.725),
    "nir1": ("nir", 0.833),
    "nir2": ("nir09", 0.950),
}
_WORLDVIEW4: BandTable = {
    "blue": ("blue", 0.480),
    "green": ("green", 0.545),
    "red": ("red", 0.660),
    "nir": ("nir", 0.833),
}

_LANDSAT = r"landsat[\s_-]*"
SENSORS: Tuple[Sensor, ...] = (
    Sensor("sentinel2", SENTINEL2, r"sentinel[\s_-]*2|\bs2[abc]\b|\bs2[abc]_msi|\bmsi\b"),
    Sensor("landsat-oli", _LANDSAT_OLI, rf"{_LANDSAT}[89]\b|\bl[co]0[89]|\boli(_tirs)?\b"),
    Sensor("landsat-tm", _LANDSAT_TM, rf"{_LANDSAT}[457]\b|\bl[te]0[457]|\betm\b|\btm\b"),
    Sensor("planetscope8", _PLANETSCOPE8, r"psb\.?sd|superdove"),
    Sensor("planetscope4", _PLANETSCOPE4, r"planetscope|\bps2(\.sd)?\b|analyticms"),
    Sensor("naip", _NAIP, r"\bnaip\b"),
    Sensor("worldview8", _WORLDVIEW8, r"world[\s_-]?view[\s_-]*0?[23]\b|\bwv0?[23]\b"),
    Sensor("worldview4", _WORLDVIEW4, r"geoeye|quickbird|\bge0?1\b|\bqb0?2\b|\bwv0?4\b|world[\s_-]?view[\s_-]*0?4\b"),
)
_BY_NAME = {sensor.name: sensor for sensor in SENSORS}
_FOUR_BANDS = {"worldview8": "worldview4", "planetscope8": "planetscope4"}
#: Metadata keys that name platform or instrument, in lower case.
_KEYS = (
    "spacecraft_id",
    "spacecraft_name",
    "datatake_1_spacecraft_name",
    "satelliteid",
    "satellite",
    "platform",
    "mission",
    "sensor_id",
    "sensor",
    "instrument",
    "product_uri",
    "landsat_product_id",
    "landsat_scene_id",
)


def sensor_named(name: str) -> Optional[Sensor]:
    """The sensor of this identifier, or None."""
    return _BY_NAME.get(name)


def sensor_in_text(text: str) -> str:
    """Identifier of the sensor that a text names, or empty."""
    lowered = text.lower()
    return next((sensor.name for sensor in SENSORS if re.search(sensor.pattern, lowered)), "")


def sensor_of_metadata(metadata: Mapping[str, str], bands: int = 0) -> str:
    """Identifier of the sensor that a dataset's metadata name, or empty.

    Args:
        metadata: keys and texts of the dataset, all domains together.
        bands: number of bands, which tells the products of four bands from those of eight.
    """
    lowered = {key.lower(): str(value) for key, value in metadata.items()}
    for key in _KEYS:
        found = sensor_in_text(lowered.get(key, "").replace("_", " ") + " " + lowered.get(key, ""))
        if found:
            return _FOUR_BANDS.get(found, found) if bands == 4 else found
    return ""


def sensor_of_numbers(numbers: Sequence[str]) -> Tuple[str, ...]:
    """Which Landsat generation a set of band names such as ``SR_B4`` comes from, the likelier one first.

    The older instruments have no reflectance band 6, the newer ones one between near and short-wave infrared.
    """
    if "b6" not in numbers and "b7" in numbers:
        return ("landsat-tm",)
    if "b6" in numbers:
        return ("landsat-oli",)
    return ("landsat-oli", "landsat-tm")
