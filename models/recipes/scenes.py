"""The Sentinel-2 scenes of the recipe: where they lie, what their licence is, and what each may be used for.

Every image is ``(4, rows, columns)`` float32 reflectance (digital number / 10000) in the order B04, B03, B02, B08.
"""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field
from typing import List

import numpy as np
from osgeo import gdal

gdal.UseExceptions()

BANDS = ("B04", "B03", "B02", "B08")
#: Near infrared below this is taken for water.
LAND_NIR = 0.05
CREDIT = "contains modified Copernicus Sentinel data"
_FROM_BLUE_FIRST = [2, 1, 0, 3]

#: Folder, licence and origin of each source whose weights may be given away. Left out though their licences allow it:
#: ukis-csmask and cloudgenerator-s2-two-dates, whose pixels were picked by nearest neighbour on another grid (their
#: spectra are flat up to the Nyquist frequency), and eurosat-samples, whose chips are smaller than a training crop.
TRAINING_SOURCES = {
    "s2-l1c-18SVG-20160112": ("CC0-1.0", "Sentinel-2A L1C, Virginia, northern two thirds of its land"),
    "ssl4eo-T43RCP": ("CC-BY-4.0", "SSL4EO-S12, Sentinel-2 L1C and L2A, Punjab"),
    "icor-mol-s2-l8": ("Apache-2.0", "Sentinel-2 L1C, Mol, test resources of openeo-geotrellis-extensions"),
    "bigearthnet": ("CDLA-Permissive-1.0", "BigEarthNet, Sentinel-2 L2A, two patches of every three"),
    "spyndex-s2": ("MIT", "spyndex, Sentinel-2 chip"),
    "xrspatial-s2-patagonia": ("MIT", "xarray-spatial, Sentinel-2, Patagonia"),
    "eolearn-s2-series": ("MIT", "eo-learn, Sentinel-2 L1C series"),
    "worldcereal-s2-series": ("MIT", "worldcereal-classification, Sentinel-2 L2A monthly composites, Belgium"),
}


@dataclass
class Scene:
    """One image and the source it comes from.

    Attributes:
        source: folder of the source.
        image: ``(4, rows, columns)`` float32 reflectance.
        place: name of the piece of ground, which other dates of it share; by default that of the source.
        valid: ``(rows, columns)``, False where a pixel holds no measurement.
    """

    source: str
    image: np.ndarray
    place: str = ""
    valid: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.image = np.ascontiguousarray(self.image, dtype=np.float32)
        self.valid = np.all(self.image > 0, axis=0)
        self.place = self.place or self.source


def read(path: str, bands: List[int] | None = None) -> np.ndarray:
    """The bands of a raster, all of them or those at the positions ``bands``."""
    array = gdal.Open(path).ReadAsArray()
    return array if bands is None else array[bands]


def paths(data: str, *pattern: str) -> List[str]:
    """Files below ``data`` in the order of their names.

    Raises:
        FileNotFoundError: when there is none.
    """
    found = sorted(glob.glob(os.path.join(glob.escape(data), *pattern)))
    if not found:
        raise FileNotFoundError(f"nothing matches {os.path.join(*pattern)} in the data folder")
    return found


def _scene(source: str, dn: np.ndarray, order: List[int] | None = None, place: str = "") -> Scene:
    """A scene from digital numbers; by default the bands come as B02, B03, B04, B08."""
    return Scene(source, dn[order or _FROM_BLUE_FIRST].astype(np.float32) / 10000, place)


def _virginia(data: str, validation: bool) -> Scene:
    """The northern two thirds of the land of 18SVG, or its southern third."""
    source = "s2-l1c-18SVG-20160112"
    image = np.stack([read(os.path.join(data, source, f"s2_{band}.jp2")) for band in BANDS])
    scene = _scene(source, image, [0, 1, 2, 3])
    land_above = np.cumsum((scene.image[3] > LAND_NIR).sum(axis=1))
    border = int(np.searchsorted(land_above, land_above[-1] * 2 / 3))
    rows = slice(border, None) if validation else slice(0, border)
    return Scene(source, scene.image[:, rows], f"{source} {'south' if validation else 'north'}")


def _bigearthnet(data: str, validation: bool) -> List[Scene]:
    """Every third patch in the order of the names validates, the others train."""
    files = paths(data, "bigearthnet", "*_10m.tif")
    return [
        _scene("bigearthnet", read(path), place=os.path.basename(path)[: -len("_10m.tif")])
        for i, path in enumerate(files)
        if (i % 3 == 2) == validation
    ]


def _archives(data: str) -> List[Scene]:
    """The sources that come as numpy archives."""
    spyndex = np.load(os.path.join(data, "spyndex-s2", "S2_10m.npz"))["data"]
    learn = np.load(os.path.join(data, "eolearn-s2-series", "reference_scenes.npz"))
    cereal = np.load(os.path.join(data, "worldcereal-s2-series", "monthly.npz"))
    scenes = [_scene("spyndex-s2", spyndex)]
    for source, archive in (("eolearn-s2-series", learn), ("worldcereal-s2-series", cereal)):
        names = [str(name) for name in archive["bands"]]
        order = [names.index(band) for band in BANDS]
        scenes += [_scene(source, date, order) for date in archive["dn"]]
    return scenes


def training_scenes(data: str) -> List[Scene]:
    """All images that weights may be trained on; ``data`` is the folder that holds the sources."""
    scenes = [_virginia(data, False), *_bigearthnet(data, False), *_archives(data)]
    for source, pattern, order in (
        ("ssl4eo-T43RCP", "*_10m.tif", [2, 1, 0, 3]),
        ("icor-mol-s2-l8", "S2_L1C_*_10m.tif", [2, 1, 0, 3]),
        ("xrspatial-s2-patagonia", "*NIR_10m.tif", [2, 1, 0, 3]),
    ):
        scenes += [_scene(source, read(path), order) for path in paths(data, source, pattern)]
    unknown = {scene.source for scene in scenes} - set(TRAINING_SOURCES)
    if unknown:
        raise ValueError(f"no licence is known for {sorted(unknown)}")
    return scenes


def validation_scenes(data: str) -> List[Scene]:
    """Parts of the training sources that no weight is fitted to."""
    return [_virginia(data, True), *_bigearthnet(data, True)]


def test_places(data: str) -> dict[str, List[Scene]]:
    """The places kept for figures, by name; one place may have several images."""
    (mat,) = paths(data, "dsen2", "*.mat")
    dsen2 = read(f'HDF5:"{mat}"://im10').transpose(0, 2, 1)
    (majortom,) = paths(data, "majortom-*", "*_10m.tif")
    terramesh = []
    for path in paths(data, "terramesh-s2", "*.tif"):
        bands = read(path, [3, 2, 1, 7])
        # Band B10 sees next to no ground, so 1000 there is the offset of processing baseline 04.00.
        offset = 1000 if path.endswith("L1C.tif") and np.median(read(path)[10]) > 900 else 0
        terramesh.append(_scene("terramesh-s2", bands.astype(np.int32) - offset, [0, 1, 2, 3]))
    return {
        "dsen2": [_scene("dsen2", dsen2, [0, 1, 2, 3])],
        "majortom": [_scene("majortom", read(majortom))],
        "terramesh": terramesh,
    }
