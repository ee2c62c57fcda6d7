"""Value ranges: what numbers a network was trained on, and how they follow from a physical quantity.

A network never sees the numbers of a file. They pass through two affine maps:

* data -> quantity: given by the raster (8-bit: x / 255; Sentinel-2: DN / 10000; scale and offset metadata), see
  :mod:`sr_plugin.core.radiometry`;
* quantity -> model: given by the model, this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Optional, Tuple

#: Quantities a model may expect: top-of-atmosphere or surface reflectance (1.0 = 100 %), a display-like value from
#: 0 to 1, or the numbers of the file as they are.
QUANTITIES = ("reflectance", "unit", "dn")


@dataclass(frozen=True)
class ValueRange:
    """The affine maps between a quantity and what a network takes and gives.

    ``model_in = quantity * in_gain[b] + in_offset[b]`` and ``quantity = model_out * out_gain + out_offset``; with an
    ``out_type``, the latter gives the numbers of the result as they are written.

    Attributes:
        name: identifier of the range.
        quantity: one of :data:`QUANTITIES`.
        in_gain, in_offset: one value for all bands, or one per input band.
        out_gain, out_offset: one value for all output bands.
        valid: lowest and highest quantity the network was trained on, or None where any value is fine. What lies
            outside is clamped before the network and carried through the enlarged input.
        out_type: pixel type, by its numpy name, of results that are another thing than the input, such as a map made
            of a photograph; empty where results are of the input's quantity and get its scaling.
    """

    name: str
    quantity: str = "reflectance"
    in_gain: Tuple[float, ...] = (1.0,)
    in_offset: Tuple[float, ...] = (0.0,)
    out_gain: float = 1.0
    out_offset: float = 0.0
    valid: Optional[Tuple[float, float]] = None
    out_type: str = ""

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"quantity must be one of {QUANTITIES}, not {self.quantity!r}")

    def for_bands(self, count: int) -> ValueRange:
        """The same range with exactly ``count`` gains and offsets (a single value is repeated)."""

        def spread(values: Tuple[float, ...]) -> Tuple[float, ...]:
            if len(values) == count:
                return values
            if len(values) == 1:
                return values * count
            raise ValueError(f"{len(values)} band factors for {count} bands")

        return replace(self, in_gain=spread(self.in_gain), in_offset=spread(self.in_offset))


#: Range of networks that give k times the result for k times the input: reflectance, but any other number will do.
ANY_SCALE = "any-scale"

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)

#: The ranges of the field by name.
VALUE_RANGES: Dict[str, ValueRange] = {
    r.name: r
    for r in (
        ValueRange("s2-10k", "reflectance"),
        ValueRange("s2-10k-clamped", "reflectance", valid=(0.0, 1.0)),
        ValueRange(ANY_SCALE, "reflectance"),
        ValueRange("s2-2000", "reflectance", in_gain=(5.0,), out_gain=0.2),
        ValueRange(
            "s2-3000",
            "reflectance",
            in_gain=(20 / 3,),
            in_offset=(-1.0,),
            out_gain=0.15,
            out_offset=0.15,
            valid=(0.0, 0.3),
        ),
        ValueRange("unit", "unit", valid=(0.0, 1.0)),
        ValueRange("byte", "unit", in_gain=(255.0,), out_gain=1 / 255, valid=(0.0, 1.0)),
        ValueRange("signed", "unit", in_gain=(2.0,), in_offset=(-1.0,), out_gain=0.5, out_offset=0.5, valid=(0.0, 1.0)),
        ValueRange(
            "imagenet-signed",
            "unit",
            in_gain=tuple(1 / s for s in _IMAGENET_STD),
            in_offset=tuple(-m / s for m, s in zip(_IMAGENET_MEAN, _IMAGENET_STD)),
            out_gain=0.5,
            out_offset=0.5,
            valid=(0.0, 1.0),
        ),
        ValueRange("dn", "dn"),
    )
}
