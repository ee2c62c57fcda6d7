"""Landsat 4 to 9 products of Collection 1 and 2, level 1 and 2: folder, TAR or metadata file (MTL)."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Dict, List, Tuple

from sr_plugin.core.errors import SourceNotFound, SourceUnreadable, UnsupportedRaster
from sr_plugin.core.sensors import BandTable, sensor_named
from sr_plugin.raster.file_tree import FileTree, is_tar, tree_of_files, tree_of_folder, tree_of_tar
from sr_plugin.raster.landsat_metadata import LandsatMetadata, is_thermal, metadata_stem, read_metadata
from sr_plugin.raster.landsat_quality import BAND_QUALITY_FLAGS, PIXEL_FLAGS, SURFACE_FLAGS
from sr_plugin.raster.product import MaskLayer, Product, ProductBand

#: Bands that a run takes where neither user nor model names any: those that reflect, at the usual resolution.
_REFLECTIVE = ("coastal", "blue", "green", "red", "nir", "nir08", "swir16", "swir22")
#: The form of the metadata that is taken where a product has several.
_FORMS = ("txt", "xml", "json")
#: Names of scenes: those of Collection 1 and 2, and the older ones.
_SCENE = re.compile(r"L[CETMO]0[1-9]_L[12]\w{2}_\d{6}_\d{8}|L[CETMO][1-9]\d{13}[A-Z]{3}\d{2}", re.IGNORECASE)
#: Surface reflectance of Collection 1 was made on demand, with names, numbers and gaps of its own.
_ON_DEMAND = re.compile(r"(.*_)?(?:sr_band(\d)|pixel_qa)\.tiff?", re.IGNORECASE)
_ON_DEMAND_SCALE, _ON_DEMAND_NODATA = 1e-4, -9999.0
_METADATA_NAMES = "..._MTL.txt, .xml or .json"


def is_landsat_product(name: str) -> bool:
    """True for what :func:`open_landsat` reads and GDAL alone would not: a product's folder, TAR or metadata file."""
    if name.startswith("/vsi") or not os.path.exists(name):
        return False
    try:
        if os.path.isdir(name):
            return any(metadata_stem(entry) is not None for entry in os.listdir(name)) or _is_scene(name)
        if is_tar(name):
            return _is_scene(name) or any(
                metadata_stem(_base(entry)) is not None for entry in tree_of_tar(name).entries
            )
        return metadata_stem(os.path.basename(name)) is not None
    except (OSError, SourceUnreadable):
        return False


def _is_scene(name: str) -> bool:
    return _SCENE.match(os.path.basename(os.path.normpath(name))) is not None


def _base(entry: str) -> str:
    return entry.rpartition("/")[2]


def open_landsat(name: str) -> Product:
    """Open a product; no pixel is read.

    Args:
        name: folder, TAR (compressed by gzip or not), or metadata file.

    Raises:
        SourceNotFound: when it does not exist.
        SourceUnreadable: when a piece is missing or damaged; the sentence names it.
        UnsupportedRaster: when it is no Landsat product, or holds several.
    """
    tree, entry = _open_tree(name.strip())
    metadata = read_metadata(tree.read(entry), _base(entry))
    tree = tree.below(entry.rpartition("/")[0])
    product = _product(tree, metadata, metadata_stem(_base(entry)) or "")
    return replace(product, notes=_notes(tree, metadata))


def _open_tree(name: str) -> Tuple[FileTree, str]:
    """The product's files, and its metadata file among them."""
    if not name:
        raise SourceNotFound("No product was given.", "Choose the folder, the TAR or the MTL file of a product.")
    if not os.path.exists(name):
        raise SourceNotFound(f"The product '{name}' does not exist.")
    path = os.path.abspath(name)
    if os.path.isdir(path):
        tree = tree_of_folder(path)
        return tree, _metadata_entry(tree)
    if is_tar(path):
        tree = tree_of_tar(path)
        return tree, _metadata_entry(tree)
    if metadata_stem(os.path.basename(path)) is None:
        raise UnsupportedRaster(
            f"'{os.path.basename(path)}' is no Landsat product.",
            f"Choose a product's folder, its TAR, or its metadata file ({_METADATA_NAMES}).",
        )
    folder = os.path.dirname(path)
    files = [os.path.join(folder, file) for file in sorted(os.listdir(folder))]
    beside = tree_of_files([file for file in files if os.path.isfile(file)])
    entries = {os.path.basename(file): file for file in beside.entries.values()}
    return FileTree(folder, entries), os.path.basename(path)


def _metadata_entry(tree: FileTree) -> str:
    """The metadata file of the only product in a folder or archive."""
    found = [entry for entry in tree.entries if metadata_stem(_base(entry)) is not None]
    if not found:
        if _is_scene(tree.title) or any(_is_scene(entry) for entry in tree.entries):
            raise SourceUnreadable(
                f"The product '{tree.title}' lacks its metadata file ({_METADATA_NAMES}).",
                "Download the product again.",
            )
        raise UnsupportedRaster(
            f"'{tree.title}' is no Landsat product: no metadata file ({_METADATA_NAMES}) was found.",
            "Choose a product's folder, its TAR, or its metadata file.",
        )
    shallow = [entry for entry in found if entry.count("/") == min(e.count("/") for e in found)]
    stems = {(entry.rpartition("/")[0], metadata_stem(_base(entry))) for entry in shallow}
    if len(stems) > 1:
        raise UnsupportedRaster(
            f"'{tree.title}' holds {len(stems)} products.", "Choose one of them by its metadata file."
        )
    return min(shallow, key=lambda entry: _FORMS.index(entry.rpartition(".")[2].lower()))


