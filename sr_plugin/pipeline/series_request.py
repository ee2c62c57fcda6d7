"""What a run on a series is asked for, and what it gives."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Optional, Tuple

from sr_plugin.core.series_choices import MATCH_LOCAL
from sr_plugin.pipeline.request import SuperResolveRequest, SuperResolveResult


@dataclass(frozen=True)
class SeriesView:
    """One raster of a series.

    Attributes:
        input: any GDAL dataset name.
        mask: a raster whose first band is not 0 where the view shows a cloud; empty for none.
        date: when it was taken; None to look for it in the raster's metadata and name.
    """

    input: str
    mask: str = ""
    date: Optional[datetime.date] = None


@dataclass(frozen=True)
class SeriesRequest:
    """One run on a series.

    Attributes:
        run: what a run on one raster is asked for; its ``input`` is not used, its ``bands`` hold for all views.
        views: the rasters; the first is the reference unless a date says otherwise.
        reference_date: the view nearest to it is the reference; None for the first view.
        span_days: views further from the reference's date are left out; None for all.
        match: how values are brought to those of the reference: ``local``, ``global`` or ``none``.
        threshold: multiples of the noise beyond which a view counts as changed; 0 takes nothing for a change.
        register: find shifts in the images; otherwise the georeference is believed.
        changes: path of a raster of how many views differ from the reference, empty for none.
    """

    run: SuperResolveRequest
    views: Tuple[SeriesView, ...]
    reference_date: Optional[datetime.date] = None
    span_days: Optional[int] = None
    match: str = MATCH_LOCAL
    threshold: float = 5.0
    register: bool = True
    changes: str = ""


@dataclass(frozen=True)
class ViewReport:
    """What became of one view.

    Attributes:
        name: file name.
        date: as far as known.
        shift: rows and columns to its true place beyond whole pixels, in pixels of the reference.
        windows: windows of the scene that agree on the shift; 0 where the georeference is believed.
        spread: by how much these differ, in pixels.
        clear: share of valid pixels.
        interpolated: True where pixel size, CRS or direction were not those of the reference.
    """

    name: str
    date: Optional[datetime.date]
    shift: Tuple[float, float]
    windows: int
    spread: float
    clear: float
    interpolated: bool


@dataclass(frozen=True)
class SeriesResult:
    """What a whole run gives.

    Attributes:
        run: the figures of the run.
        views: the reference first.
        changes: path of the raster of changes, empty where none was asked for.
    """

    run: SuperResolveResult
    views: Tuple[ViewReport, ...]
    changes: str
