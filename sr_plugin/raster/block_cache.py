"""A cap on GDAL's block cache while a run lasts.

GDAL keeps decoded blocks up to a share of the machine's memory, so building overviews of a large result would fill
gigabytes. The limit belongs to the whole process; it is lowered while at least one run needs that, and put back after.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator, List

from osgeo import gdal

#: Bytes of cache during a run: enough for the blocks that tiles side by side share.
RUN_CACHE = 12 << 20

_lock = threading.Lock()
_wanted: List[int] = []
_before = 0


@contextmanager
def limited_block_cache(source_bytes: int = 0) -> Iterator[None]:
    """Limit the cache while the block lasts, never beyond what it was.

    Args:
        source_bytes: what the source needs on top of :data:`RUN_CACHE`.
    """
    global _before
    with _lock:
        if not _wanted:
            _before = gdal.GetCacheMax()
        _wanted.append(RUN_CACHE + source_bytes)
        gdal.SetCacheMax(min(_before, sum(_wanted)))
    try:
        yield
    finally:
        with _lock:
            _wanted.remove(RUN_CACHE + source_bytes)
            gdal.SetCacheMax(min(_before, sum(_wanted)) if _wanted else _before)
