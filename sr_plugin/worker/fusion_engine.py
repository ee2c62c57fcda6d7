"""A chain of models on one tile: coarse bands made fine with the help of fine ones, then all bands finer still."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sr_plugin.core.card import ModelCard
from sr_plugin.core.cells import CellPlace, differences, enlarge_linear, make_means_agree
from sr_plugin.core.errors import DeviceUnavailable, ModelFailed, ProtocolError, RuntimeMissing
from sr_plugin.core.fusion_chain import FusionStep, SharpeningStep, chain_of
from sr_plugin.core.grid import Window
from sr_plugin.core.pixel_type import cast_pixels, working_type
from sr_plugin.core.point_spread import make_consistent, reduce_image
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import Radiometry, from_model, to_model
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import LoadedModel, RunSettings, TileResult, TileTask
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.choose import open_backend
from sr_plugin.worker.padding import pad_by_reflection

#: Share of a cell's value by which the mean over it may differ, and what rounding may add.
_ALLOWED, _ROUNDING = 0.005, 0.5
#: Arrays of cells and where they lie on the fine grid.
_Cells = Sequence[tuple[np.ndarray, CellPlace]]


def _open(card: ModelCard, settings: RunSettings) -> Backend | None:
    """A step's model made ready; None for interpolation. A runtime that cannot run this step is not forced on it."""
    if card.family == "builtin":
        return None
    try:
        return open_backend(card, settings)
    except (DeviceUnavailable, RuntimeMissing):
        if settings.backend == "auto":
            raise
        return open_backend(card, replace(settings, backend="auto"))


def _described(backends: Sequence[Backend | None]) -> LoadedModel:
    """What computes, in the words of the first network."""
    described = [backend.describe() for backend in backends if backend is not None]
    notes = tuple(dict.fromkeys(note for one in described for note in one.notes))
    names = " and ".join(dict.fromkeys(one.backend for one in described))
    return replace(described[0], backend=names, notes=notes)


