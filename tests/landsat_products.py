"""Small Landsat products on the disk, laid out as USGS lays them out, with metadata of both collections and levels."""

from __future__ import annotations

import json
import math
import pathlib
import tarfile
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from tests.conftest import write_raster

#: Rows and columns of the bands of 30 m.
SHAPE = (36, 40)
#: Corners of pixels lie between the multiples of 30 m, so that no Landsat grid nests with one of Sentinel-2.
CORNER = (399585.0, 4182615.0)
SUN_ELEVATION = 30.88235160
#: Factors of reflectance at the top of the atmosphere, by the kind of numbers.
BYTES, WORDS = (1.1661e-03, -0.010450), (2.0e-05, -0.1)
SURFACE, TEMPERATURE, RADIANCE = (2.75e-05, -0.2), (0.00341802, 149.0), (6.7087e-02, -0.06709)
PATH_ROW = "015034"
TM = ("1", "2", "3", "4", "5", "6", "7")
ETM = ("1", "2", "3", "4", "5", "6_VCID_1", "6_VCID_2", "7", "8")
OLI = tuple(str(number) for number in range(1, 12))


def instrument(spacecraft: int) -> str:
    """SENSOR_ID."""
    return {4: "TM", 5: "TM", 7: "ETM", 8: "OLI_TIRS", 9: "OLI_TIRS"}[spacecraft]


def numbers_of(spacecraft: int, level: int) -> Tuple[str, ...]:
    """What stands behind FILE_NAME_BAND_ in the metadata."""
    if level == 1:
        return {"TM": TM, "ETM": ETM, "OLI_TIRS": OLI}[instrument(spacecraft)]
    if instrument(spacecraft) == "OLI_TIRS":
        return (*OLI[:7], "ST_B10")
    return ("1", "2", "3", "4", "5", "7", "ST_B6")


def band_name(number: str, level: int) -> str:
    """Name of a band as USGS writes it behind the product's name."""
    if number.startswith("ST_"):
        return number
    return f"SR_B{number}" if level == 2 else f"B{number}"


def pixels_of(name: str, dtype: Any, pan: bool = False) -> np.ndarray:
    """Numbers that differ in every band, with a corner without data."""
    rows, columns = (2 * SHAPE[0] - 1, 2 * SHAPE[1] - 1) if pan else SHAPE
    rng = np.random.default_rng(sum(map(ord, name)))
    low, high = (20, 200) if np.dtype(dtype) == np.uint8 else (7500, 16000)
    pixels = rng.integers(low, high, (rows, columns)).astype(dtype)
    pixels[:2, :3] = 0
    return pixels


def stripes(rows: int, columns: int) -> np.ndarray:
    """Gaps as of a failed scan line corrector: lines that widen away from the middle; True where nothing was seen."""
    row, column = np.mgrid[:rows, :columns]
    width = np.abs(column - columns / 2) / columns * 6
    return (row + 3) % 12 < width


def product_name(spacecraft: int, collection: int, level: int, date: str) -> str:
    """LANDSAT_PRODUCT_ID."""
    start = {"TM": "LT", "ETM": "LE", "OLI_TIRS": "LC"}[instrument(spacecraft)]
    kind = "L1TP" if level == 1 or collection == 1 else "L2SP"
    day = date.replace("-", "")
    return f"{start}{spacecraft:02d}_{kind}_{PATH_ROW}_{day}_20200905_{collection:02d}_T1"


