"""The uncertainty of the first result against its error: reading, checks, and a bounded sample."""

from __future__ import annotations

from typing import Callable, Dict, List, Sequence, Tuple

import numpy as np

from sr_plugin.core.errors import Cancelled, ParameterError, UncertaintyMismatch
from sr_plugin.core.evaluation import EvaluationSettings
from sr_plugin.core.grid import Grid, Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.session import ModelSession
from sr_plugin.core.uncertainty_figures import UncertaintyFigures
from sr_plugin.pipeline.edge_planes import placed_grid, wait
from sr_plugin.pipeline.evaluation_rasters import EvaluationRasters
from sr_plugin.raster.plane import PlaneReader
from sr_plugin.raster.source import RasterSource

#: Pixels of the sample; the side of the windows it is taken from, in pixels of the fine grid, and their number along an
#: axis, at most.
_PIXELS, _SIDE, _ACROSS = 200_000, 256, 8
#: Part of a pixel by which two grids may miss each other.
_SLACK = 0.02
#: What ``superres:superresolve`` appends to the name of a band.
_SUFFIX = " uncertainty"


class UncertaintyPlane:
    """The uncertainty of the first result, opened and checked against it.

    Args:
        name: GDAL dataset name.
        rasters: what is evaluated.

    Attributes:
        source: the raster.

    Raises:
        UncertaintyMismatch: when it does not belong to the first result: other grid, CRS or bands, or the same file.
        SuperResolutionError: when it cannot be opened.
    """

    def __init__(self, name: str, rasters: EvaluationRasters) -> None:
        self.source = RasterSource(name)
        result = rasters.sources["result"]
        if any(name == source.name for source in rasters.sources.values()):
            raise UncertaintyMismatch(f"The raster '{name}' is given as an uncertainty and as something else.")
        try:
            placed = placed_grid(self.source, result)
        except ParameterError as error:
            raise UncertaintyMismatch(error.message) from error
        if not _same_grid(placed, rasters.placed["result"]):
            raise UncertaintyMismatch(f"The uncertainty '{name}' does not have the grid of the result '{result.name}'.")
        bands = _bands_of(self.source, result, rasters.bands["result"])
        # A deviation has a scale but no offset.
        own = zip(self.source.bands(bands), rasters.units["result"])
        units = [(info.scale or scale, 0.0) for info, (scale, _) in own]
        self._reader = PlaneReader(self.source, bands, rasters.grid, rasters.placed["result"], units)
        self._resampled = self._reader.ratio != 1
        self._reader.ratio = 0 if self._resampled else 1

    def read(self, window: Window) -> Tuple[np.ndarray, np.ndarray]:
        """Uncertainty ``(bands, h, w)`` in physical units, and where it is known.

        Raises:
            SourceUnreadable: when pixels cannot be read.
            UncertaintyMismatch: when there are values that no standard deviation has.
        """
        pixels, valid = self._reader.read_bands(window)
        valid = valid & np.isfinite(pixels).all(axis=0)
        if not self._resampled and (pixels[:, valid] < 0).any():
            raise UncertaintyMismatch(f"The raster '{self.source.name}' holds negative values, so it is no deviation.")
        return pixels, valid


def _same_grid(one: Grid, other: Grid) -> bool:
    if (one.width, one.height) != (other.width, other.height):
        return False
    corners = ((0, 0), (one.width, 0), (0, one.height))
    places = [other.to_pixel(*one.to_map(*corner)) for corner in corners]
    return bool(np.allclose(places, corners, rtol=0, atol=_SLACK))


def _bands_of(source: RasterSource, result: RasterSource, chosen: Sequence[int]) -> Tuple[int, ...]:
    """Bands that belong to chosen ones of the result: by their names, else, where there are as many, by number."""
    told: Dict[str, List[int]] = {}
    for band in source.layer_bands():
        told.setdefault(band.description.strip(), []).append(band.number)
    texts = {band.number: band.description.strip() for band in result.layer_bands()}
    named = [told.get(f"{texts[number]}{_SUFFIX}", []) if texts.get(number) else [] for number in chosen]
    if all(len(numbers) == 1 for numbers in named):
        return tuple(numbers[0] for numbers in named)
    if source.band_count == result.band_count and not any(named):
        return tuple(chosen)
    missing = next(number for number, numbers in zip(chosen, named) if len(numbers) != 1)
    raise UncertaintyMismatch(
        f"The uncertainty '{source.name}' has no band for band {missing} of '{result.name}'.",
        "Give the one that was written with this result, or choose the bands to evaluate by number.",
    )


