"""Classes of the scene classification of Sentinel-2 level 2A.

Source: ESA, Sentinel-2 Level-2A Algorithm Theoretical Basis Document, scene classification. Without GDAL, because the
interface lists them, too.
"""

from __future__ import annotations

from typing import Dict

#: Name -> number in the file.
SCENE_CLASSES: Dict[str, int] = {
    "saturated": 1,
    "dark_area": 2,
    "cloud_shadow": 3,
    "vegetation": 4,
    "not_vegetated": 5,
    "water": 6,
    "unclassified": 7,
    "cloud_medium": 8,
    "cloud_high": 9,
    "thin_cirrus": 10,
    "snow": 11,
}
