"""Sentinel-2 products of level 1C and 2A: SAFE folder, its ZIP, its metadata file, a granule, or band files."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Tuple

from sr_plugin.core.errors import SourceNotFound, SourceUnreadable, UnsupportedRaster
from sr_plugin.core.sensors import SENTINEL2
from sr_plugin.raster.cloud_polygons import CLOUD_TYPES
from sr_plugin.raster.file_tree import FileTree, tree_of_files, tree_of_folder, tree_of_zip
from sr_plugin.raster.product import MaskLayer, Product, ProductBand
from sr_plugin.raster.sentinel2_classes import SCENE_CLASSES
from sr_plugin.raster.sentinel2_metadata import QUANTIFICATION, Sentinel2Metadata, is_product_metadata, read_metadata
from sr_plugin.raster.sentinel2_offset import add_offset

#: Side of a pixel in metres.
RESOLUTIONS: Dict[str, int] = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 10),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B01", "B09", "B10"), 60),
}
#: Separates band files that are given one by one.
SEPARATOR = ";"

_IMAGE = r"\.(?:jp2|tiff?)"
_BAND = re.compile(rf"(?:.*[_\-. ])?(B(?:0[1-9]|1[0-2]|8A))(?:_(10|20|60)m)?{_IMAGE}", re.IGNORECASE)
#: The first processors of level 2A wrote the word in the middle of the name.
_SCENE = re.compile(rf"(?:.*[_\-. ])?SCL(?:_L2A_TL_.*)?(?:_(20|60)m)?{_IMAGE}", re.IGNORECASE)
_CLASSIFICATION = re.compile(rf"MSK_CLASSI_B00{_IMAGE}", re.IGNORECASE)
_CLOUDS = re.compile(r"(?:.*_)?MSK_CLOUDS_(?:.*_)?B00(?:_MSIL1C)?\.gml", re.IGNORECASE)
_NOT_BANDS = re.compile(r"(?:^|/)(?:QI_DATA|AUX_DATA|HTML|rep_info)/|(?:^|/)MSK_", re.IGNORECASE)
_TILE = re.compile(r"(?:^|_)T(\d{2}[A-Z]{3})(?:_|$)")
#: Processing baseline in a product's name; with it, having no offset is a fact.
_BASELINE = re.compile(r"S2[A-D]_MSIL[12][AC]_\d{8}T\d{6}_N\d{4}_")
_METADATA_NAMES = "MTD_MSIL1C.xml or MTD_MSIL2A.xml"


def is_sentinel2_product(name: str) -> bool:
    """True for what :func:`open_sentinel2` reads and GDAL alone would not: a product's folder, ZIP or metadata file.

    Folders and ZIPs that hold something else, such as Zarr, are left to GDAL.
    """
    if name.startswith("/vsi"):
        return False
    if SEPARATOR in name and not os.path.exists(name):
        return all(_BAND.fullmatch(os.path.basename(part.strip())) for part in name.split(SEPARATOR) if part.strip())
    base = os.path.basename(os.path.normpath(name))
    if is_product_metadata(base) or base.upper() == "MTD_TL.XML" or base.upper().endswith(".SAFE"):
        return True
    try:
        if os.path.isdir(name):
            granule = os.path.basename(os.path.dirname(os.path.abspath(name))).upper() == "GRANULE"
            return granule or any(_tells(entry) for entry in os.listdir(name))
        return base.lower().endswith(".zip") and any(_tells(entry) for entry in tree_of_zip(name).entries)
    except (OSError, SourceUnreadable):
        return False


def _tells(entry: str) -> bool:
    """True for a file that only Sentinel-2 products have."""
    file = entry.rpartition("/")[2]
    return is_product_metadata(file) or _BAND.fullmatch(file) is not None


def open_sentinel2(name: str) -> Product:
    """Open a product; no pixel is read.

    Args:
        name: SAFE folder, its ZIP, its metadata file, the folder or metadata file of one of its granules, a folder
            of band files, or band files with semicolons between them.

    Raises:
        SourceNotFound: when it does not exist.
        SourceUnreadable: when a piece is missing or damaged; the sentence names it.
        UnsupportedRaster: when it is no Sentinel-2 product, or holds several tiles.
    """
    tree, granule = _open_tree(name.strip())
    listed = [entry for entry in tree.entries if is_product_metadata(entry.rpartition("/")[2])]
    shallow = [entry for entry in listed if entry.count("/") == min(e.count("/") for e in listed)]
    if len(shallow) > 1:
        raise UnsupportedRaster(
            f"'{tree.title}' holds {len(shallow)} products.", f"Choose one of them by its {_METADATA_NAMES}."
        )
    metadata = None
    if shallow:
        metadata = read_metadata(tree.read(shallow[0]), shallow[0].rpartition("/")[2])
        tree = tree.below(shallow[0].rpartition("/")[0])
    elif ".safe" in (tree.title + " " + " ".join(list(tree.entries)[:50])).lower():
        raise SourceUnreadable(
            f"The product '{tree.title}' lacks its metadata file ({_METADATA_NAMES}).", "Download the product again."
        )
    return _product(tree, granule, metadata)


def _open_tree(name: str) -> Tuple[FileTree, str]:
    """The product's files, and the granule that was asked for (empty for the only one)."""
    if not name:
        raise SourceNotFound("No product was given.", "Choose a SAFE folder, a ZIP or a metadata file.")
    if SEPARATOR in name:
        return tree_of_files([part.strip() for part in name.split(SEPARATOR) if part.strip()]), ""
    if not os.path.exists(name):
        raise SourceNotFound(f"The product '{name}' does not exist.")
    path = os.path.abspath(name)
    if os.path.isfile(path) and not path.lower().endswith(".xml"):
        if path.lower().endswith(".zip"):
            return tree_of_zip(path), ""
        return tree_of_files([path]), ""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    above = os.path.dirname(folder)
    if os.path.basename(above).upper() == "GRANULE":
        return tree_of_folder(os.path.dirname(above)), os.path.basename(folder)
    if os.path.isfile(path) and not is_product_metadata(os.path.basename(path)):
        raise UnsupportedRaster(
            f"'{os.path.basename(path)}' is no metadata file of a Sentinel-2 product.", f"Choose {_METADATA_NAMES}."
        )
    return tree_of_folder(folder), ""


