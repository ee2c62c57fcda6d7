"""Dates of the views of a series: found in texts, and which views a reference date and a span leave."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from sr_plugin.core.errors import ParameterError

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_./:]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d{3,5}(?!\d))")


def date_in_text(text: str) -> Optional[datetime.date]:
    """The first date in a text such as a file name (``20200604``, ``2020-06-04``, ``2020:06:04``), or None."""
    for match in _DATE.finditer(text):
        year, _, month, day = match.groups()
        try:
            return datetime.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def parse_date(text: str) -> Optional[datetime.date]:
    """A date that a user wrote; None for an empty text.

    Raises:
        ParameterError: when it is none.
    """
    text = text.strip()
    if not text:
        return None
    found = date_in_text(text)
    if found is None:
        raise ParameterError(f"'{text}' is no date.", "Write it as 2020-06-04.")
    return found


@dataclass(frozen=True)
class ChosenViews:
    """Which views take part.

    Attributes:
        order: numbers of the views from 0, the reference first, then by distance in time.
        too_far: views beyond the span.
        undated: views left out because nobody knows whether they lie within the span.
    """

    order: Tuple[int, ...]
    too_far: Tuple[int, ...] = ()
    undated: Tuple[int, ...] = ()


def choose_views(
    dates: Sequence[Optional[datetime.date]], reference: Optional[datetime.date], span_days: Optional[int]
) -> ChosenViews:
    """The reference and the views that go with it.

    The view nearest to the reference date is the reference, the first of them where several are; without a date it is
    the first view.

    Args:
        dates: of the views; None where unknown.
        reference: the date wanted.
        span_days: largest distance in days from the reference's own date.

    Raises:
        ParameterError: when dates are needed and not known.
    """
    known = [i for i, date in enumerate(dates) if date is not None]
    if (reference is not None or span_days is not None) and not known:
        raise ParameterError(
            "The dates of the rasters are not known, so no reference date and no span can be used.",
            "Give the dates, or leave reference date and span empty.",
        )
    first = 0
    if reference is not None:
        first = min(known, key=lambda i: (_days(dates[i], reference), i))
    middle = dates[first]
    if span_days is not None and middle is None:
        raise ParameterError(
            "The date of the reference is not known, so no span of days around it can be used.",
            "Give its date, a reference date, or no span.",
        )
    others = [i for i in range(len(dates)) if i != first]
    undated = [i for i in others if span_days is not None and dates[i] is None]
    too_far = [
        i for i in others if span_days is not None and dates[i] is not None and _days(dates[i], middle) > span_days
    ]
    taken: List[int] = [i for i in others if i not in undated and i not in too_far]
    taken.sort(key=lambda i: (_days(dates[i], middle), i))
    return ChosenViews((first, *taken), tuple(too_far), tuple(undated))


def _days(date: Optional[datetime.date], other: Optional[datetime.date]) -> float:
    return float("inf") if date is None or other is None else abs((date - other).days)
