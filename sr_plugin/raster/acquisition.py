"""When a raster was taken: from its metadata, else from its name."""

from __future__ import annotations

import datetime
import os
import re
from typing import Iterator, Mapping, Optional

from sr_plugin.raster.source import RasterSource

#: Metadata keys that tell a time of acquisition, in lower case, the more certain ones first; TIFFTAG_DATETIME, which is
#: mostly the time of processing, is not among them.
_KEYS = (
    "acquisitiondatetime",
    "datatake_1_datatake_sensing_start",
    "product_start_time",
    "sensing_time",
    "date_acquired",
    "acquisition_date",
    "acquisition_time",
    "acquisition_datetime",
    "datetime",
    "date",
)
_COMPACT = re.compile(r"(?<!\d)(19[7-9]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=\D|\d{6}(?:\D|$)|$)")
_WITH_SEPARATORS = re.compile(r"(?<!\d)(19[7-9]\d|20\d\d)[-_.](0[1-9]|1[0-2])[-_.](0[1-9]|[12]\d|3[01])(?!\d)")


def date_in_text(text: str) -> Optional[datetime.date]:
    """The first date of the form 20200131, 2020-01-31, 2020_01_31 or 2020.01.31, or None."""
    return next(_dates(text), None)


def _dates(text: str) -> Iterator[datetime.date]:
    found = [*_WITH_SEPARATORS.finditer(text), *_COMPACT.finditer(text)]
    for match in sorted(found, key=lambda m: m.start()):
        try:
            yield datetime.date(*(int(part) for part in match.groups()))
        except ValueError:
            continue


def acquisition_date(source: RasterSource) -> Optional[datetime.date]:
    """When the raster was taken, or None where neither its metadata nor its name tells."""
    domains = [source.dataset.GetMetadata("IMAGERY") or {}, source.dataset.GetMetadata() or {}]
    facts: Mapping[str, str] = {key.lower(): str(value) for domain in domains for key, value in domain.items()}
    for key in _KEYS:
        found = date_in_text(facts.get(key, ""))
        if found is not None:
            return found
    return date_in_text(os.path.basename(source.name.rstrip("/")))
