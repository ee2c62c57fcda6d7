"""Sentinel-2 scenes with every band on its own true grid, for the models that sharpen coarse bands with fine ones.

Reflectance is the digital number / 10000, float32. Bands in the order of DSen2: B04, B03, B02, B08 at 10 m; B05, B06,
B07, B8A, B11, B12 at 20 m; B01, B09 at 60 m.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np
from osgeo import gdal

from models.recipes.scenes import LAND_NIR, paths, read

FINE = ("B04", "B03", "B02", "B08")
MIDDLE = ("B05", "B06", "B07", "B8A", "B11", "B12")
COARSE = ("B01", "B09")
#: Pixel sizes of the three groups of bands, in 10 m pixels.
RATIOS = (1, 2, 6)
#: Easting and northing in metres.
Corner = Tuple[float, float]
_METRES = 10.0
_RED_FIRST = [2, 1, 0, 3]
_TERRAMESH = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
_WITH_CIRRUS = (*_TERRAMESH[:10], "B10", *_TERRAMESH[10:])

#: Folder, licence and origin of each source whose weights may be given away. Left out though their licences allow it:
#: sources that lack a band, and those whose coarse bands were interpolated or picked on another grid.
TRAINING_SOURCES = {
    "s2-l1c-18SVG-20160112": ("CC0-1.0", "Sentinel-2A L1C, Virginia, northern two thirds of its land"),
    "ssl4eo-T43RCP": ("CC-BY-4.0", "SSL4EO-S12, Sentinel-2 L1C and L2A, Punjab"),
    "bigearthnet": ("CDLA-Permissive-1.0", "BigEarthNet, Sentinel-2 L2A, two patches of every three"),
    "eolearn-s2-series": ("MIT", "eo-learn, Sentinel-2 L1C series"),
}


@dataclass(frozen=True)
class FusionScene:
    """One acquisition; all groups have exactly one footprint.

    Attributes:
        source: folder of the source.
        groups: ``(4, h, w)``, ``(6, h / 2, w / 2)`` and, where the last is asked for, ``(2, h / 6, w / 6)`` float32
            reflectance.
    """

    source: str
    groups: Tuple[np.ndarray, ...]


def scene_of(source: str, groups: Sequence[np.ndarray], corners: Sequence[Corner] | None = None) -> FusionScene:
    """A scene from digital numbers, cut to the whole coarsest pixels that every group covers.

    Args:
        source: folder of the source.
        groups: ``(bands, rows, columns)`` digital numbers, finest first.
        corners: easting and northing in metres of the upper left corner of each group; by default all are one.

    Raises:
        ValueError: when the corners do not differ by whole pixels of the group.
    """
    corners = corners or [(0.0, 0.0)] * len(groups)
    sizes = [_METRES * ratio for ratio in RATIOS[: len(groups)]]
    starts, stops = [], []
    for axis, sign in ((1, -1), (0, 1)):
        first = [sign * corner[axis] for corner in corners]
        ends = [f + group.shape[2 - axis] * size for f, group, size in zip(first, groups, sizes)]
        begin = first[-1] + math.ceil((max(first) - first[-1]) / sizes[-1]) * sizes[-1]
        count = int((min(ends) - begin) // sizes[-1])
        offsets = [(begin - f) / size for f, size in zip(first, sizes)]
        if any(offset != int(offset) for offset in offsets):
            raise ValueError(f"the grids of {source} do not nest")
        starts.append([int(offset) for offset in offsets])
        stops.append([int(offset) + count * int(sizes[-1] // size) for offset, size in zip(offsets, sizes)])
    cut = [
        group[:, starts[0][i] : stops[0][i], starts[1][i] : stops[1][i]].astype(np.float32) / 10000
        for i, group in enumerate(groups)
    ]
    return FusionScene(source, tuple(np.ascontiguousarray(group) for group in cut))


def nominal_corners(path: str, count: int) -> List[Corner]:
    """True corners of images of the Major TOM family, which record one nominal corner for every pixel size.

    Each size was cut at the pixel of the tile's own grid that is nearest to the nominal corner; these grids begin at
    multiples of their pixel size. Taken at its word, the record puts 10 m and 20 m bands up to 10 m apart.
    """
    left, _, _, top, _, _ = gdal.Open(path).GetGeoTransform()
    sizes = [_METRES * ratio for ratio in RATIOS[:count]]
    return [(round(left / size) * size, round(top / size) * size) for size in sizes]


def _virginia(data: str, count: int, validation: bool) -> FusionScene:
    """The northern two thirds of the land of 18SVG, or its southern third; its grids begin at three corners."""
    source, groups, corners = "s2-l1c-18SVG-20160112", [], []
    for group in (FINE, MIDDLE, COARSE)[:count]:
        files = [os.path.join(data, source, f"s2_{band}.jp2") for band in group]
        groups.append(np.stack([read(path) for path in files]))
        left, _, _, top, _, _ = gdal.Open(files[0]).GetGeoTransform()
        corners.append((left, top))
    scene = scene_of(source, groups, corners)
    land_above = np.cumsum((scene.groups[0][3] > LAND_NIR).sum(axis=1))
    coarsest = RATIOS[count - 1]
    border = int(np.searchsorted(land_above, land_above[-1] * 2 / 3)) // coarsest * coarsest
    rows = [slice(border // r, None) if validation else slice(0, border // r) for r in RATIOS]
    return FusionScene(source, tuple(g[:, part] for g, part in zip(scene.groups, rows)))


def from_files(data: str, folder: str, pattern: str, count: int) -> List[FusionScene]:
    """The scenes of a folder with one file for each pixel size: ``..._10m.tif``, ``..._20m.tif``, ``..._60m.tif``."""
    found = []
    for path in paths(data, folder, pattern):
        groups = [read(path.replace("_10m", ending)) for ending in ("_10m", "_20m", "_60m")[:count]]
        found.append(scene_of(folder, [groups[0][_RED_FIRST], *groups[1:]]))
    return found


def thinned(
    image: np.ndarray, names: Sequence[str], count: int, corners: Sequence[Tuple[int, int]]
) -> List[np.ndarray]:
    """The true groups of an image whose coarse bands were repeated on the 10 m grid.

    Args:
        image: ``(bands, h, w)``.
        names: of its bands.
        count: groups wanted.
        corners: row and column on the 10 m grid at which the whole pixels of each group begin.
    """
    bands = (FINE, MIDDLE, COARSE)[:count]
    picked = [image[[list(names).index(band) for band in group]] for group in bands]
    return [g[:, top::ratio, left::ratio] for g, ratio, (top, left) in zip(picked, RATIOS, corners)]


def _eolearn(data: str, count: int) -> List[FusionScene]:
    archive = np.load(os.path.join(data, "eolearn-s2-series", "reference_scenes.npz"))
    names = [str(name) for name in archive["bands"]]
    first = (1, 0) if count == 2 else (5, 0)
    return [scene_of("eolearn-s2-series", thinned(date, names, count, [first] * count)) for date in archive["dn"]]


def training_scenes(data: str, count: int) -> List[FusionScene]:
    """All scenes that weights may be trained on.

    Args:
        data: folder that holds the sources.
        count: groups of bands wanted, 2 (10 m and 20 m) or 3 (also 60 m).
    """
    patches = from_files(data, "bigearthnet", "*_10m.tif", count)
    scenes = [_virginia(data, count, False), *(p for i, p in enumerate(patches) if i % 3 != 2)]
    # The first two dates of eo-learn are cloudy, and clouds stand elsewhere in every band.
    scenes += _eolearn(data, count)[2:]
    if count == 2:
        # Its 60 m bands lie three quarters of a pixel beside the others.
        scenes += from_files(data, "ssl4eo-T43RCP", "*_10m.tif", count)
    unknown = {scene.source for scene in scenes} - set(TRAINING_SOURCES)
    if unknown:
        raise ValueError(f"no licence is known for {sorted(unknown)}")
    return scenes


def validation_scenes(data: str, count: int) -> List[FusionScene]:
    """Parts of the training sources that no weight is fitted to; arguments as for :func:`training_scenes`."""
    patches = from_files(data, "bigearthnet", "*_10m.tif", count)
    return [_virginia(data, count, True), *patches[2::3]]


def test_places(data: str, count: int) -> Dict[str, List[FusionScene]]:
    """The places kept for figures, by name; arguments as for :func:`training_scenes`.

    The cells of TerraMesh hold only 6 x 6 pixels of 360 m and serve for the 20 m bands alone.
    """
    (mat,) = paths(data, "dsen2", "*.mat")
    dsen2 = [read(f'HDF5:"{mat}"://im{size}').transpose(0, 2, 1) for size in (10, 20, 60)[:count]]
    (majortom,) = paths(data, "majortom-*", "*_10m.tif")
    groups = [read(majortom.replace("_10m", ending)) for ending in ("_10m", "_20m", "_60m")[:count]]
    groups[0] = groups[0][_RED_FIRST]
    places = {
        "dsen2": [scene_of("dsen2", dsen2)],
        "majortom": [scene_of("majortom", groups, nominal_corners(majortom, count))],
    }
    if count == 2:
        places["terramesh"] = [_terramesh(path) for path in paths(data, "terramesh-s2", "*.tif")]
    return places


def _terramesh(path: str) -> FusionScene:
    image, names = read(path).astype(np.int32), _TERRAMESH
    if path.endswith("L1C.tif"):
        # Band B10 sees next to no ground, so 1000 there is the offset of processing baseline 04.00.
        image, names = image - (1000 if np.median(image[10]) > 900 else 0), _WITH_CIRRUS
    return scene_of("terramesh-s2", thinned(image, names, 2, [(0, 0)] * 2), nominal_corners(path, 2))
