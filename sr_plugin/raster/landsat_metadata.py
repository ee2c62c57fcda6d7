"""What the metadata file (MTL) of a Landsat product says: Collection 1 and 2, as text, XML or JSON.

All three forms hold groups of keys and values. Sources: USGS, Landsat 8-9 Collection 2 Level 1 and Level 2 Data Format
Control Books (LSDS-1822, LSDS-1328), Landsat 4-7 (LSDS-1414, LSDS-1618), and their predecessors for Collection 1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple

from sr_plugin.core.errors import SourceUnreadable, UnsupportedRaster
from sr_plugin.core.strict_json import parse_json
from sr_plugin.raster.plain_xml import number, parse_xml

#: Key -> text, by the name of its group.
Groups = Dict[str, Dict[str, str]]

_FILE_NAME = re.compile(r"(.*)MTL\.(txt|xml|json)", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z0-9_]+")
_BAND_FILE = re.compile(r"FILE_NAME_BAND_((?:ST_B)?\d{1,2}(?:_VCID_[12])?)")
_SPACECRAFT = re.compile(r"LANDSAT_?([4-9])", re.IGNORECASE)
_INSTRUMENTS = {"TM": "landsat-tm", "ETM": "landsat-tm", "OLI": "landsat-oli", "OLI_TIRS": "landsat-oli"}
#: What level 2 of Collection 2 is stored with where the file does not repeat it.
_SURFACE_REFLECTANCE = (2.75e-5, -0.2)
_SURFACE_TEMPERATURE = (0.00341802, 149.0)
#: From this day on Landsat 7 scanned without its line corrector.
_CORRECTOR_FAILED = "2003-05-31"
#: Bytes of the largest file, and characters of the longest line that is read: many times those of real ones.
_LARGEST, _LONGEST_LINE = 4 << 20, 4096
#: Degrees above the horizon; with less, reflectance is a division by nothing.
_LOWEST_SUN = 0.1
_RADIANCE_UNIT = "W/(m2 sr um)"
_HINT = "Download the product again."


def metadata_stem(file_name: str) -> Optional[str]:
    """What stands before ``MTL`` in the name of a product's metadata file; None for other names."""
    match = _FILE_NAME.fullmatch(file_name)
    return match.group(1) if match else None


