"""A satellite product: named bands in files of their own, on grids of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Tuple

from sr_plugin.core.errors import BandError, SourceUnreadable


@dataclass(frozen=True)
class ProductBand:
    """One band of a product.

    Attributes:
        name: such as ``B04``.
        path: name under which GDAL opens its file.
        resolution: side of a pixel in metres.
        wavelength_um: centre wavelength.
        scale, offset: reflectance = number * scale + offset; None where the product does not tell.
        nodata: number that marks pixels without data, or None.
        common_name: of the STAC Electro-Optical extension.
    """

    name: str
    path: str
    resolution: float
    wavelength_um: Optional[float] = None
    scale: Optional[float] = None
    offset: Optional[float] = None
    nodata: Optional[float] = None
    common_name: str = ""


@dataclass(frozen=True)
class MaskLayer:
    """A classification that comes with a product.

    Attributes:
        path: name under which GDAL opens its file.
        band: band number from 1.
        classes: name of a class -> its number in the file.
    """

    path: str
    band: int
    classes: Mapping[str, int]


@dataclass(frozen=True)
class Product:
    """An opened product; no pixel was read yet.

    Attributes:
        title: its name.
        platform: such as ``Sentinel-2A``; empty where unknown.
        level: ``L1C``, ``L2A``; empty where unknown.
        bands: those whose file is there, in the sensor's order.
        missing: name of a band that should be there -> the file that is not.
        masks: classifications.
        notes: sentences that the user should read.
    """

    title: str
    platform: str
    level: str
    bands: Tuple[ProductBand, ...]
    missing: Dict[str, str] = field(default_factory=dict)
    masks: Tuple[MaskLayer, ...] = ()
    notes: Tuple[str, ...] = ()

    @property
    def names(self) -> Tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> ProductBand:
        """The band of this name.

        Raises:
            SourceUnreadable: when its file is missing.
            BandError: when the product has no such band.
        """
        for band in self.bands:
            if band.name == name:
                return band
        if name in self.missing:
            raise SourceUnreadable(
                f"The product '{self.title}' lacks the file of band {name} ({self.missing[name]}).",
                "Download the product again.",
            )
        raise BandError(
            f"The product '{self.title}' has no band {name}.", f"Choose among {', '.join(self.names) or 'none'}."
        )

    @property
    def mask_classes(self) -> Tuple[str, ...]:
        """Names of all classes that the product's classifications tell apart."""
        return tuple(dict.fromkeys(name for mask in self.masks for name in mask.classes))