def _product(tree: FileTree, metadata: LandsatMetadata, stem: str) -> Product:
    table = sensor_named(metadata.sensor).bands
    files = {_base(entry).lower(): path for entry, path in tree.entries.items()}
    bands = _bands(files, metadata, table)
    level, missing = metadata.level, _missing(files, metadata)
    masks = _masks(files, metadata)
    if not bands:
        ordered = _on_demand_files(tree, stem)
        on_demand = _on_demand_bands(ordered, metadata, table)
        if on_demand:
            bands, missing, level = on_demand, {}, "L2"
            masks = _on_demand_masks(ordered)
    if not bands and not missing:
        raise SourceUnreadable(f"The metadata of '{metadata.title or tree.title}' list no band files.")
    return Product(
        title=metadata.title or tree.title,
        platform=metadata.platform,
        level=level,
        bands=tuple(bands),
        missing=missing,
        masks=masks,
        sensor=metadata.sensor,
        usual=tuple(band.name for band in bands if band.common_name in _REFLECTIVE),
        classification="QA_PIXEL, BQA or pixel_qa",
    )


def _entry_of_table(table: BandTable, name: str) -> Tuple[str, float]:
    """Common name and wavelength of a band such as ``SR_B4``, ``B6_VCID_2`` or ``ST_B10``."""
    plain = f"B{name.rpartition('_B')[2]}" if name.startswith("S") else name.partition("_")[0]
    return table.get(plain, ("", 0.0))


def _bands(files: Dict[str, str], metadata: LandsatMetadata, table: BandTable) -> List[ProductBand]:
    found = []
    for name, file in metadata.files.items():
        path = files.get(file.lower())
        common, wavelength = _entry_of_table(table, name)
        if path is None or not common:
            continue
        scale, offset, unit = metadata.scaling(name)
        if name == "B6_VCID_2":
            common = ""  # the same band at high gain: found by its own name only
        resolution = metadata.resolution(name)
        found.append(ProductBand(name, path, resolution, wavelength, scale, offset, 0.0, common, unit))
    thermal = [band for band in found if is_thermal(band.name, metadata.sensor)]
    return [band for band in found if band not in thermal] + thermal


def _missing(files: Dict[str, str], metadata: LandsatMetadata) -> Dict[str, str]:
    """Bands that the metadata list but that have no file, by their names and by their common names."""
    table = sensor_named(metadata.sensor).bands
    missing = {name: file for name, file in metadata.files.items() if file.lower() not in files}
    common = {_entry_of_table(table, name)[0]: file for name, file in missing.items()}
    if "nir08" in common:
        common["nir"] = common["nir08"]
    return {**common, **missing}


def _masks(files: Dict[str, str], metadata: LandsatMetadata) -> Tuple[MaskLayer, ...]:
    path = files.get(metadata.quality_file.lower()) if metadata.quality_file else None
    flags = {1: BAND_QUALITY_FLAGS, 2: PIXEL_FLAGS}.get(metadata.collection)
    return (MaskLayer(path, 1, flags, flags=True),) if path and flags else ()


def _on_demand_files(tree: FileTree, stem: str) -> Dict[str, str]:
    """Files of the scene that a metadata file describes: number of the band, or ``""`` for the quality -> path.

    Args:
        tree: several scenes may lie side by side in it.
        stem: what stands before ``MTL`` in the metadata file's name, and before ``sr_band1`` in those of its bands.
            Only where there are none such, files without the name of a scene are taken.

    Raises:
        UnsupportedRaster: when it cannot be told which scene's files belong to the metadata file.
    """
    scenes: Dict[Tuple[str, str], Dict[str, str]] = {}
    for entry, path in tree.entries.items():
        match = _ON_DEMAND.fullmatch(_base(entry))
        if match:
            scene = ((match.group(1) or "").lower(), entry.rpartition("/")[0])
            scenes.setdefault(scene, {})[match.group(2) or ""] = path
    own = [scene for scene in scenes if scene[0] == stem.lower()] or [scene for scene in scenes if not scene[0]]
    if not own and not _is_scene(stem):
        own = list(scenes)
    if len(own) > 1:
        raise UnsupportedRaster(
            f"'{tree.title}' holds the files of {len(own)} scenes, and the metadata file's name tells none of them.",
            "Put every scene into a folder of its own, with its metadata file.",
        )
    return scenes[own[0]] if own else {}


def _on_demand_bands(files: Dict[str, str], metadata: LandsatMetadata, table: BandTable) -> List[ProductBand]:
    found = []
    for digit, path in sorted(files.items()):
        if f"B{digit}" in table:
            common, wavelength = table[f"B{digit}"]
            name = f"SR_B{digit}"
            numbers = (_ON_DEMAND_SCALE, 0.0, _ON_DEMAND_NODATA)
            found.append(ProductBand(name, path, metadata.resolution(name), wavelength, *numbers, common))
    return found


def _on_demand_masks(files: Dict[str, str]) -> Tuple[MaskLayer, ...]:
    return (MaskLayer(files[""], 1, SURFACE_FLAGS, flags=True),) if "" in files else ()


def _notes(tree: FileTree, metadata: LandsatMetadata) -> Tuple[str, ...]:
    notes = []
    if metadata.corrector_off:
        notes.append(
            "The scan line corrector of Landsat 7 had failed when this image was taken: "
            "its gaps stay gaps in the result."
        )
    if tree.archive and not tree.archive.lower().endswith(".tar"):
        notes.append("The archive is compressed, so that reading in it is slow: unpack it to save time.")
    return tuple(notes)