@dataclass(frozen=True)
class LandsatMetadata:
    """Facts about a product.

    Attributes:
        title: the product's name; empty where the file does not tell.
        platform: ``Landsat 8`` and so on.
        sensor: identifier of the sensor (:mod:`sr_plugin.core.sensors`).
        level: such as ``L1TP`` or ``L2SP``.
        collection: 1 or 2; 0 for older products.
        corrector_off: the scan line corrector of Landsat 7 had failed, so that the image has gaps.
        files: band -> file name, such as ``B4``, ``B6_VCID_1``, ``SR_B4`` or ``ST_B10``.
        quality_file: name of the file with the quality of the pixels; empty where the product lists none.
        groups: the whole file.
    """

    title: str
    platform: str
    sensor: str
    level: str
    collection: int
    corrector_off: bool
    files: Dict[str, str]
    quality_file: str
    groups: Groups

    @property
    def surface(self) -> bool:
        """True for level 2: corrected for the atmosphere."""
        return self.level.startswith("L2")

    def resolution(self, band: str) -> float:
        """Side of a band's pixels in metres."""
        is_pan = band == "B8"
        key = "GRID_CELL_SIZE_PANCHROMATIC" if is_pan else "GRID_CELL_SIZE_REFLECTIVE"
        value = number(_first(self.groups, key, *_PROJECTION)) or 0.0
        return value if 1 <= value <= 1000 else (15.0 if is_pan else 30.0)

    def scaling(self, band: str) -> Tuple[float, float, str]:
        """Scale, offset and unit of a band: physical value = number * scale + offset.

        Reflectance (without a unit) at the top of the atmosphere is divided by the sine of the sun's elevation.
        Thermal bands give kelvin at level 2 and radiance at level 1.

        Raises:
            SourceUnreadable: when the file does not tell it.
        """
        digits = band.rpartition("B")[2] if "_VCID_" not in band else band[1:]
        if band.startswith("ST_"):
            group = ("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS",)
            found = self._factors("TEMPERATURE", f"ST_B{digits}", group) or _SURFACE_TEMPERATURE
            return (*found, "K")
        if band.startswith("SR_"):
            group = ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS",)
            return (*(self._factors("REFLECTANCE", digits, group) or _SURFACE_REFLECTANCE), "")
        group = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")
        if is_thermal(band, self.sensor):
            found = self._factors("RADIANCE", digits, group)
            return (*self._known(found, f"RADIANCE_MULT_BAND_{digits}"), _RADIANCE_UNIT)
        scale, offset = self._known(self._factors("REFLECTANCE", digits, group), f"REFLECTANCE_MULT_BAND_{digits}")
        elevation = number(_first(self.groups, "SUN_ELEVATION", "IMAGE_ATTRIBUTES", "PRODUCT_PARAMETERS"))
        if elevation is None or not _LOWEST_SUN <= elevation <= 90:
            raise self._lacking("SUN_ELEVATION above the horizon")
        sine = math.sin(math.radians(elevation))
        return scale / sine, offset / sine, ""

    def _factors(self, quantity: str, band: str, groups: Tuple[str, ...]) -> Optional[Tuple[float, float]]:
        scale = number(_first(self.groups, f"{quantity}_MULT_BAND_{band}", *groups))
        offset = number(_first(self.groups, f"{quantity}_ADD_BAND_{band}", *groups))
        if scale is None or offset is None or not 1e-9 < abs(scale) < 1e3 or abs(offset) > 1e4:
            return None
        return scale, offset

    def _known(self, found: Optional[Tuple[float, float]], what: str) -> Tuple[float, float]:
        if found is None:
            raise self._lacking(what)
        return found

    def _lacking(self, what: str) -> SourceUnreadable:
        return SourceUnreadable(f"The metadata of '{self.title}' lack {what}.", "Use a product of Collection 2.")


_PROJECTION = ("PROJECTION_ATTRIBUTES", "LEVEL1_PROJECTION_PARAMETERS", "PROJECTION_PARAMETERS")


def is_thermal(band: str, sensor: str) -> bool:
    """True for bands of emitted radiation."""
    name = band.rpartition("_B")[2] if band.startswith("S") else band[1:]
    return name in ("10", "11") if sensor == "landsat-oli" else name.startswith("6")


def _first(groups: Groups, key: str, *names: str) -> str:
    """A key's text in the first of the named groups that has it; empty where none does."""
    return next((groups[name][key] for name in names if key in groups.get(name, {})), "")


def _groups_of_text(data: bytes, name: str) -> Groups:
    """Object description language: ``GROUP = NAME``, ``KEY = VALUE``, ``END_GROUP = NAME``."""
    groups: Groups = {}
    opened = []
    for line in data.decode("utf-8", "replace").splitlines():
        if len(line) > _LONGEST_LINE:
            raise SourceUnreadable(f"The metadata file '{name}' has a line longer than any product's.", _HINT)
        key, separator, value = (part.strip() for part in line.partition("="))
        if not separator or not _KEY.fullmatch(key):
            if line.strip() == "END":
                return groups
            continue
        key, value = key.upper(), value.strip('"')
        if key == "GROUP":
            opened.append(value)
        elif key == "END_GROUP":
            del opened[-1:]
        elif opened:
            groups.setdefault(opened[-1], {})[key] = value
    raise SourceUnreadable(f"The metadata file '{name}' is cut short: its last line, END, is missing.", _HINT)


def _groups_of_xml(data: bytes, name: str) -> Groups:
    root = parse_xml(data, name)
    return {group.tag: {entry.tag: (entry.text or "").strip() for entry in group} for group in root}