def _product(tree: FileTree, granule: str, metadata: Optional[Sentinel2Metadata]) -> Product:
    inside = [e for e in tree.entries if not granule or f"GRANULE/{granule}/" in e]
    images = {i.lower() for i in metadata.images} if metadata else set()
    files = _band_files(inside, images, tree.title)
    missing = _missing_files(metadata, granule, files) if metadata else {}
    if not files and not missing:
        raise UnsupportedRaster(
            f"'{tree.title or next(iter(tree.entries), '')}' is no Sentinel-2 product: no band files such as "
            "..._B04.jp2 were found.",
            "Choose a SAFE folder, its ZIP, its metadata file, or a folder of band files.",
        )
    told = [*inside, tree.root, *list(tree.entries.values())[:1]]
    implied = add_offset(told, {}) if metadata is None else None
    bands = [_band(name, *files[name], tree, metadata, implied) for name in SENTINEL2 if name in files]
    title = metadata.title if metadata and metadata.title else tree.title
    return Product(
        title=title or os.path.basename(bands[0].path if bands else "Sentinel-2"),
        platform=metadata.platform if metadata else "Sentinel-2",
        level=metadata.level if metadata else "",
        bands=tuple(bands),
        missing=missing,
        masks=_masks(tree, inside),
        notes=() if metadata else _without_metadata(implied, told),
        sensor="sentinel2",
        classification="SCL, MSK_CLASSI or MSK_CLOUDS",
    )


def _without_metadata(implied: Optional[float], names: List[str]) -> Tuple[str, ...]:
    if implied:
        return (f"There is no metadata file; by the product's name reflectance = (number {implied:+g}) / 10000.",)
    if any(_BASELINE.search(name) for name in names):
        return ()
    return (
        "There is no metadata file: reflectance is taken as number / 10000, without the offset that products have "
        "since January 2022. Choose the product's metadata file if that is wrong.",
    )