def metadata_groups(
    spacecraft: int, collection: int, level: int, date: str, files: Dict[str, str], quality: str = ""
) -> Dict[str, Dict[str, str]]:
    """The groups of a metadata file, reduced to what readers need, but with what may mislead them.

    Args:
        spacecraft: 4 to 9.
        collection: 1 or 2.
        level: 1 or 2.
        date: day of the image.
        files: what stands behind FILE_NAME_BAND_ -> file name.
        quality: file of the quality band.
    """
    name = product_name(spacecraft, collection, level, date)
    facts = {"SPACECRAFT_ID": f"LANDSAT_{spacecraft}", "SENSOR_ID": instrument(spacecraft), "DATE_ACQUIRED": date}
    listed = {f"FILE_NAME_BAND_{number}": file for number, file in files.items()}
    factors = WORDS if spacecraft >= 8 else BYTES
    rescaling = {}
    for number in numbers_of(spacecraft, 1):
        rescaling[f"RADIANCE_MULT_BAND_{number}"] = f"{RADIANCE[0]:.4E}"
        rescaling[f"RADIANCE_ADD_BAND_{number}"] = f"{RADIANCE[1]:.5f}"
        if not number.startswith("6_") and number not in (("10", "11") if spacecraft >= 8 else ("6",)):
            rescaling[f"REFLECTANCE_MULT_BAND_{number}"] = f"{factors[0]:.4E}"
            rescaling[f"REFLECTANCE_ADD_BAND_{number}"] = f"{factors[1]:.6f}"
    cells = {"GRID_CELL_SIZE_REFLECTIVE": "30.00", "GRID_CELL_SIZE_THERMAL": "30.00"}
    if spacecraft >= 7 and level == 1:
        cells["GRID_CELL_SIZE_PANCHROMATIC"] = "15.00"
    sun = {"CLOUD_COVER": "10.00", "SUN_AZIMUTH": "100.58959827", "SUN_ELEVATION": f"{SUN_ELEVATION:.8f}"}
    if collection == 1:
        quality_entry = {"FILE_NAME_BAND_QUALITY": quality} if quality else {}
        return {
            "METADATA_FILE_INFO": {"LANDSAT_PRODUCT_ID": name, "COLLECTION_NUMBER": "01"},
            "PRODUCT_METADATA": {"DATA_TYPE": "L1TP", **facts, **listed, **quality_entry},
            "IMAGE_ATTRIBUTES": sun,
            "RADIOMETRIC_RESCALING": rescaling,
            "PROJECTION_PARAMETERS": cells,
        }
    quality_entry = {"FILE_NAME_QUALITY_L1_PIXEL": quality} if quality else {}
    first = name.replace("L2SP", "L1TP")
    groups = {
        "PRODUCT_CONTENTS": {
            "LANDSAT_PRODUCT_ID": name,
            "PROCESSING_LEVEL": "L1TP" if level == 1 else "L2SP",
            "COLLECTION_NUMBER": "02",
            **listed,
            **quality_entry,
        },
        "IMAGE_ATTRIBUTES": {**facts, **sun},
        "PROJECTION_ATTRIBUTES": cells,
        "LEVEL1_PROCESSING_RECORD": {
            "LANDSAT_PRODUCT_ID": first,
            "PROCESSING_LEVEL": "L1TP",
            **{f"FILE_NAME_BAND_{n}": f"{first}_B{n}.TIF" for n in numbers_of(spacecraft, 1)},
        },
        "LEVEL1_RADIOMETRIC_RESCALING": rescaling,
    }
    if level == 2:
        reflective = [n for n in files if not n.startswith("ST_")]
        groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"] = {
            **{f"REFLECTANCE_MULT_BAND_{n}": f"{SURFACE[0]}" for n in reflective},
            **{f"REFLECTANCE_ADD_BAND_{n}": f"{SURFACE[1]:.6f}" for n in reflective},
        }
        groups["LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"] = {
            **{f"TEMPERATURE_MULT_BAND_{n}": f"{TEMPERATURE[0]}" for n in files if n.startswith("ST_")},
            **{f"TEMPERATURE_ADD_BAND_{n}": f"{TEMPERATURE[1]}" for n in files if n.startswith("ST_")},
        }
    return groups


def metadata_text(groups: Dict[str, Dict[str, str]], form: str) -> str:
    """The groups as ``txt``, ``xml`` or ``json``."""
    root = "L1_METADATA_FILE" if "PRODUCT_METADATA" in groups else "LANDSAT_METADATA_FILE"
    if form == "json":
        return json.dumps({root: groups}, indent=2)
    if form == "xml":
        inner = "".join(
            f"<{group}>{''.join(f'<{k}>{v}</{k}>' for k, v in entries.items())}</{group}>"
            for group, entries in groups.items()
        )
        return f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'
    lines = [f"GROUP = {root}"]
    for group, entries in groups.items():
        lines.append(f"  GROUP = {group}")
        for key, value in entries.items():
            number = value.replace(".", "").replace("-", "").replace("E", "").replace("e", "").isdigit()
            lines.append(f"    {key} = {value if number and len(value) > 2 else _quoted(value)}")
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, f"END_GROUP = {root}", "END", ""])


