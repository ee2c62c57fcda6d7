"""What a dataset's card says of its images: bands, types, values and resolution of the scenes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import BandSpec
from sr_plugin.core.errors import BandError, UnsupportedRaster
from sr_plugin.core.sensors import SENTINEL2, sensor_named
from sr_plugin.core.value_range import VALUE_RANGES
from sr_plugin.pipeline.pairs.band_order import band_order
from sr_plugin.pipeline.pairs.request import PairRequest
from sr_plugin.pipeline.pairs.rescaling import Rescaling
from sr_plugin.pipeline.pairs.scene import PairScene
from sr_plugin.pipeline.pairs.selection import ground_of
from sr_plugin.pipeline.quantity import other_quantity
from sr_plugin.pipeline.scaling import choose_scaling
from sr_plugin.raster.source import BandInfo, RasterSource

#: Sentinel-2 alone writes B02 for B2; B10 and more are Landsat's names, too, for other wavelengths.
_SENTINEL2_ONLY = re.compile(r"B0[1-9]|B8A")

#: What quantities are called in a sentence.
_KINDS = {"unit": "8-bit values of a picture", "reflectance": "measured values of more than 8 bits"}


@dataclass(frozen=True)
class Facts:
    """What the card says of one scene.

    Attributes:
        low_bands, high_bands: names and wavelengths.
        low_type, high_type: pixel types, as numpy calls them.
        scaling: gain and offset that lead to the quantity.
        high_scaling: the same of the high resolution as it is written: brought to the histogram of the low one, it has
            the scaling of that.
        by_values: True where the scaling was drawn from the values of this raster, which says nothing of others.
        quantity: ``reflectance`` or ``unit``.
        guide_bands, guide_type, guide_scaling: the same of the bands of finer pixels of a band fusion.
        pixel_m: pixel of the low resolution in metres, None where unknown.
    """

    low_bands: Tuple[BandSpec, ...]
    high_bands: Tuple[BandSpec, ...]
    low_type: str
    high_type: str
    scaling: Tuple[float, float]
    quantity: str
    pixel_m: Optional[float]
    high_scaling: Tuple[float, float] = (1.0, 0.0)
    by_values: bool = False
    guide_bands: Tuple[BandSpec, ...] = ()
    guide_type: str = ""
    guide_scaling: Tuple[float, float] = (1.0, 0.0)


def _number_name(number: int) -> str:
    return f"band {number}"


def _band_specs(bands: Sequence[BandInfo]) -> List[BandSpec]:
    """Names and wavelengths: of the sensor that metadata or the names themselves tell, else what the bands say."""
    told = [band.layer_band for band in bands]
    sensor = sensor_named(told[0].sensor) if told else None
    table = sensor.bands if sensor is not None else {}
    if not table and any(_SENTINEL2_ONLY.fullmatch(band.description.strip().upper()) for band in told):
        table = SENTINEL2
    specs = []
    for band in told:
        name = band.description.strip() or _number_name(band.number)
        known = table.get(name) or table.get(name.upper())
        colour = band.colour if band.colour in ("red", "green", "blue") else ""
        specs.append(BandSpec(name, *known) if known else BandSpec(name, colour, band.wavelength_um))
    return specs


def _named_after(bands: Sequence[BandSpec], others: Sequence[BandSpec]) -> List[BandSpec]:
    """Bands that nothing is known of take the name of their counterpart."""

    def unknown(band: BandSpec) -> bool:
        return band.wavelength_um is None and band.name.startswith("band ")

    return [other if unknown(band) else band for band, other in zip(bands, others)]


def _scaling(
    name: str, bands: Sequence[BandInfo], request: PairRequest, add_offset: Optional[float]
) -> Tuple[float, float]:
    """Gain and offset of a raster; values are looked at only where metadata and type tell nothing."""

    def sample() -> Tuple[np.ndarray, np.ndarray]:
        tile = RasterSource(name).read_sample([band.number for band in bands])
        everywhere = np.ones(tile.data.shape, bool)
        return tile.data, everywhere if tile.valid is None else tile.valid

    found = choose_scaling(request.scaling, VALUE_RANGES["s2-10k"], bands, sample, add_offset).bands[0]
    return float(found.gain), float(found.offset)


def facts_of(scene: PairScene, request: PairRequest) -> Facts:
    """Facts about one scene.

    Raises:
        ParameterError: when the scaling of the request cannot be understood.
        SourceUnreadable: when values have to be looked at and cannot be read.
    """
    scaling = high_scaling = _scaling(scene.spec.low or scene.spec.high, scene.low_bands, request, scene.sensor_offset)
    if not (request.degrades or request.matches):
        high_scaling = _scaling(scene.spec.high, scene.high_bands, request, scene.high_offset)
    guide = tuple(_band_specs(scene.guide_bands))
    eight_bits = all(band.pixel_type == "uint8" for band in scene.low_bands)
    ground = ground_of(scene.grid, 0, "", "", scene.georeferenced)
    low, high = (_band_specs(bands) for bands in (scene.low_bands, scene.high_bands))
    if request.scale > 1:
        # Bands of a pair correspond, so one image may name those of the other.
        low, high = _named_after(low, high), _named_after(high, low)
    return Facts(
        low_bands=tuple(low),
        high_bands=tuple(high),
        scaling=scaling,
        high_scaling=high_scaling,
        by_values=request.scaling.startswith("percentile") or bool(other_quantity(scene.low_bands)),
        quantity="unit" if eight_bits else "reflectance",
        pixel_m=ground.position.pixel_metres() if ground.position is not None else None,
        guide_bands=guide,
        guide_scaling=_scaling(scene.spec.high, scene.guide_bands, request, scene.high_offset) if guide else scaling,
        **types_of(scene, request),
    )


def types_of(scene: PairScene, request: PairRequest) -> Dict[str, str]:
    """Pixel types as :class:`Facts` has them."""
    return {
        "low_type": scene.low_type,
        "high_type": scene.low_type if request.matches else scene.high_type,
        "guide_type": scene.guide_type,
    }


def conforming(scene: PairScene, facts: Facts, first: Facts, request: PairRequest) -> Dict[str, Any]:
    """What gives a scene the order of bands, gain and offset of the first one; see :class:`Corrections`.

    Raises:
        BandError: when its bands are others.
        UnsupportedRaster: when its values are of another kind.
    """
    name = scene.spec.titles[1]
    fusion = bool(facts.guide_bands)
    # In a fusion, the bands to sharpen are both input and target, and those of the high resolution guide.
    fine = (facts.guide_bands, first.guide_bands) if fusion else (facts.high_bands, first.high_bands)
    high = _order(name, *fine)
    low = _order(name, facts.low_bands, first.low_bands)
    if facts.quantity != first.quantity:
        raise UnsupportedRaster(
            f"'{name}' holds {_KINDS[facts.quantity]}, the first raster {_KINDS[first.quantity]}.",
            "Prepare a dataset of each kind, or convert the rasters to one type.",
        )
    found: Dict[str, Any] = {}
    fine_infos = scene.guide_bands if fusion else scene.high_bands
    for key, order, infos in (("high_bands", high, fine_infos), ("low_bands", low, scene.low_bands)):
        if order != sorted(order):
            found[key] = tuple(infos[place].number for place in order)
    if not (facts.by_values or first.by_values):
        found["low"] = Rescaling.between(facts.scaling, first.scaling)
        if request.scale > 1:
            found["high"] = Rescaling.between(facts.high_scaling, first.high_scaling)
        found["guide"] = Rescaling.between(facts.guide_scaling, first.guide_scaling)
    return found


def _order(name: str, found: Sequence[BandSpec], wanted: Sequence[BandSpec]) -> List[int]:
    if len(found) != len(wanted):
        raise BandError(
            f"'{name}' has {len(found)} bands, the first raster has {len(wanted)}.",
            "Choose bands that all rasters have.",
        )
    order = band_order(wanted, found)
    if order is None:
        raise BandError(
            f"'{name}' has the bands {_listed(found)}, the first raster has {_listed(wanted)}.",
            "Choose bands that all rasters have.",
        )
    return order


def _listed(bands: Sequence[BandSpec]) -> str:
    return ", ".join(band.name for band in bands)
