"""What the metadata file of a Sentinel-2 product says, in every form that it had over the years.

Since 2016 it is called ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``; before, ``S2A_OPER_MTD_SAFL1C_*.xml``. Sources: ESA,
Sentinel-2 Products Specification Document, issues 13 to 14.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple
from xml.etree.ElementTree import Element  # nosec B405: a type only

from sr_plugin.core.errors import UnsupportedRaster
from sr_plugin.core.sensors import SENTINEL2
from sr_plugin.raster.plain_xml import first_text, number, parse_xml, texts
from sr_plugin.raster.sentinel2_offset import add_offset

#: Numbers per unit of reflectance in all products so far.
QUANTIFICATION = 10000.0
#: Bounds of what a quantification value, or the size of an offset, can sensibly be.
_LEAST, _MOST = 1.0, 1e6
_FILE_NAME = re.compile(r"(MTD_MSIL(1C|2A)|S2[A-D]_\w{4}_MTD_SAFL(1C|2A)_.*)\.xml", re.IGNORECASE)
_LEVEL = re.compile(r"Level-(1C|2A)")
_NAMES = tuple(SENTINEL2)


def is_product_metadata(file_name: str) -> bool:
    """True for the name of a product's metadata file (not those of its granules)."""
    return _FILE_NAME.fullmatch(file_name) is not None


@dataclass(frozen=True)
class Sentinel2Metadata:
    """Facts about a product.

    Attributes:
        title: the product's name; empty where the file does not tell.
        platform: ``Sentinel-2A`` and so on.
        level: ``L1C`` or ``L2A``.
        baseline: processing baseline, such as ``05.10``.
        quantification: numbers per unit of reflectance.
        offsets: band -> offset in numbers, to be added before dividing by the quantification; empty for none.
        wavelengths_um: band -> centre wavelength.
        nodata: number of pixels without data.
        images: names of the image files without folder and extension; empty where the file does not list them.
    """

    title: str
    platform: str
    level: str
    baseline: str
    quantification: float
    offsets: Dict[str, float]
    wavelengths_um: Dict[str, float]
    nodata: float
    images: Tuple[str, ...]

    def scaling(self, band: str) -> Tuple[float, float]:
        """Scale and offset of a band: reflectance = number * scale + offset."""
        return 1.0 / self.quantification, self.offsets.get(band, 0.0) / self.quantification


def _band_of_id(text: str) -> Optional[str]:
    return _NAMES[int(text)] if text.isdecimal() and len(text) <= 2 and int(text) < len(_NAMES) else None


def _band_of_physical(text: str) -> Optional[str]:
    name = f"B{text[1:].zfill(2)}" if text[:1].upper() == "B" else ""
    return name.upper() if name.upper() in SENTINEL2 else None


def _offsets(root: Element, level: str, metadata: Dict[str, str]) -> Dict[str, float]:
    found: Dict[str, float] = {}
    for element in root.iter("BOA_ADD_OFFSET" if level == "L2A" else "RADIO_ADD_OFFSET"):
        band, value = _band_of_id(element.get("band_id", "")), number((element.text or "").strip())
        if band and value is not None and abs(value) <= _MOST:
            found[band] = value
    if found:
        return found
    implied = add_offset([], metadata)
    return {name: implied for name in _NAMES} if implied else {}


def _wavelengths(root: Element) -> Dict[str, float]:
    found = {name: wavelength for name, (_, wavelength) in SENTINEL2.items()}
    for element in root.iter("Spectral_Information"):
        band = _band_of_physical(element.get("physicalBand", ""))
        nanometres = number(first_text(element, "CENTRAL"))
        if band and nanometres and 300 < nanometres < 3000:
            found[band] = round(nanometres / 1000, 6)
    return found


def _nodata(root: Element) -> float:
    for special in root.iter("Special_Values"):
        if first_text(special, "SPECIAL_VALUE_TEXT").upper() == "NODATA":
            value = number(first_text(special, "SPECIAL_VALUE_INDEX"))
            if value is not None and abs(value) <= _MOST:
                return value
    return 0.0


def read_metadata(data: bytes, name: str) -> Sentinel2Metadata:
    """Read a product's metadata file.

    Args:
        data: its contents.
        name: its file name.

    Raises:
        SourceUnreadable: when it is damaged.
        UnsupportedRaster: when it belongs to another kind of product.
    """
    root = parse_xml(data, name)
    level = _LEVEL.search(first_text(root, "PROCESSING_LEVEL") or root.tag)
    if level is None:
        raise UnsupportedRaster(
            f"The file '{name}' is no metadata of a Sentinel-2 product of level 1C or 2A.",
            "Choose MTD_MSIL1C.xml or MTD_MSIL2A.xml.",
        )
    kind = f"L{level.group(1)}"
    tags = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE") if kind == "L2A" else ("QUANTIFICATION_VALUE",)
    quantification = number(first_text(root, *tags)) or QUANTIFICATION
    if not _LEAST <= quantification <= _MOST:
        raise UnsupportedRaster(f"The quantification value in '{name}', {quantification:g}, cannot be meant.")
    title = first_text(root, "PRODUCT_URI_2A") if kind == "L2A" else ""
    title = title or first_text(root, "PRODUCT_URI", "PRODUCT_URI_1C")
    baseline = first_text(root, "PROCESSING_BASELINE")
    listed = [text for tag in ("IMAGE_FILE", "IMAGE_FILE_2A", "IMAGE_ID", "IMAGE_ID_2A") for text in texts(root, tag)]
    return Sentinel2Metadata(
        title=title,
        platform=first_text(root, "SPACECRAFT_NAME"),
        level=kind,
        baseline=baseline,
        quantification=quantification,
        offsets=_offsets(root, kind, {"PROCESSING_BASELINE": baseline}),
        wavelengths_um=_wavelengths(root),
        nodata=_nodata(root),
        images=tuple(text.rpartition("/")[2] for text in listed if text),
    )