def _spread_windows(area: Window, unit: int, reduction: float) -> List[Window]:
    """Windows of whole pixels of the input, all of the area where it is small, else as many as are allowed."""
    side = max(1, int(_SIDE / reduction) // unit) * unit
    starts = []
    for first, length in ((area.row, area.height), (area.col, area.width)):
        count = -(-length // side)
        places = np.unique(np.linspace(0, count - 1, min(count, _ACROSS)).round().astype(int))
        starts.append([first + int(place) * side for place in places])
    return [Window(col, row, side, side).intersection(area) for row in starts[0] for col in starts[1]]


def judge_uncertainty(
    plane: UncertaintyPlane,
    rasters: EvaluationRasters,
    area: Window,
    settings: EvaluationSettings,
    matching: Sequence[NamedArray],
    session: ModelSession,
    cancelled: Callable[[], bool],
) -> Tuple[UncertaintyFigures, Dict[Tuple[int, int], float]]:
    """Uncertainty against the absolute error of the first result, in windows spread over the area.

    Args:
        plane: the uncertainty.
        rasters, area, settings: what is evaluated, against a truth.
        matching: curves that match histograms, see :meth:`ModelSession.evaluate`; may be empty.
        session: where it is computed.
        cancelled: whether the user gave up.

    Returns:
        The figures, and the rank correlation in tiles by their column and row, counted in tiles.

    Raises:
        Cancelled: when the user cancelled.
        UncertaintyMismatch: when no pixel has an uncertainty.
        SuperResolutionError: when a raster cannot be read or the worker fails.
    """
    windows = _spread_windows(area, rasters.ratio, rasters.reduction)
    share = _PIXELS / sum(window.width * window.height for window in windows)
    # A fixed seed: who repeats an evaluation finds its figures again. No stride, which would see some phases only.
    rng = np.random.default_rng(0)
    levels, errors, tiles = [], [], []
    for window in windows:
        if cancelled():
            raise Cancelled("The evaluation was cancelled.")
        uncertainty, known = plane.read(window)
        chosen = known & (rng.random(known.shape) < share)
        if not chosen.any():
            continue
        arrays = [*rasters.read_all(window), *matching, NamedArray("chosen", chosen.astype(np.uint8))]
        whole = Window(0, 0, window.width, window.height)
        answer = wait(session.evaluate("sample", arrays, settings.to_wire(), whole), session, cancelled)
        found = {item.name: item.data for item in answer.arrays}
        rows, columns = np.divmod(found["positions"].astype(np.int64), window.width)
        levels.append(uncertainty[:, rows, columns])
        errors.append(np.abs(found["result"] - found["truth"]))
        places = (columns + window.col - area.col, rows + window.row - area.row)
        tiles.append(np.stack(places) // settings.cell)
    if not tiles or not sum(part.shape[1] for part in tiles):
        raise UncertaintyMismatch(f"The uncertainty '{plane.source.name}' is known of no pixel that all rasters have.")
    numbered, place = np.unique(np.concatenate(tiles, axis=1), axis=1, return_inverse=True)
    sample = {"uncertainty": np.concatenate(levels, axis=1), "error": np.concatenate(errors, axis=1)}
    sample["tiles"] = place.ravel().astype(np.int64)
    asked = session.evaluate("rank", [NamedArray(name, data) for name, data in sample.items()], {}, Window(0, 0, 0, 0))
    told = {item.name: item.data for item in wait(asked, session, cancelled).arrays}
    by_tile = {(int(column), int(row)): float(rank) for (column, row), rank in zip(numbered.T, told["tile_ranks"])}
    return UncertaintyFigures.from_arrays(told, len(sample["tiles"])), by_tile
