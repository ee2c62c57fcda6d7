"""From the views of a tile to final pixels: place, match, compare, fuse."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ModelFailed, ProtocolError
from sr_plugin.core.pixel_type import cast_pixels, working_type
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import from_model, to_model
from sr_plugin.core.resampling import enlarge_cubic, keys_cubic
from sr_plugin.core.series import CHANGES, NO_VIEW, SeriesSettings
from sr_plugin.core.series_choices import MATCH_LOCAL, MATCH_NONE
from sr_plugin.core.session import RunSettings, TileResult, TileTask
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.view_features import UNIT, view_features
from sr_plugin.worker.view_fusion import LEAST_SHARE, back_projected, enlarge_view, shift_and_add, wholly_seen
from sr_plugin.worker.view_match import changed_pixels, masked_smooth, surroundings_offset, trust

#: Smoothing that fills places where no view has data, in pixels.
_FILL = 2.0


@dataclass
class MatchedViews:
    """The views of a tile, ready to be fused.

    Attributes:
        data: ``(views, bands, h, w)``, in the reference's values, filled where they have no weight.
        weights: ``(views, h, w)`` float32, 0 where a view has no data or shows something else than the reference.
        valid: ``(views, h, w)`` bool.
        shifts: rows and columns from a view's pixel to its place.
        base: ``(bands, h, w)`` the reference, its gaps filled from the other views.
        changed: ``(views, h, w)`` bool.
    """

    data: np.ndarray
    weights: np.ndarray
    valid: np.ndarray
    shifts: list[tuple[float, float]]
    base: np.ndarray
    changed: np.ndarray


def split_views(tile: np.ndarray, series: SeriesSettings, kind: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The views of a tile ``(views, bands, h, w)`` and where they are valid ``(views, h, w)``.

    What is not valid holds smooth values of its surroundings, so that nothing of it, be it the brightness of a cloud or
    a nodata value beyond all measure, reaches valid pixels by interpolation.

    Raises:
        ProtocolError: when the tile has another number of planes than the series.
    """
    count = len(series.views)
    if tile.shape[0] != series.planes:
        raise ProtocolError(f"A tile of {count} views has {series.planes} planes, not {tile.shape[0]}.")
    values = tile[: count * series.bands].reshape(count, series.bands, *tile.shape[1:]).astype(kind)
    valid = (tile[count * series.bands :] != 0) & np.isfinite(values).all(axis=1)
    typical = np.asarray(series.typical or (0.0,) * series.bands, kind)
    return np.stack([_smooth_in_gaps(view, seen, typical) for view, seen in zip(values, valid, strict=True)]), valid