def _band_files(entries: List[str], images: set, title: str) -> Dict[str, Tuple[str, int]]:
    """Band -> file and its resolution; the finest where there are several (level 2A)."""
    candidates: Dict[Tuple[str, int], List[str]] = {}
    for entry in entries:
        name = entry.rpartition("/")[2]
        match = _BAND.fullmatch(name)
        if match is None or _NOT_BANDS.search(entry):
            continue
        band = match.group(1).upper()
        resolution = int(match.group(2) or RESOLUTIONS[band])
        candidates.setdefault((band, resolution), []).append(entry)
    found: Dict[str, Tuple[str, int]] = {}
    for (band, resolution), files in sorted(candidates.items(), key=lambda item: item[0][1]):
        named = [f for f in files if f.rpartition("/")[2].rpartition(".")[0].lower() in images]
        files = named or files
        if len(files) > 1:
            raise UnsupportedRaster(_several(band, files, title), _one_tile_hint(files))
        found.setdefault(band, (files[0], resolution))
    return found


def _several(band: str, files: List[str], title: str) -> str:
    tiles = sorted({tile for file in files for tile in _TILE.findall(re.sub(r"[/.]", "_", file))})
    what = f"{len(tiles)} tiles ({', '.join(tiles[:6])})" if len(tiles) > 1 else f"{len(files)} files of band {band}"
    return f"The product '{title}' holds {what}, but one tile is processed at a time."


def _one_tile_hint(files: List[str]) -> str:
    if all("GRANULE/" in file for file in files):
        return "Choose the folder of one of its granules."
    return "Choose a folder that holds one file of each band."


def _missing_files(metadata: Sentinel2Metadata, granule: str, files: Dict[str, Tuple[str, int]]) -> Dict[str, str]:
    """Bands that the metadata lists but that have no file."""
    missing: Dict[str, str] = {}
    tile = _TILE.search(granule)
    for image in metadata.images:
        if tile and tile.group(1) not in image:
            continue
        match = _BAND.fullmatch(f"{image}.jp2")
        if match and match.group(1).upper() not in files:
            missing.setdefault(match.group(1).upper(), f"{image}.jp2")
    if not metadata.images:
        expected = [n for n in RESOLUTIONS if not (n == "B10" and metadata.level == "L2A")]
        missing = {n: f"..._{n}.jp2" for n in expected if n not in files}
    return missing


def _band(
    name: str,
    entry: str,
    resolution: int,
    tree: FileTree,
    metadata: Optional[Sentinel2Metadata],
    implied: Optional[float],
) -> ProductBand:
    common, wavelength = SENTINEL2[name]
    if metadata is not None:
        scale, offset = metadata.scaling(name)
        wavelength, nodata = metadata.wavelengths_um[name], metadata.nodata
    else:
        scale, offset, nodata = 1 / QUANTIFICATION, (implied or 0.0) / QUANTIFICATION, 0.0
    return ProductBand(name, tree.entries[entry], resolution, wavelength, scale, offset, nodata, common)


def _masks(tree: FileTree, entries: List[str]) -> Tuple[MaskLayer, ...]:
    """Scene classification of level 2A at its finest, else the classification or the cloud polygons of level 1C."""
    scenes: List[Tuple[int, str]] = []
    for entry in entries:
        name = entry.rpartition("/")[2]
        if _SCENE.fullmatch(name):
            scenes.append((60 if re.search(r"_60m\.", name, re.IGNORECASE) else 20, entry))
    if scenes:
        return (MaskLayer(tree.entries[min(scenes)[1]], 1, SCENE_CLASSES),)
    for entry in entries:
        if _CLASSIFICATION.fullmatch(entry.rpartition("/")[2]):
            path = tree.entries[entry]
            opaque = {"cloud_medium": 1, "cloud_high": 1}
            return (MaskLayer(path, 1, opaque), MaskLayer(path, 2, {"thin_cirrus": 1}), MaskLayer(path, 3, {"snow": 1}))
    for entry in entries:
        if _CLOUDS.fullmatch(entry.rpartition("/")[2]):
            numbers = {"cloud_medium": "OPAQUE", "cloud_high": "OPAQUE", "thin_cirrus": "CIRRUS"}
            return (MaskLayer(tree.entries[entry], 1, {name: CLOUD_TYPES[kind] for name, kind in numbers.items()}),)
    return ()