def _quoted(text: str) -> str:
    return f'"{text}"'


def top_of_atmosphere(factors: Tuple[float, float]) -> Tuple[float, float]:
    """Scale and offset of reflectance at level 1, by the USGS' formula."""
    sine = math.sin(math.radians(SUN_ELEVATION))
    return factors[0] / sine, factors[1] / sine


def make_landsat(
    folder: pathlib.Path,
    spacecraft: int = 8,
    collection: int = 2,
    level: int = 1,
    form: str = "txt",
    date: str = "2001-07-14",
    bands: Optional[Sequence[str]] = None,
    quality: Optional[np.ndarray] = None,
    gaps: bool = False,
    pixels: Optional[Dict[str, np.ndarray]] = None,
    corner: Tuple[float, float] = CORNER,
) -> Tuple[pathlib.Path, Dict[str, np.ndarray]]:
    """Lay out a product.

    Args:
        folder: where to.
        spacecraft: 4, 5, 7, 8 or 9.
        collection: 1 or 2; level 2 of Collection 1 is that of the on-demand processor.
        level: 1 or 2.
        form: of the metadata: ``txt``, ``xml`` or ``json``.
        date: day of the image.
        bands: what stands behind FILE_NAME_BAND_; all of the sensor unless given.
        quality: quality band; none unless given.
        gaps: leave out the lines that a failed scan line corrector misses.
        pixels: of bands, by their name, that shall not be made up.
        corner: upper-left corner of the bands of 30 m.

    Returns:
        The product's folder and the pixels of its bands by their names, such as ``B4``, ``SR_B4`` or ``ST_B10``.
    """
    name = product_name(spacecraft, collection, level, date)
    root = folder / name
    root.mkdir(parents=True)
    on_demand = collection == 1 and level == 2
    numbers = tuple(bands or numbers_of(spacecraft, level))
    made: Dict[str, np.ndarray] = {}
    files: Dict[str, str] = {}
    for number in numbers:
        band = band_name(number, level)
        pan = number == "8"
        dtype = np.int16 if on_demand else (np.uint16 if level == 2 or spacecraft >= 8 else np.uint8)
        array = (pixels or {}).get(band)
        array = pixels_of(band, dtype, pan) if array is None else array.astype(dtype)
        if on_demand:
            array[array == 0] = -9999
        if gaps:
            array[stripes(*array.shape)] = -9999 if on_demand else 0
        made[band] = array
        if on_demand and number.startswith("ST_"):
            continue
        files[number] = f"{name}_sr_band{number}.tif" if on_demand else f"{name}_{band}.TIF"
        step, half = (15.0, 7.5) if pan else (30.0, 0.0)
        place = (corner[0] + half, step, 0.0, corner[1] - half, 0.0, -step)
        write_raster(root / files[number], array, place)
    quality_name = ""
    if quality is not None:
        end = "pixel_qa.tif" if on_demand else ("BQA.TIF" if collection == 1 else "QA_PIXEL.TIF")
        quality_name = f"{name}_{end}"
        write_raster(root / quality_name, quality.astype(np.uint16), (corner[0], 30.0, 0.0, corner[1], 0.0, -30.0))
    # What lies beside the bands in a real product and must not be taken for one.
    write_raster(root / f"{name}_SAA.TIF", np.ones(SHAPE, np.int16))
    if on_demand:
        first = {n: f"{name}_B{n}.TIF" for n in numbers_of(spacecraft, 1)}
        groups = metadata_groups(spacecraft, 1, 1, date, first, f"{name}_BQA.TIF")
    else:
        groups = metadata_groups(spacecraft, collection, level, date, files, quality_name)
    (root / f"{name}_MTL.{form}").write_text(metadata_text(groups, form))
    return root, made


def packed(root: pathlib.Path, ending: str = ".tar", start: str = "") -> pathlib.Path:
    """The product as it is downloaded: USGS packs the files without anything in front of their names."""
    path = root.parent / f"{root.name}{ending}"
    with tarfile.open(path, "w" if ending == ".tar" else "w:gz") as archive:
        for file in sorted(root.iterdir()):
            archive.add(file, start + file.name)
    return path
