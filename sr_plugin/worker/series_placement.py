"""How the views of a series lie and compare, from windows spread over the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sr_plugin.core.errors import ProtocolError
from sr_plugin.core.noise import noise_level
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.series import SeriesSettings
from sr_plugin.worker.registration import Registration, combine
from sr_plugin.worker.registration import register as find_shift
from sr_plugin.worker.series_engine import split_views
from sr_plugin.worker.series_packages import series_packages
from sr_plugin.worker.view_fusion import enlarge_view, wholly_seen
from sr_plugin.worker.view_match import difference, masked_smooth, robust_line, surroundings_offset

#: Smoothing of what gains are told from, in pixels.
_SMOOTH = 1.5
#: Pixels of each window that gains are told from.
_SAMPLED = 2000


def place_views(
    arrays: Sequence[NamedArray], series: SeriesSettings, origins: Sequence[tuple[int, int]], register: bool = True
) -> dict[str, Any]:
    """Find shifts, gains and noise.

    Args:
        arrays: windows of the stack, ``(planes, h, w)`` each.
        series: with the shifts that the georeference tells; everything else is found here.
        origins: column and row of each window.
        register: look for shifts; otherwise those that are told are believed, and no window speaks for them.

    Returns:
        ``series``: the settings, completed, in their wire form; ``views``: for each view ``windows`` (how many agree on
        its shift), ``spread`` (by how much they differ, pixels), ``clear`` (share of valid pixels in the windows).

    Raises:
        ProtocolError: when windows and places do not go together.
        RuntimeMissing: when scikit-image is missing.
    """
    if len(arrays) != len(origins) or not arrays:
        raise ProtocolError("Windows of a series came without their places.")
    with series_packages():
        import skimage.registration  # noqa: F401
    windows = [split_views(item.data, series, np.dtype(np.float64)) for item in arrays]
    nodes, points, spacing = _lattice(windows, origins)
    views, facts = [series.views[0]], [{"windows": len(windows), "spread": 0.0, "clear": _clear(windows, 0)}]
    for number in range(1, len(series.views)):
        view = series.views[number]
        if register:
            found = [find_shift(v[0], v[number], valid[0], valid[number], view.shift) for v, valid in windows]
        else:
            found = [Registration(view.shift, float("inf"), 0.0)] * len(windows)
        field = combine(found, _middles(windows, origins), points, spacing, view.shift)
        shift = tuple(round(float(side), 4) for side in field.shift)
        gains, offsets = _brightness(windows, found, number, shift)
        varying = tuple((float(row), float(column)) for row, column in field.field)
        views.append(replace(view, shift=shift, field=varying, gains=gains, offsets=offsets))
        facts.append({"windows": field.windows, "spread": field.spread, "clear": _clear(windows, number)})
    placed = replace(series, views=tuple(views), nodes=nodes, grain=_grain(windows))
    return {"series": replace(placed, noise=_noise(windows, placed)).to_wire(), "views": facts}


def _clear(windows: Sequence[tuple[np.ndarray, np.ndarray]], number: int) -> float:
    return float(np.mean([valid[number].mean() for _, valid in windows]))


def _middles(windows: Sequence[tuple[np.ndarray, np.ndarray]], origins: Sequence[tuple[int, int]]) -> np.ndarray:
    """``(windows, 2)`` rows and columns of the middles of the windows."""
    return np.array(
        [
            (row + valid.shape[1] / 2.0, column + valid.shape[2] / 2.0)
            for (_, valid), (column, row) in zip(windows, origins, strict=False)
        ]
    )


def _lattice(
    windows: Sequence[tuple[np.ndarray, np.ndarray]], origins: Sequence[tuple[int, int]]
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], np.ndarray, float]:
    """Rows and columns of the windows' middles, all points of that lattice, and how far these are apart."""
    middles = _middles(windows, origins)
    rows, columns = np.unique(middles[:, 0]), np.unique(middles[:, 1])
    points = np.array([(row, column) for row in rows for column in columns])
    gaps = [float(np.diff(axis).mean()) for axis in (rows, columns) if axis.size > 1]
    axes = (tuple(float(v) for v in rows), tuple(float(v) for v in columns))
    return axes, points, max([1.0, *gaps])


def _moved(
    values: np.ndarray, valid: np.ndarray, number: int, shift: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """A view at the reference's pixels, and where both have data."""
    moved = enlarge_view(values[number], 1, shift)
    return moved, wholly_seen(valid[number], shift) & valid[0]


def _brightness(
    windows: Sequence[tuple[np.ndarray, np.ndarray]],
    found: Sequence[Registration],
    number: int,
    shift: tuple[float, float],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Gain and offset of each band that bring most of a view's pixels to the reference's values."""
    bands = windows[0][0].shape[1]
    given: list[list[np.ndarray]] = [[] for _ in range(bands)]
    wanted: list[list[np.ndarray]] = [[] for _ in range(bands)]
    for (values, valid), registration in zip(windows, found, strict=False):
        moved, common = _moved(values, valid, number, registration.shift if registration.found else shift)
        places = np.flatnonzero(common)
        if not places.size:
            continue
        places = places[:: max(1, places.size // _SAMPLED)]
        one, _ = masked_smooth(values[0], common, _SMOOTH)
        two, _ = masked_smooth(moved, common, _SMOOTH)
        for band in range(bands):
            wanted[band].append(one[band].ravel()[places])
            given[band].append(two[band].ravel()[places])
    lines = [
        robust_line(np.concatenate(given[band]), np.concatenate(wanted[band])) if given[band] else (1.0, 0.0)
        for band in range(bands)
    ]
    return tuple(float(f"{gain:.6g}") for gain, _ in lines), tuple(float(f"{offset:.6g}") for _, offset in lines)


def _grain(windows: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    """Noise of the reference in each band, by the window in which it is least hidden by detail."""
    bands = windows[0][0].shape[1]
    clear = [values[0] for values, valid in windows if valid[0].all()]
    return tuple(
        float(f"{min((noise_level(image[band][None]) for image in clear), default=0.0):.6g}") for band in range(bands)
    )


def _noise(windows: Sequence[tuple[np.ndarray, np.ndarray]], series: SeriesSettings) -> tuple[float, ...]:
    """For each band, what matched views differ from the reference by, by the half of the pixels that differ least."""
    apart: list[list[float]] = [[] for _ in range(series.bands)]
    for number, view in enumerate(series.views[1:], start=1):
        gains, offsets = (np.asarray(side)[:, None, None] for side in (view.gains, view.offsets))
        for values, valid in windows:
            moved, common = _moved(values, valid, number, view.shift)
            if common.mean() < 0.1:
                continue
            moved = moved * gains + offsets
            moved = moved + surroundings_offset(values[0], moved, common)
            between = difference(values[0], moved, common)
            for band in range(series.bands):
                apart[band].append(1.4826 * float(np.median(np.abs(between[band][common]))))
    return tuple(float(f"{np.median(one):.6g}") if one else 0.0 for one in apart)