def _groups_of_json(data: bytes, name: str) -> Groups:
    try:
        document: Any = parse_json(data.decode("utf-8-sig", "replace"))
    except ValueError as error:
        raise SourceUnreadable(f"The metadata file '{name}' cannot be read ({error}).", _HINT) from error
    if isinstance(document, dict) and len(document) == 1:
        document = next(iter(document.values()))
    found = document.items() if isinstance(document, dict) else ()
    return {
        group: {key: str(value) for key, value in entries.items() if isinstance(value, (str, int, float))}
        for group, entries in found
        if isinstance(entries, dict)
    }


_READERS: Dict[str, Callable[[bytes, str], Groups]] = {
    "txt": _groups_of_text,
    "xml": _groups_of_xml,
    "json": _groups_of_json,
}


def read_metadata(data: bytes, name: str) -> LandsatMetadata:
    """Read a product's metadata file.

    Args:
        data: its contents.
        name: its file name, whose ending tells the form.

    Raises:
        SourceUnreadable: when it is damaged.
        UnsupportedRaster: when it belongs to another kind of product.
    """
    if len(data) > _LARGEST:
        raise SourceUnreadable(f"The metadata file '{name}' is larger than any product's.")
    groups = _READERS.get(name.rpartition(".")[2].lower(), _groups_of_text)(data, name)
    contents = ("PRODUCT_CONTENTS", "PRODUCT_METADATA")
    facts = ("IMAGE_ATTRIBUTES", "PRODUCT_METADATA")
    spacecraft = _SPACECRAFT.fullmatch(_first(groups, "SPACECRAFT_ID", *facts))
    instrument = _first(groups, "SENSOR_ID", *facts).upper()
    if spacecraft is None or instrument not in _INSTRUMENTS:
        raise UnsupportedRaster(
            f"The file '{name}' is no metadata of a Landsat 4 to 9 product of TM, ETM+ or OLI.",
            "Choose the _MTL.txt, _MTL.xml or _MTL.json of such a product.",
        )
    level = _first(groups, "PROCESSING_LEVEL", *contents) or _first(groups, "DATA_TYPE", *contents)
    level = level.upper() if re.fullmatch(r"L[12]\w{0,3}", level.upper()) else "L1"
    collection = _first(groups, "COLLECTION_NUMBER", *contents, "METADATA_FILE_INFO")
    quality = _first(groups, "FILE_NAME_QUALITY_L1_PIXEL", *contents)
    return LandsatMetadata(
        title=_first(groups, "LANDSAT_PRODUCT_ID", *contents, "METADATA_FILE_INFO")
        or _first(groups, "LANDSAT_SCENE_ID", *contents, "METADATA_FILE_INFO"),
        platform=f"Landsat {spacecraft.group(1)}",
        sensor=_INSTRUMENTS[instrument],
        level=level,
        collection=int(collection) if re.fullmatch("0?[12]", collection) else 0,
        corrector_off=_corrector_off(spacecraft.group(1), _first(groups, "DATE_ACQUIRED", *facts)),
        files=_files(groups, level.startswith("L2")),
        quality_file=quality or _first(groups, "FILE_NAME_BAND_QUALITY", *contents),
        groups=groups,
    )


def _corrector_off(spacecraft: str, date: str) -> bool:
    return spacecraft == "7" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) is not None and date >= _CORRECTOR_FAILED


def _files(groups: Groups, surface: bool) -> Dict[str, str]:
    """Band -> file name. Level 2 repeats the names of level 1 in another group."""
    listed = groups.get("PRODUCT_CONTENTS") or groups.get("PRODUCT_METADATA") or {}
    found = {}
    for key, value in listed.items():
        match = _BAND_FILE.fullmatch(key)
        if match and value:
            name = match.group(1)
            start = "" if name.startswith("ST_") else ("SR_B" if surface else "B")
            # A name only: metadata come from anywhere.
            found[start + name] = value.replace("\\", "/").rpartition("/")[2]
    return found