class FusionEngine:
    """Holds the models of a chain and runs tiles through them.

    Args:
        card: the card of a chain (:mod:`sr_plugin.core.fusion_chain`).
        settings: how to run it; ``steps`` holds the maps of each model.

    Attributes:
        loaded: what computes.

    Raises:
        SuperResolutionError: when a model cannot be loaded or the device is not there.
    """

    def __init__(self, card: ModelCard, settings: RunSettings) -> None:
        self._chain = chain_of(card)
        self._settings = settings
        if len(settings.steps) != len(self._chain.steps):
            raise ProtocolError("The settings do not belong to the models of the chain.")
        self._backends = [_open(step, settings) for step in self._chain.steps]
        self.loaded = _described(self._backends)

    def run(self, arrays: Sequence[NamedArray], task: TileTask) -> TileResult:
        """Run one tile.

        Args:
            arrays: ``(bands, h, w)`` each of any pixel type, finite everywhere: the fine bands, then the coarser ones
                raster by raster.
            task: padding, crop, and where the coarser arrays lie on the first one.

        Raises:
            OutOfMemory, ModelFailed: from a model.
            ProtocolError: when the arrays are of the wrong form.
        """
        started = time.perf_counter()
        count = sum(item.data.shape[0] for item in arrays if item.data.ndim == 3)
        if len(arrays) != len(task.places) + 1 or count != len(self._chain.bands):
            raise ProtocolError("A tile of a band fusion is an array for each raster, and the place of all but one.")
        kind = working_type(*(item.data.dtype.name for item in arrays), self._settings.output_type)
        fine = arrays[0].data.astype(kind)
        cells = [(item.data.astype(kind), place) for item, place in zip(arrays[1:], task.places, strict=True)]
        fused = self._fused(fine, cells)
        whole = cast_pixels(self._sharpened(pad_by_reflection(fused, task.pad)), self._settings.output_type)
        squares, samples = self._compared(whole, fine, cells, task.crop)
        crop = task.crop.scaled(self._chain.scale)
        final = np.ascontiguousarray(whole[:, crop.row : crop.bottom, crop.col : crop.right])
        seconds = time.perf_counter() - started
        statistics = {"consistency_sum": squares, "consistency_count": samples, "seconds": seconds}
        return TileResult((NamedArray("image", final),), statistics)

    def _fused(self, fine: np.ndarray, cells: _Cells) -> np.ndarray:
        """All bands of the result on the fine grid, ``(bands, h, w)``."""
        shape = fine.shape[1], fine.shape[2]
        bands = np.concatenate([fine, *(enlarge_linear(data, place, shape) for data, place in cells)])
        planes = {number: bands[number] for number in range(fine.shape[0])}
        for number, step in enumerate(self._chain.fusions):
            result = self._fuse(step, self._backends[number], self._settings.steps[number], bands)
            for position, band in enumerate(step.outputs):
                data, place = self._cells_of(band, cells)
                zero = self._settings.steps[number].out_offset[position]
                planes[band] = self._agreeing(result[position], data, place, zero)
        return np.stack([planes[number] for number in self._chain.result])

    def _agreeing(self, image: np.ndarray, data: np.ndarray, place: CellPlace, zero: float) -> np.ndarray:
        """A fused band whose means are the cells', and whose values the type of the result can hold.

        Without the consistency step they may differ by half a percent, the rounding to integers included: a sensor sees
        a little more than the area of a cell, and a network knows that better than a plain mean.

        Args:
            image: the band, ``(h, w)``.
            data: its cells.
            place: where they lie on it.
            zero: the number that stands for no reflectance.
        """
        whole = not self._settings.output_type.startswith("float")
        allowed = None
        if not self._settings.consistency:
            allowed = np.maximum(_ALLOWED * np.abs(data - zero) - (_ROUNDING if whole else 0), 0)
        if not whole:
            return make_means_agree(image, data, place, None, allowed)
        ends = np.iinfo(self._settings.output_type)
        return make_means_agree(image, data, place, (ends.min, ends.max), allowed)

    def _cells_of(self, band: int, cells: _Cells) -> tuple[np.ndarray, CellPlace]:
        """The cells of a coarse band, ``(h, w)``, and where they lie."""
        band -= self._chain.fine
        for data, place in cells:
            if band < data.shape[0]:
                return data[band], place
            band -= data.shape[0]
        raise ProtocolError("A chain names a band that was not sent.")

    def _fuse(self, step: FusionStep, backend: Backend | None, radiometry: Radiometry, bands: np.ndarray) -> np.ndarray:
        """The coarse bands that a model makes fine, in data units."""
        if backend is None:
            raise ProtocolError("Interpolation cannot fuse bands.")
        numbers = [number for group in step.inputs for number in group]
        model_in, remainder = to_model(bands[numbers], radiometry)
        ends = np.cumsum([len(group) for group in step.inputs])[:-1]
        inputs = [np.ascontiguousarray(group)[None] for group in np.split(model_in, ends)]
        output = backend.forward(*inputs)[0]
        _check(output, (len(step.outputs), *bands.shape[1:]))
        result = from_model(output, radiometry, bands.dtype)
        if remainder is not None:
            result += remainder[[numbers.index(band) for band in step.outputs]]
        return result

    def _sharpened(self, fused: np.ndarray) -> np.ndarray:
        """All bands through the models behind the fusion."""
        chain = self._chain
        if not chain.sharpening:
            return fused
        scale, (count, height, width) = chain.scale, fused.shape
        result = np.empty((count, height * scale, width * scale), fused.dtype)
        for number, step in enumerate(chain.sharpening, start=len(chain.fusions)):
            data = fused[list(step.bands)]
            finer = self._sharpen(step, self._backends[number], self._settings.steps[number], data)
            if self._settings.consistency:
                finer = make_consistent(finer, data, scale, step.card.psf)
            result[list(step.bands)] = finer
        return result

    def _sharpen(
        self, step: SharpeningStep, backend: Backend | None, radiometry: Radiometry, data: np.ndarray
    ) -> np.ndarray:
        card = step.card
        if backend is None:
            enlarge = enlarge_nearest if card.hyperparameters["method"] == "nearest" else enlarge_cubic
            return enlarge(data.astype(np.float64), card.scale)
        model_in, remainder = to_model(data, radiometry)
        output = backend.forward(model_in[:, None] if card.per_band else model_in[None])
        output = output[:, 0] if card.per_band else output[0]
        _check(output, (data.shape[0], data.shape[1] * card.scale, data.shape[2] * card.scale))
        result = from_model(output, radiometry, data.dtype)
        return result if remainder is None else result + enlarge_cubic(remainder, card.scale)

    def _compared(self, whole: np.ndarray, fine: np.ndarray, cells: _Cells, crop: Window) -> tuple[float, float]:
        """Summed squared difference between the result brought back to its inputs' grids and them, and its terms.

        Models behind the fusion are brought back first, each with the point spread of its own card; then coarse bands
        by the means over their cells. Every cell counts for the tile in which its first pixel lies.
        """
        chain = self._chain
        height, width = fine.shape[1:]
        total, count = 0.0, 0
        blurs = {position: step.card.psf for step in chain.sharpening for position in step.bands}
        for position, band in enumerate(chain.result):
            image = whole[position].astype(fine.dtype)
            if position in blurs:
                image = reduce_image(image, chain.scale, blurs[position])
            # Padding is blurred into the outer pixels, as it was when they were made.
            image = image[:height, :width]
            if band < chain.fine:
                part = (image - fine[band])[crop.row : crop.bottom, crop.col : crop.right]
            else:
                data, place = self._cells_of(band, cells)
                found, (row, column) = differences(image, data, place)
                tops = np.ceil(place.top + (row + np.arange(found.shape[0])) * place.height)
                lefts = np.ceil(place.left + (column + np.arange(found.shape[1])) * place.width)
                inside_rows = (tops >= crop.row) & (tops < crop.bottom)
                part = found[inside_rows][:, (lefts >= crop.col) & (lefts < crop.right)]
            total += float(np.sum(part.astype(np.float64) ** 2))
            count += part.size
        return total, float(count)


def _check(output: np.ndarray, expected: tuple[int, ...]) -> None:
    """Refuse what is no result.

    Raises:
        ModelFailed: when values are not finite or the size is not the expected one.
    """
    if not np.isfinite(output).all():
        raise ModelFailed(
            "The model gave values that are not finite.", "Use float32 precision, or check the normalisation."
        )
    if output.shape != expected:
        raise ModelFailed(
            f"The model gave an image of shape {output.shape} where its card promises {expected}.",
            "Check scale and bands in the model card.",
        )
