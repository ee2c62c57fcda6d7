"""The radiometric add-offset of Sentinel-2 products.

Since processing baseline 04.00 (25 January 2022) the numbers of a product are shifted by 1000 so that dark pixels keep
their noise: reflectance = (DN - 1000) / 10000. Source: ESA, Sentinel-2 Products Specification Document, issue 14.9.
"""

from __future__ import annotations

import math
import re
from typing import Mapping, Optional, Sequence

#: Offset in DN and first baseline that has it.
ADD_OFFSET = -1000.0
_FIRST_BASELINE = 400
_NUMBER = re.compile("[0-9]{1,4}")
_PRODUCT = re.compile(r"S2[A-D]_MSIL[12][AC]_\d{8}T\d{6}_N(\d{4})_")
_KEYS = re.compile(r"(RADIO|BOA)_ADD_OFFSET", re.IGNORECASE)


def add_offset(names: Sequence[str], metadata: Mapping[str, str]) -> Optional[float]:
    """Offset in DN to add before dividing by the quantification, or None where none is known to apply.

    Args:
        names: dataset and file names; a product's own name tells its baseline.
        metadata: the dataset's metadata; an explicit offset or baseline comes before the name.
    """
    for key, value in metadata.items():
        if _KEYS.match(key):
            try:
                offset = float(value)
            except ValueError:
                continue
            if math.isfinite(offset):
                return offset
    baseline = metadata.get("PROCESSING_BASELINE", "").replace(".", "")
    if not _NUMBER.fullmatch(baseline):
        found = [match.group(1) for name in names for match in _PRODUCT.finditer(name)]
        baseline = found[0] if found else ""
    if _NUMBER.fullmatch(baseline) and _FIRST_BASELINE <= int(baseline) < 9000:
        return ADD_OFFSET
    return None
