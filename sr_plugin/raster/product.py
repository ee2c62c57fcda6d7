"""A satellite product: named bands in files of their own, on grids of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, Mapping, Optional, Sequence, Tuple

from sr_plugin.core.errors import BandError, SourceUnreadable

#: Common names that stand for each other where a product has only one of them.
_KIN = {"nir": "nir08", "nir08": "nir", "lwir": "lwir11", "lwir11": "lwir"}


@dataclass(frozen=True)
class StoredNumbers:
    """Numbers that a band is read as, other than those in its file: physical value = number * scale + offset.

    Attributes:
        scale, offset: see above.
        nodata: number of pixels without data.
    """

    scale: float
    offset: float
    nodata: float


@dataclass(frozen=True)
class ProductBand:
    """One band of a product.

    Attributes:
        name: such as ``B04``.
        path: name under which GDAL opens its file.
        resolution: side of a pixel in metres.
        wavelength_um: centre wavelength.
        scale, offset: physical value = number * scale + offset; None where the product does not tell.
        nodata: number that marks pixels without data, or None.
        common_name: of the STAC Electro-Optical extension.
        unit: of the physical value; empty for reflectance.
        stored: numbers to read the band as; None for those in its file.
    """

    name: str
    path: str
    resolution: float
    wavelength_um: Optional[float] = None
    scale: Optional[float] = None
    offset: Optional[float] = None
    nodata: Optional[float] = None
    common_name: str = ""
    unit: str = ""
    stored: Optional[StoredNumbers] = None


@dataclass(frozen=True)
class MaskLayer:
    """A classification that comes with a product.

    Attributes:
        path: name under which GDAL opens its file.
        band: band number from 1.
        classes: name of a class -> its number in the file.
        flags: the numbers are sets of bits, and a pixel is of a class where all bits of its number are set.
    """

    path: str
    band: int
    classes: Mapping[str, int]
    flags: bool = False


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
        sensor: identifier of the sensor (:mod:`sr_plugin.core.sensors`).
        usual: names of the bands to take where neither user nor model names any; empty for those of the finest
            resolution.
        classification: names of the files in which a classification would lie.
    """

    title: str
    platform: str
    level: str
    bands: Tuple[ProductBand, ...]
    missing: Dict[str, str] = field(default_factory=dict)
    masks: Tuple[MaskLayer, ...] = ()
    notes: Tuple[str, ...] = ()
    sensor: str = "sentinel2"
    usual: Tuple[str, ...] = ()
    classification: str = ""

    @property
    def names(self) -> Tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> ProductBand:
        """The band of this name, or else of this common name.

        Raises:
            SourceUnreadable: when its file is missing.
            BandError: when the product has no such band.
        """
        for band in self.bands:
            if band.name == name:
                return band
        for common in (name, _KIN.get(name)):
            for band in self.bands:
                if common and band.common_name == common:
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

    def check_classes(self, classes: Sequence[str]) -> None:
        """Make sure that the product's classifications tell these classes.

        Raises:
            SourceUnreadable: when there is no classification.
            BandError: when it does not know a class.
        """
        if classes and not self.masks:
            raise SourceUnreadable(
                f"The product '{self.title}' holds no classification ({self.classification}), so no class can be "
                "masked.",
                "Leave the masked classes out, or use a product that holds one.",
            )
        unknown = [name for name in classes if name not in self.mask_classes]
        if unknown:
            raise BandError(
                f"The classification of '{self.title}' does not tell {', '.join(unknown)}.",
                f"Choose among {', '.join(self.mask_classes)}.",
            )

    def in_reflectance(self) -> Product:
        """The same product with the same numbers for the same reflectance in every band: reflectance x 10000.

        Temperatures become hundredths of a degree Celsius, radiances thousandths of their unit.

        Raises:
            SourceUnreadable: when the product does not tell its scaling.
        """
        return replace(self, bands=tuple(_uniform(band, self.title) for band in self.bands))


#: Unit of a band -> scale and offset of the uniform numbers.
_UNIFORM = {"": (1e-4, 0.0), "K": (0.01, 273.15)}
_OTHER_UNIT = (1e-3, 0.0)
#: Below what any sensor's reflectance comes down to.
UNIFORM_NODATA = -9999.0


def _uniform(band: ProductBand, title: str) -> ProductBand:
    if band.scale is None or band.offset is None:
        raise SourceUnreadable(f"The product '{title}' does not tell how band {band.name} is scaled.")
    scale, offset = _UNIFORM.get(band.unit, _OTHER_UNIT)
    return replace(band, stored=StoredNumbers(scale, offset, UNIFORM_NODATA))
