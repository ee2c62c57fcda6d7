"""What a dataset's card says of its images: bands, types, values and resolution of the scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import BandSpec
from sr_plugin.core.pixel_type import common_type
from sr_plugin.core.sensors import SENTINEL2, sensor_named
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.pipeline.pairs.scene import PairScene, low_type
from sr_plugin.pipeline.pairs.selection import ground_of
from sr_plugin.pipeline.scaling import choose_scaling
from sr_plugin.raster.source import BandInfo, RasterSource

#: Names that Landsat uses, too, for other wavelengths.
_AMBIGUOUS = ("B10", "B11", "B12")


@dataclass(frozen=True)
class Facts:
    """What the card says of one scene.

    Attributes:
        low_bands, high_bands: names and wavelengths.
        low_type, high_type: pixel types, as numpy calls them.
        scaling: gain and offset that lead to the quantity.
        quantity: ``reflectance`` or ``unit``.
        pixel_m: pixel of the low resolution in metres, None where unknown.
    """

    low_bands: Tuple[BandSpec, ...]
    high_bands: Tuple[BandSpec, ...]
    low_type: str
    high_type: str
    scaling: Tuple[float, float]
    quantity: str
    pixel_m: Optional[float]


def _number_name(number: int) -> str:
    return f"band {number}"


def _band_spec(band: BandInfo) -> BandSpec:
    told = band.layer_band
    name = told.description.strip() or _number_name(told.number)
    sensor = sensor_named(told.sensor)
    table = sensor.bands if sensor is not None else {}
    known = table.get(name) or table.get(name.upper())
    # Sentinel-2 alone writes B02 for B2.
    if known is None and not table and name.upper() not in _AMBIGUOUS:
        known = SENTINEL2.get(name.upper())
    if known is not None:
        return BandSpec(name, *known)
    colour = told.colour if told.colour in ("red", "green", "blue") else ""
    return BandSpec(name, colour, told.wavelength_um)


def _named_after(bands: Sequence[BandSpec], others: Sequence[BandSpec]) -> List[BandSpec]:
    """Bands that nothing is known of take the name of their counterpart."""

    def unknown(band: BandSpec) -> bool:
        return band.wavelength_um is None and band.name.startswith("band ")

    return [other if unknown(band) else band for band, other in zip(bands, others)]


def facts_of(scene: PairScene, request: PairRequest) -> Facts:
    """Facts about one scene.

    Raises:
        ParameterError: when the scaling of the request cannot be understood.
        SourceUnreadable: when values have to be looked at and cannot be read.
    """
    source = RasterSource(scene.spec.low or scene.spec.high)

    def sample() -> Tuple[np.ndarray, np.ndarray]:
        tile = source.read_sample([band.number for band in scene.low_bands])
        everywhere = np.ones(tile.data.shape, bool)
        return tile.data, everywhere if tile.valid is None else tile.valid

    choice = choose_scaling(request.scaling, VALUE_RANGES["s2-10k"], scene.low_bands, sample, scene.sensor_offset)
    scaling = choice.bands[0]
    eight_bits = all(band.pixel_type == "uint8" for band in scene.low_bands)
    ground = ground_of(scene.grid, 0, "", "", scene.georeferenced)
    low, high = (list(map(_band_spec, bands)) for bands in (scene.low_bands, scene.high_bands))
    if request.scale > 1:
        # Bands of a pair correspond, so one image may name those of the other.
        low, high = _named_after(low, high), _named_after(high, low)
    matched = low_type(scene) if request.matches else common_type([b.pixel_type for b in scene.high_bands]).name
    return Facts(
        low_bands=tuple(low),
        high_bands=tuple(high),
        low_type=low_type(scene),
        high_type=matched,
        scaling=(float(scaling.gain), float(scaling.offset)),
        quantity="unit" if eight_bits else "reflectance",
        pixel_m=ground.position.pixel_metres() if ground.position is not None else None,
    )
