"""What an evaluation is asked for, and what it gives."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.card import PointSpread
from sr_plugin.core.edges import EdgeFigures
from sr_plugin.core.evaluation import BICUBIC, EvaluationSettings, Figures
from sr_plugin.core.grid import Extent, Grid, Window
from sr_plugin.core.uncertainty_figures import UncertaintyFigures
from sr_plugin.pipeline.evaluation_land_cover import LandCoverFigures, TrainingPolygon
from sr_plugin.pipeline.evaluation_rasters import result_name

#: Side of a cell of the table in pixels of the finest result.
CELL = 256


@dataclass(frozen=True)
class EvaluateRequest:
    """One evaluation.

    Attributes:
        input: GDAL dataset name of the raster that went into the models.
        results: GDAL dataset names of what came out. The finest one's grid is that of the evaluation.
        truth: GDAL dataset name of a raster of the same ground at their resolution, or empty.
        uncertainty: GDAL dataset name of the uncertainty of the first result, to be judged by the truth, or empty.
        bands: band numbers of the input; empty for all that every raster has.
        peak: range of the values for PSNR and SSIM in physical units, 0 to find it out.
        register: move the truth onto the enlarged input first.
        match: give every candidate the histogram of the truth first.
        psf: how a pixel of the input sees the ground.
        extent: ``(xmin, ymin, xmax, ymax)`` in the CRS of the first result, or None.
        mask: polygons as WKB in the CRS of the first result; what lies outside does not count.
        polygons: training polygons of land cover, or none.
        cell: side of a tile of the table in pixels of the finest result.
        table, summary, report, figure: paths of a CSV file, a JSON file, a web page and a PNG picture, or empty.
        titles: names of input, results, truth and uncertainty for people, or empty for their file names.
        worker_python: Python for the worker, empty to find one.
    """

    input: str
    results: Tuple[str, ...]
    truth: str = ""
    uncertainty: str = ""
    bands: Tuple[int, ...] = ()
    peak: float = 0.0
    register: bool = False
    match: bool = False
    psf: PointSpread = PointSpread()
    extent: Optional[Extent] = None
    mask: Tuple[bytes, ...] = ()
    polygons: Tuple[TrainingPolygon, ...] = ()
    cell: int = CELL
    table: str = ""
    summary: str = ""
    report: str = ""
    figure: str = ""
    titles: Tuple[str, ...] = ()
    worker_python: str = ""

    @property
    def names(self) -> Dict[str, str]:
        """Dataset names by plane."""
        names = {"input": self.input, **{result_name(n): name for n, name in enumerate(self.results)}}
        return {**names, "truth": self.truth} if self.truth else names

    @property
    def plane_titles(self) -> Dict[str, str]:
        """What people call the rasters; ``bicubic`` among them."""
        names = {**self.names, "uncertainty": self.uncertainty} if self.uncertainty else self.names
        titles = self.titles or tuple(os.path.basename(name) or name for name in names.values())
        return {**dict(zip(names, titles)), BICUBIC: "Bicubic"}

    @property
    def files(self) -> Dict[str, str]:
        """Paths of the wanted files."""
        paths = {"table": self.table, "summary": self.summary, "report": self.report, "figure": self.figure}
        return {name: path for name, path in paths.items() if path}


@dataclass(frozen=True)
class EvaluatedTile:
    """One cell of the table.

    Attributes:
        window: in pixels of the fine grid, from the corner of the evaluated part.
        figures: by candidate.
        uncertainty_rank: rank correlation of the first result's uncertainty and error; NaN where it is not known.
    """

    window: Window
    figures: Mapping[str, Figures]
    uncertainty_rank: float = math.nan


@dataclass(frozen=True)
class EvaluateResult:
    """What an evaluation gives.

    Attributes:
        figures: by candidate: ``bicubic``, ``result``, ``result2``, ...
        ranking: candidates with their mean place over the ranked metrics, the best first.
        titles: what people call the rasters.
        bands: names of the bands, or their numbers.
        edges: by result, against the enlarged input and the truth.
        tiles: the cells with valid pixels.
        grid: of the evaluated part.
        settings: that were used.
        truth_shift: rows and columns of the fine grid by which the truth was moved, None where it was not asked for.
        truth_spread: median distance of single windows from that shift, in the same pixels; NaN with only one window.
        matched: mean change that the matching of histograms made, by candidate and band; empty without.
        land_cover: by raster, empty without training polygons.
        histograms: ``(bands, bins)`` by raster on the fine grid.
        seconds: wall time.
        corner: column and row of the evaluated part in pixels of the finest result.
        uncertainty: how well the uncertainty of the first result foretells its error, None where none was given.
    """

    figures: Mapping[str, Figures]
    ranking: Sequence[Tuple[str, float]]
    titles: Mapping[str, str]
    bands: Tuple[str, ...]
    edges: Mapping[str, EdgeFigures]
    tiles: Sequence[EvaluatedTile]
    grid: Grid
    settings: EvaluationSettings
    truth_shift: Optional[Tuple[float, float]]
    truth_spread: float
    matched: Mapping[str, Tuple[float, ...]]
    land_cover: Mapping[str, LandCoverFigures]
    histograms: Mapping[str, np.ndarray] = field(repr=False)
    seconds: float = 0.0
    corner: Tuple[int, int] = (0, 0)
    uncertainty: Optional[UncertaintyFigures] = None

    @property
    def against_truth(self) -> bool:
        """Whether there was a truth."""
        return self.settings.against_truth

    def placed(self, window: Window) -> Window:
        """A window of the evaluated part in pixels of the whole finest result."""
        return window.shifted(*self.corner)

    def to_record(self) -> Dict[str, Any]:
        """JSON-serialisable record; None in place of NaN and infinity."""
        settings = self.settings
        return {
            "reference": "truth" if self.against_truth else "input",
            "titles": dict(self.titles),
            "bands": list(self.bands),
            "range": settings.peak,
            "ratio": settings.ratio or None,
            "size": [self.grid.width, self.grid.height],
            "ranking": [{"candidate": name, "mean_place": _plain(place)} for name, place in self.ranking],
            "figures": {name: item.to_record() for name, item in self.figures.items()},
            "edges": {name: item.to_record() for name, item in self.edges.items()},
            "truth_shift": self.truth_shift and dict(zip(("rows", "columns"), self.truth_shift)),
            "truth_shift_spread": _plain(self.truth_spread),
            "histogram_matching": {name: list(values) for name, values in self.matched.items()},
            "land_cover": {name: item.to_record() for name, item in self.land_cover.items()},
            "uncertainty": self.uncertainty and self.uncertainty.to_record(),
            "tiles": len(self.tiles),
            "seconds": self.seconds,
        }

    def short_record(self) -> Dict[str, Any]:
        """The record without what is told by band and by edge."""
        record = self.to_record()
        for figures in record["figures"].values():
            del figures["per_band"]
        kept = ("reference", "range", "titles", "ranking", "figures", "land_cover", "uncertainty")
        return {key: record[key] for key in kept}


def _plain(value: float) -> Optional[float]:
    return value if math.isfinite(value) else None