def _smooth_in_gaps(view: np.ndarray, valid: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """A view with the mean of the valid pixels around in its gaps, and the typical value far inside."""
    if valid.all():
        return view
    around, support = masked_smooth(view, valid, _FILL)
    fill = np.where(support > 1e-3, around, typical[:, None, None])
    return np.where(valid, view, fill).astype(view.dtype)


def match_views(values: np.ndarray, valid: np.ndarray, series: SeriesSettings, origin: tuple[int, int]) -> MatchedViews:
    """Place the views, bring their values to those of the reference, and find what changed.

    Args:
        values, valid: from :func:`split_views`.
        series: shifts, gains and noise.
        origin: column and row of the tile's first pixel on the reference's grid.
    """
    values, valid = values.copy(), valid.copy()
    shifts = [view.shift for view in series.views]
    for number, view in enumerate(series.views):
        if view.field:
            values[number], valid[number] = _straightened(values[number], valid[number], series, number, origin)
        if series.match != MATCH_NONE and view.gains:
            values[number] *= np.asarray(view.gains, values.dtype)[:, None, None]
            values[number] += np.asarray(view.offsets, values.dtype)[:, None, None]
    moved, present = _on_reference(values, valid, shifts)
    changed = np.zeros(valid.shape, bool)
    for number in range(1, len(moved)):
        common = present[0] & present[number]
        offset, changed[number] = _compared(moved[0], moved[number], common, series)
        values[number] += offset
        moved[number] += offset
    base = _filled_base(moved, present, np.asarray(series.typical, values.dtype))
    weights = valid.astype(np.float32)
    grain = np.asarray(series.grain, values.dtype)
    for number in range(1, len(moved) if series.threshold > 0 else 1):
        sound = trust(base, moved[number], present[0] & present[number], grain) * ~changed[number]
        # From the reference's pixels to the view's own.
        back = (-shifts[number][0], -shifts[number][1])
        weights[number] *= np.clip(enlarge_view(sound, 1, back, linear=True), 0.0, 1.0)
    for number, shift in enumerate(shifts):
        lacking = weights[number] == 0
        if lacking.any():
            # What the base shows at the places of the view's own pixels.
            there = enlarge_view(base, 1, (-shift[0], -shift[1]))
            values[number] = np.where(lacking, there, values[number])
    return MatchedViews(values, weights, valid, shifts, base, changed)


def _compared(
    reference: np.ndarray, view: np.ndarray, common: np.ndarray, series: SeriesSettings
) -> tuple[np.ndarray, np.ndarray]:
    """What to add to a view to match its surroundings to the reference's, and where it shows something else.

    What is found to have changed has no say in the matching, and is then looked for once more.
    """
    offset = np.zeros_like(view)
    changed = np.zeros(common.shape, bool)
    noise = np.asarray(series.noise, view.dtype)
    for _ in range(2):
        if series.match == MATCH_LOCAL:
            offset = surroundings_offset(reference, view, common & ~changed)
        if series.threshold <= 0:
            break
        changed = changed_pixels(reference, view + offset, common, noise, series.threshold)
        if series.match != MATCH_LOCAL or not changed.any():
            break
    return offset, changed


def _straightened(
    view: np.ndarray, valid: np.ndarray, series: SeriesSettings, number: int, origin: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A view moved by what its shift varies over the scene, so that one shift holds for all of it."""
    height, width = valid.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    local = series.local_shifts(number, origin[1], origin[0], height, width)
    places = np.stack([rows - local[0], columns - local[1]])
    # A cubic spline in its direct form would look at the whole tile; convolution by Keys' kernel does not.
    bands = np.stack([_sampled(band, places) for band in view])
    missing = _sampled((~valid).astype(np.float32), places, np.abs)
    return bands.astype(view.dtype, copy=False), missing < LEAST_SHARE


def _sampled(
    band: np.ndarray, places: np.ndarray, weigh: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> np.ndarray:
    """Cubic convolution at any places, ``(2, h, w)`` rows and columns; borders repeated.

    Args:
        band: ``(h, w)``.
        places: where.
        weigh: what is made of the weights of the kernel.
    """
    first = np.floor(places).astype(int)
    total = np.zeros(places.shape[1:], band.dtype)
    for down in range(-1, 3):
        row = np.clip(first[0] + down, 0, band.shape[0] - 1)
        weight = keys_cubic(places[0] - (first[0] + down))
        for right in range(-1, 3):
            column = np.clip(first[1] + right, 0, band.shape[1] - 1)
            share = weigh(weight * keys_cubic(places[1] - (first[1] + right)))
            total += share.astype(band.dtype) * band[row, column]
    return total


def _on_reference(
    values: np.ndarray, valid: np.ndarray, shifts: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """The views at the reference's own pixels, for comparing; fusing takes their native pixels."""
    moved, present = np.empty_like(values), np.empty_like(valid)
    for number, shift in enumerate(shifts):
        if shift == (0.0, 0.0):
            moved[number], present[number] = values[number], valid[number]
            continue
        moved[number] = enlarge_view(values[number], 1, shift)
        present[number] = wholly_seen(valid[number], shift)
    return moved, present


def _filled_base(moved: np.ndarray, present: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """The reference, with the mean of the other views in its gaps, and smooth values where no view has data."""
    base, known = moved[0].copy(), present[0].copy()
    if known.all():
        return base
    weight = present[1:].sum(axis=0)
    others = np.sum(moved[1:] * present[1:, None], axis=0) / np.maximum(weight, 1)
    helped = ~known & (weight > 0)
    base[:, helped] = others[:, helped]
    known |= helped
    return _smooth_in_gaps(base, known, typical)


class SeriesEngine:
    """Fuses tiles of one series.

    Args:
        card: the model.
        settings: with ``series``.
        backend: the network made ready, or None for classical fusion.
    """

    def __init__(self, card: ModelCard, settings: RunSettings, backend: Backend | None) -> None:
        if settings.series is None:
            raise ProtocolError("A series came without its settings.")
        self._card, self._settings, self._backend = card, settings, backend
        self._series: SeriesSettings = settings.series

    def run(self, source: np.ndarray, task: TileTask) -> TileResult:
        """Fuse one tile.

        Args:
            source: ``(planes, h, w)``, see :class:`SeriesSettings`.
            task: crop and origin; the tile is already padded.

        Raises:
            OutOfMemory, ModelFailed: from the model.
            ProtocolError: when the tile is of the wrong form.
        """
        started = time.perf_counter()
        settings, crop = self._settings, task.crop
        kind = working_type(source.dtype.name, settings.output_type)
        values, valid = split_views(source, self._series, kind)
        origin = (task.origin[0] - task.pad[0], task.origin[1] - task.pad[1])
        views = match_views(values, valid, self._series, origin)
        scale = 1 if self._series.output == CHANGES else self._card.scale
        result = self._changes(views) if self._series.output == CHANGES else self._fused(views)
        window = crop.scaled(scale)
        final = result[:, window.row : window.bottom, window.col : window.right]
        final = np.ascontiguousarray(cast_pixels(final, settings.output_type))
        statistics = {
            "consistency_sum": float("nan"),
            "consistency_count": float(final.size) / scale**2,
            "seconds": time.perf_counter() - started,
        }
        return TileResult((NamedArray("image", final),), statistics)

    def _changes(self, views: MatchedViews) -> np.ndarray:
        counted = np.minimum(views.changed.sum(axis=0), NO_VIEW - 1)
        return np.where(views.valid.any(axis=0), counted, NO_VIEW)[None].astype(np.float32)

    def _fused(self, views: MatchedViews) -> np.ndarray:
        """``(bands, h * scale, w * scale)`` in units of the data."""
        card = self._card
        method = card.hyperparameters.get("method")
        if method == "average":
            return self._average(views)
        if card.family == "builtin":
            return self._classical(views)
        if self._backend is None:
            raise ProtocolError("A tile came before a model was loaded.")
        if card.family == "seriesnet":
            return self._sharpened(views, self._backend)
        return self._through_network(views, self._backend)

    def _average(self, views: MatchedViews) -> np.ndarray:
        """The plain mean of the views where they lie, enlarged: what fusion has to beat."""
        weight = views.valid.sum(axis=0)
        mean = np.sum(views.data * views.valid[:, None], axis=0) / np.maximum(weight, 1)
        return enlarge_cubic(np.where(weight > 0, mean, views.base).astype(views.base.dtype), self._card.scale)

    def _classical(self, views: MatchedViews) -> np.ndarray:
        card = self._card
        start = shift_and_add(views.data, views.weights, views.shifts, views.base, card.scale)
        return back_projected(start, views.data, views.weights, views.shifts, card.scale, card.psf)

    def _sharpened(self, views: MatchedViews, backend: Backend) -> np.ndarray:
        """The classical fusion and what the network adds to it, band by band."""
        card, radiometry = self._card, self._settings.radiometry
        fused = self._classical(views)
        gains = np.asarray(radiometry.in_gain, np.float64)
        offsets = np.asarray(radiometry.in_offset, np.float64)
        for band in range(fused.shape[0]):
            taken = (fused[band] * gains[band] + offsets[band]).astype(np.float32)
            seen = (views.data[:, band] * gains[band] + offsets[band]).astype(np.float32)
            features = view_features(taken, seen, views.weights, views.shifts, card.scale, card.psf)
            correction = backend.forward(features)
            _check(correction, (1, 1, *fused.shape[1:]))
            fused[band] += (correction[0, 0] * (UNIT / gains[band])).astype(fused.dtype)
        return fused

    def _through_network(self, views: MatchedViews, backend: Backend) -> np.ndarray:
        """A network that takes the views as they are, the reference first; those of one band, band by band."""
        card, radiometry = self._card, self._settings.radiometry
        taken = np.stack([to_model(view, radiometry)[0] for view in views.data])
        height, width = (side * card.scale for side in taken.shape[2:])
        if card.per_band:
            output = np.concatenate([backend.forward(taken[None, :, band])[:, 0] for band in range(taken.shape[1])])
        else:
            output = backend.forward(taken[None])[0]
        _check(output, (card.output_count(taken.shape[1]), height, width))
        return from_model(output, radiometry, views.data.dtype)


def _check(output: np.ndarray, expected: tuple[int, ...]) -> None:
    if output.shape != expected:
        raise ModelFailed(
            f"The model gave an image of shape {output.shape} where its card promises {expected}.",
            "Check scale and bands in the model card.",
        )
    if not np.isfinite(output).all():
        raise ModelFailed(
            "The model gave values that are not finite.", "Use float32 precision, or check the normalisation."
        )
