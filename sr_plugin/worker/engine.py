"""From the arrays of a tile to final pixels: the same steps for the worker process and for a model in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sr_plugin.core.card import TRANSLATION, ModelCard
from sr_plugin.core.errors import ProtocolError
from sr_plugin.core.fusion_chain import FUSION_CHAIN
from sr_plugin.core.grid import Window
from sr_plugin.core.pixel_type import cast_pixels, working_type
from sr_plugin.core.point_spread import blur_reach, make_consistent, reduce_image
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.radiometry import from_model, to_model
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import LoadedModel, RunSettings, TileResult, TileTask
from sr_plugin.worker.backends.base import FINISHED_TYPES, Backend, Finish, check_output
from sr_plugin.worker.backends.measure import open_measured
from sr_plugin.worker.fusion_engine import FusionEngine
from sr_plugin.worker.padding import pad_by_reflection
from sr_plugin.worker.series_packages import series_packages
from sr_plugin.worker.views import spread

#: Weights of red, green and blue in luminance (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114])


def _crop(image: np.ndarray, window: Window) -> np.ndarray:
    return image[..., window.row : window.bottom, window.col : window.right]


class Engine:
    """Holds one model and runs tiles through it."""

    def __init__(self) -> None:
        self._card: ModelCard | None = None
        self._settings: RunSettings | None = None
        self._backend: Backend | None = None
        self._fusion: FusionEngine | None = None

    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """Make a model ready.

        Args:
            card: the model.
            settings: how to run it.
            samples: pieces of the raster on which ``auto`` measures runtimes and precisions.

        Raises:
            SuperResolutionError: when the model cannot be loaded or the device is not there.
        """
        self._backend, self._card, self._settings, self._fusion = None, card, settings, None
        if card.family == FUSION_CHAIN:
            self._fusion = FusionEngine(card, settings)
            return self._fusion.loaded
        if card.family == "builtin":
            notes = () if settings.device in ("auto", "cpu") else ("Interpolation runs on the CPU.",)
            loaded = LoadedModel(f"numpy {np.__version__}", "cpu", "CPU", "float32", notes)
        else:
            backend, remarks = open_measured(card, settings, [item.data for item in samples], self._evaluate)
            self._backend, loaded = backend, replace(backend.describe(), remarks=remarks)
        return loaded

    def _evaluate(self, backend: Backend, piece: np.ndarray) -> np.ndarray:
        """A piece of the raster through a backend, in units of the data."""
        _, settings = self._required()
        data = piece.astype(working_type(piece.dtype.name, settings.output_type))
        through = self._luminance_through_network if settings.luminance else self._through_network
        whole = Window(0, 0, data.shape[2], data.shape[1])
        return through(backend, data[: settings.fed_bands or data.shape[0]], whole)

    def run(self, arrays: Sequence[NamedArray], task: TileTask) -> TileResult:
        """Super-resolve one tile.

        Args:
            arrays: ``image``, ``(bands, h, w)`` of any pixel type, finite everywhere.
            task: padding and crop.

        Raises:
            OutOfMemory, ModelFailed: from the model.
            ProtocolError: when no model is loaded or the array is of the wrong form.
        """
        if self._card is None or self._settings is None:
            raise ProtocolError("A tile came before a model was loaded.")
        if self._fusion is not None:
            return self._fusion.run(arrays, task)
        if len(arrays) != 1 or arrays[0].data.ndim != 3:
            raise ProtocolError("A tile of a single-image model is one array of bands, rows and columns.")
        started = time.perf_counter()
        source = pad_by_reflection(arrays[0].data, task.pad)
        if self._settings.series is not None:
            # Imported here: it needs SciPy, which single images do not.
            with series_packages():
                from sr_plugin.worker.series_engine import SeriesEngine

            return SeriesEngine(self._card, self._settings, self._backend).run(source, task)
        if self._card.hyperparameters.get("method") == "nearest" and not self._settings.consistency:
            result = self._repeat(_crop(source, task.crop))
            return TileResult((NamedArray("image", result),), self._statistics(0.0, result.shape, started))
        return self._compute(source, task, started)

    def _repeat(self, source: np.ndarray) -> np.ndarray:
        """Nearest neighbour in the source's own type, so that every value survives whatever its type."""
        card, settings = self._required()
        if source.dtype == np.dtype(settings.output_type):
            return enlarge_nearest(source, card.scale)
        cast = cast_pixels(source.astype(working_type(source.dtype.name, settings.output_type)), settings.output_type)
        return enlarge_nearest(cast, card.scale)

    def _required(self) -> tuple[ModelCard, RunSettings]:
        if self._card is None or self._settings is None:
            raise ProtocolError("A tile came before a model was loaded.")
        return self._card, self._settings

    def _compute(self, source: np.ndarray, task: TileTask, started: float) -> TileResult:
        card, settings = self._required()
        data = source.astype(working_type(source.dtype.name, settings.output_type))
        whole = Window(0, 0, data.shape[2], data.shape[1])
        # The statistic looks beyond the crop as far as the point spread function reaches.
        seen = task.crop.expanded(blur_reach(card.scale, card.psf)).intersection(whole)
        consistent = settings.consistency and self._comparable(data)
        if settings.spread:
            final = cast_pixels(self._spread(data, task.crop), settings.output_type)
            return TileResult((NamedArray("image", final),), self._statistics(float("nan"), final.shape, started))
        guarded = consistent or settings.spread_limit
        final = None if guarded else self._finished_on_device(data, seen)
        if final is None:
            result = self._guarded(data, whole if consistent else seen)
            if consistent:
                result = _crop(make_consistent(result, data, card.scale, card.psf), seen.scaled(card.scale))
            final = cast_pixels(result, settings.output_type)
        place = task.crop.shifted(-seen.col, -seen.row)
        squares = float("nan")
        if self._comparable(data):
            squares = self._squared_difference(final, _crop(data, seen), place)
        final = np.ascontiguousarray(_crop(final, place.scaled(card.scale)))
        return TileResult((NamedArray("image", final),), self._statistics(squares, final.shape, started))

    def _spread(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """Standard deviation of the result over the views, of ``kept`` (input pixels)."""
        card, _ = self._required()
        _, deviation = spread(data, self._enlarged_whole, self._sides_may_swap())
        return np.ascontiguousarray(_crop(deviation, kept.scaled(card.scale)))

    def _guarded(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """The result, with bicubic where the views differ by more than the limit."""
        card, settings = self._required()
        if not settings.spread_limit:
            return self._enlarged(data, kept)
        result, deviation = spread(data, self._enlarged_whole, self._sides_may_swap())
        place = kept.scaled(card.scale)
        safe = enlarge_cubic(data, card.scale)
        return np.where(_crop(deviation, place) > settings.spread_limit, _crop(safe, place), _crop(result, place))

    def _enlarged_whole(self, data: np.ndarray) -> np.ndarray:
        return self._enlarged(data, Window(0, 0, data.shape[2], data.shape[1]))

    def _sides_may_swap(self) -> bool:
        card, _ = self._required()
        return card.tiles.fixed is None or card.tiles.fixed[0] == card.tiles.fixed[1]

    def _comparable(self, data: np.ndarray) -> bool:
        """True where the result has the bands of the input, and is the same thing."""
        card, settings = self._required()
        if card.kind == TRANSLATION:
            return False
        fed = settings.fed_bands or data.shape[0]
        return self._backend is None or card.output_count(fed) == fed

    def _finished_on_device(self, data: np.ndarray, kept: Window) -> np.ndarray | None:
        """Final pixels of ``kept`` where the device makes them, so that no others travel; None where it does not."""
        card, settings = self._required()
        backend = self._backend
        if backend is None or not backend.finishes or settings.output_type not in FINISHED_TYPES:
            return None
        if card.per_band or settings.luminance or settings.fed_bands or data.dtype != np.float32:
            return None
        model_in, remainder = to_model(data, settings.radiometry)
        if remainder is not None:
            return None
        radiometry = settings.radiometry
        finish = Finish(
            self._output_shape(data), kept.scaled(card.scale), radiometry.out_gain, radiometry.out_offset,
            settings.output_type,
        )  # fmt: skip
        return backend.forward_finished(model_in[None], finish)

    def _output_shape(self, data: np.ndarray) -> tuple[int, int, int]:
        """What the card promises of the network's output for ``(bands, h, w)``."""
        card, _ = self._required()
        return card.output_count(data.shape[0]), data.shape[1] * card.scale, data.shape[2] * card.scale

    def _enlarged(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """All bands of the result in data units, of which ``kept`` (input pixels) is finished."""
        card, settings = self._required()
        if self._backend is None:
            # Cubic weights are fractions of a power of two for the usual factors, so halves occur; in float64 they are
            # exact and round alike wherever the tiles lie.
            data = data.astype(np.float64, copy=False)
            enlarge = enlarge_nearest if card.hyperparameters["method"] == "nearest" else enlarge_cubic
            return _crop(enlarge(data, card.scale), kept.scaled(card.scale))
        fed = settings.fed_bands or data.shape[0]
        through = self._luminance_through_network if settings.luminance else self._through_network
        result = through(self._backend, data[:fed], kept)
        if fed == data.shape[0]:
            return result
        return np.concatenate([result, _crop(enlarge_cubic(data[fed:], card.scale), kept.scaled(card.scale))])

    def _luminance_through_network(self, backend: Backend, data: np.ndarray, kept: Window) -> np.ndarray:
        """Red, green, blue enlarged by cubic convolution, plus what the network adds to their luminance.

        The same as enlarging chroma by interpolation and luminance by the network, because the three bands are
        luminance plus a linear function of chroma.
        """
        card, _ = self._required()
        luminance = np.tensordot(_LUMA, data, axes=1)[None].astype(data.dtype)
        sharpened = self._through_network(backend, luminance, kept)
        place = kept.scaled(card.scale)
        smooth = _crop(enlarge_cubic(data, card.scale), place)
        return smooth + (sharpened - _crop(enlarge_cubic(luminance, card.scale), place))

    def _through_network(self, backend: Backend, data: np.ndarray, kept: Window) -> np.ndarray:
        """The network's result in data units, of which ``kept`` (input pixels) is finished."""
        card, settings = self._required()
        radiometry = settings.radiometry.first_bands(data.shape[0])
        model_in, remainder = to_model(data, radiometry)
        batch = model_in[:, None] if card.per_band else model_in[None]
        output = backend.forward(batch)
        output = output[:, 0] if card.per_band else output[0]
        check_output(output.shape, self._output_shape(data), bool(np.isfinite(output).all()))
        place = kept.scaled(card.scale)
        result = from_model(_crop(output, place), radiometry, data.dtype)
        # What lay outside is of the input's quantity, which the result of a translation is not.
        if remainder is not None and card.kind != TRANSLATION and result.shape[0] == remainder.shape[0]:
            result += _crop(enlarge_cubic(remainder, card.scale), place)
        return result

    def _squared_difference(self, whole: np.ndarray, source: np.ndarray, crop: Window) -> float:
        """Summed squared difference over the crop between the result brought back to the input's grid and the input."""
        card, _ = self._required()
        back = reduce_image(whole.astype(source.dtype, copy=False), card.scale, card.psf)
        return float(np.sum(_crop(back - source, crop).astype(np.float64) ** 2))

    def _statistics(self, squares: float, shape: Sequence[int], started: float) -> dict[str, float]:
        card, _ = self._required()
        return {
            "consistency_sum": squares,
            "consistency_count": float(np.prod(shape)) / card.scale**2,
            "seconds": time.perf_counter() - started,
        }
