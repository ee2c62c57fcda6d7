"""Single bands of many sensors, for the models that enlarge any band: satellites, aircraft and drones.

Values are whatever the files hold; the networks do not care about scale (see ``any_patches.py``).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, List, Sequence

import numpy as np

from models.recipes import fusion_scenes, scenes
from models.recipes.scenes import paths, read

#: Folder, licence and origin of each source whose weights may be given away; the Sentinel-2 ones stand in ``scenes.py``
#: and ``fusion_scenes.py``.
TRAINING_SOURCES = {
    **scenes.TRAINING_SOURCES,
    **fusion_scenes.TRAINING_SOURCES,
    "landsat8-elkton-pan-ms": ("public domain", "Landsat 8, Virginia, multispectral and panchromatic"),
    "stars-l7": ("public domain", "Landsat 7, Olinda, northern three quarters"),
    "icor-mol-s2-l8": ("Apache-2.0", "Sentinel-2 and Landsat 8, Mol"),
    "naip-series": ("public domain", "NAIP aerial at 5 m, six dates"),
    "naip-chips": ("public domain", "NAIP aerial at 1 m, two of three chips"),
    "neon-aerial": ("CC0-1.0", "NEON aerial at 0.1 m, OSBS"),
    "rsvqa-hr-usgs": ("CC-BY-4.0", "USGS orthoimagery at 0.15 m, five of nine chips"),
    "ucmerced-samples": ("public domain", "UC Merced, USGS imagery at 0.3 m, two of four chips"),
    "oam-kampala": ("CC-BY-4.0", "OpenAerialMap drone imagery, Kampala, western half"),
}
CREDIT = f"{scenes.CREDIT}; OpenAerialMap contributors; Landsat, NAIP and orthoimagery courtesy of USGS and USDA"
_OLINDA_ROWS = 264
_KAMPALA_COLUMN = 2304


@dataclass(frozen=True)
class Plane:
    """One band of one image.

    Attributes:
        kind: of sensor: ``sentinel-2``, ``landsat``, ``aerial`` and so on.
        source: folder of the source.
        image: ``(rows, columns)`` float32.
        valid: ``(rows, columns)``, False where nothing was measured.
    """

    kind: str
    source: str
    image: np.ndarray
    valid: np.ndarray


def planes_of(kind: str, source: str, bands: np.ndarray, valid: np.ndarray | None = None) -> List[Plane]:
    """The bands ``(n, rows, columns)`` one by one; ``valid`` for all, by default where a value differs from zero."""
    return [
        Plane(kind, source, np.ascontiguousarray(band, dtype=np.float32), band > 0 if valid is None else valid)
        for band in bands
    ]


def _chips(data: str, kind: str, source: str, pattern: str, positions: Sequence[int] | None = None) -> List[Plane]:
    """All bands of the 8-bit files of a source, or of those at ``positions`` in the order of their names."""
    found = paths(data, source, pattern)
    chosen = found if positions is None else [found[i] for i in positions]
    return [
        plane
        for path in chosen
        for plane in planes_of(kind, source, read(path), np.ones(read(path).shape[1:], dtype=bool))
    ]


def _kampala(data: str, columns: slice) -> List[Plane]:
    image = read(os.path.join(data, "oam-kampala", "z20.tif"))[:, :, columns]
    return planes_of("drone", "oam-kampala", image[:3], image[3] > 0)


def _sentinel2(fine: Sequence[scenes.Scene], coarse: Sequence[fusion_scenes.FusionScene]) -> List[Plane]:
    planes = [plane for scene in fine for plane in planes_of("sentinel-2", scene.source, scene.image)]
    return planes + [plane for s in coarse for plane in planes_of("sentinel-2", s.source, s.groups[1])]


def training_planes(data: str) -> List[Plane]:
    """All bands that weights may be trained on; ``data`` is the folder that holds the sources."""
    olinda = read(os.path.join(data, "stars-l7", "L7_ETMs.tif"))[:, :_OLINDA_ROWS]
    elkton = [read(os.path.join(data, "landsat8-elkton-pan-ms", name)) for name in ("ms_30m.tif", "pan_15m.tif")]
    # 30 m pixels repeated on the 10 m grid of Sentinel-2.
    (mol,) = (read(path)[:, ::3, 1::3] for path in paths(data, "icor-mol-s2-l8", "L8_L1_*_on10m.tif"))
    planes = [
        *_sentinel2(scenes.training_scenes(data), fusion_scenes.training_scenes(data, 2)),
        *planes_of("landsat", "stars-l7", olinda),
        *planes_of("landsat", "landsat8-elkton-pan-ms", elkton[0]),
        *planes_of("landsat", "landsat8-elkton-pan-ms", elkton[1][None]),
        *planes_of("landsat", "icor-mol-s2-l8", mol),
        *_chips(data, "aerial", "naip-series", "*.tif"),
        *_chips(data, "aerial", "naip-chips", "m_*.tif"),
        *_chips(data, "aerial", "neon-aerial", "OSBS_029.tif"),
        *_chips(data, "aerial", "rsvqa-hr-usgs", "*.tif", (0, 3, 4, 6, 7)),
        *_chips(data, "aerial", "ucmerced-samples", "*.tif", (0, 2)),
        *_kampala(data, slice(0, _KAMPALA_COLUMN)),
    ]
    unknown = {plane.source for plane in planes} - set(TRAINING_SOURCES)
    if unknown:
        raise ValueError(f"no licence is known for {sorted(unknown)}")
    return planes


def validation_planes(data: str) -> List[Plane]:
    """Parts of the training sources that no weight is fitted to."""
    olinda = read(os.path.join(data, "stars-l7", "L7_ETMs.tif"))[:, _OLINDA_ROWS:]
    return [
        *_sentinel2(scenes.validation_scenes(data)[:1], []),
        *planes_of("landsat", "stars-l7", olinda),
        *_chips(data, "aerial", "rsvqa-hr-usgs", "*.tif", (1,)),
    ]


def test_planes(data: str) -> Dict[str, List[Plane]]:
    """The images kept for figures, by sensor and place. Sources under share-alike terms serve here alone."""
    sentinel2 = {}
    for name, fused in fusion_scenes.test_places(data, 2).items():
        planes = [plane for s in fused for group in s.groups for plane in planes_of("sentinel-2", s.source, group)]
        sentinel2[f"Sentinel-2, {name}"] = planes
    louisiana = [read(path)[:6] for path in paths(data, "landsat7-two-dates", "*.gtif")]
    rotterdam = [read(os.path.join(data, "spacenet6-ms-pan", name)) for name in ("ms1.tif", "pan1.tif")]
    # The multispectral pixels of 2 m are doubled.
    rotterdam[0] = rotterdam[0][:, ::2, ::2]
    return {
        **sentinel2,
        "Landsat 7, Louisiana": [p for image in louisiana for p in planes_of("landsat", "landsat7-two-dates", image)],
        "WorldView-2, Rotterdam": [
            *planes_of("worldview", "spacenet6-ms-pan", rotterdam[0]),
            *planes_of("worldview", "spacenet6-ms-pan", rotterdam[1][None]),
        ],
        "NAIP, Virginia": _chips(data, "aerial", "naip-chips", "sherando_*.tif"),
        "NEON, California": _chips(data, "aerial", "neon-aerial", "2018_SJER_*.tif"),
        "USGS orthoimagery": _chips(data, "aerial", "rsvqa-hr-usgs", "*.tif", (2, 5, 8)),
        "UC Merced": _chips(data, "aerial", "ucmerced-samples", "*.tif", (1, 3)),
        "Drone, Kampala": _kampala(data, slice(_KAMPALA_COLUMN, None)),
    }
