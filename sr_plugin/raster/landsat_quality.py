"""Classes of the pixel quality bands of Landsat products. Without GDAL, because the interface lists them, too.

Sources: USGS, Landsat Collection 2 Data Format Control Books (LSDS-1336, LSDS-1822), Landsat Collection 1 Level-1
Quality Assessment Band, Landsat Surface Reflectance Product Guides (LSDS-1370, LSDS-1368).
"""

from __future__ import annotations

from typing import Dict

#: ``QA_PIXEL`` of Collection 2: class -> its bits, all of which are set.
PIXEL_FLAGS: Dict[str, int] = {
    "cloud": 1 << 3,
    "dilated_cloud": 1 << 1,
    "cirrus": 1 << 2,
    "cloud_shadow": 1 << 4,
    "snow": 1 << 5,
    "water": 1 << 7,
}
#: ``BQA`` of Collection 1, level 1; shadow, snow and cirrus have two bits of confidence, both set where it is high.
BAND_QUALITY_FLAGS: Dict[str, int] = {
    "cloud": 1 << 4,
    "cloud_shadow": 3 << 7,
    "snow": 3 << 9,
    "cirrus": 3 << 11,
}
#: ``pixel_qa`` of Collection 1, level 2.
SURFACE_FLAGS: Dict[str, int] = {
    "cloud": 1 << 5,
    "cloud_shadow": 1 << 3,
    "snow": 1 << 4,
    "water": 1 << 2,
    "cirrus": 3 << 8,
}
