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
from sr_plugin.core.radiometry import to_model
from sr_plugin.core.resampling import enlarge_cubic, enlarge_nearest
from sr_plugin.core.session import LoadedModel, RunSettings, TileResult, TileTask
from sr_plugin.worker.backends.base import FINISHED_TYPES, Backend, Finish
from sr_plugin.worker.backends.measure import open_measured
from sr_plugin.worker.fusion_engine import FusionEngine
from sr_plugin.worker.network import Network, cropped
from sr_plugin.worker.padding import pad_by_reflection
from sr_plugin.worker.series_packages import series_packages
from sr_plugin.worker.uncertainty import Uncertainty


class Engine:
    """Holds one model and runs tiles through it."""

    def __init__(self) -> None:
        self._card: ModelCard | None = None
        self._settings: RunSettings | None = None
        self._network: Network | None = None
        self._uncertainty: Uncertainty | None = None
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
        self._network = self._uncertainty = self._fusion = None
        self._card, self._settings = card, settings
        if card.family == FUSION_CHAIN:
            self._fusion = FusionEngine(card, settings)
            return self._fusion.loaded
        if card.family == "builtin":
            notes = () if settings.device in ("auto", "cpu") else ("Interpolation runs on the CPU.",)
            loaded = LoadedModel(f"numpy {np.__version__}", "cpu", "CPU", "float32", notes)
        else:
            backend, remarks = open_measured(card, settings, [item.data for item in samples], self._evaluate)
            self._network, loaded = self._network_on(backend), replace(backend.describe(), remarks=remarks)
            if settings.uncertainty is not None:
                self._uncertainty = Uncertainty(self._network, settings)
                loaded = replace(loaded, others=self._uncertainty.computed_by)
        return loaded

    def _network_on(self, backend: Backend) -> Network:
        card, settings = self._required()
        return Network(card, backend, settings.radiometry, settings.luminance)

    def _evaluate(self, backend: Backend, piece: np.ndarray) -> np.ndarray:
        """A piece of the raster through a backend, in units of the data."""
        _, settings = self._required()
        data = piece.astype(working_type(piece.dtype.name, settings.output_type))
        return self._network_on(backend).enlarged_whole(data[: settings.fed_bands or data.shape[0]])

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

            backend = self._network.backend if self._network is not None else None
            return SeriesEngine(self._card, self._settings, backend).run(source, task)
        if self._card.hyperparameters.get("method") == "nearest" and not self._settings.consistency:
            result = self._repeat(cropped(source, task.crop))
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
        kept = whole if consistent else seen
        plain = self._uncertainty is None
        final = self._finished_on_device(data, seen) if plain and not consistent else None
        beside: tuple[NamedArray, ...] = ()
        if final is None:
            result, beside = (self._enlarged(data, kept), ()) if plain else self._compared(data, kept, task.crop)
            if consistent:
                result = cropped(make_consistent(result, data, card.scale, card.psf), seen.scaled(card.scale))
            final = cast_pixels(result, settings.output_type)
        place = task.crop.shifted(-seen.col, -seen.row)
        squares = float("nan")
        if self._comparable(data):
            squares = self._squared_difference(final, cropped(data, seen), place)
        final = np.ascontiguousarray(cropped(final, place.scaled(card.scale)))
        return TileResult((NamedArray("image", final), *beside), self._statistics(squares, final.shape, started))

    def _comparable(self, data: np.ndarray) -> bool:
        """True where the result has the bands of the input, and is the same thing."""
        card, settings = self._required()
        if card.kind == TRANSLATION:
            return False
        fed = settings.fed_bands or data.shape[0]
        return self._network is None or card.output_count(fed) == fed

    def _finished_on_device(self, data: np.ndarray, kept: Window) -> np.ndarray | None:
        """Final pixels of ``kept`` where the device makes them, so that no others travel; None where it does not."""
        card, settings = self._required()
        network = self._network
        if network is None or not network.backend.finishes or settings.output_type not in FINISHED_TYPES:
            return None
        if card.per_band or settings.luminance or settings.fed_bands or data.dtype != np.float32:
            return None
        model_in, remainder = to_model(data, settings.radiometry)
        if remainder is not None:
            return None
        radiometry = settings.radiometry
        finish = Finish(
            network.output_shape(data), kept.scaled(card.scale), radiometry.out_gain, radiometry.out_offset,
            settings.output_type,
        )  # fmt: skip
        return network.backend.forward_finished(model_in[None], finish)

    def _enlarged(self, data: np.ndarray, kept: Window) -> np.ndarray:
        """All bands of the result in data units, of which ``kept`` (input pixels) is finished."""
        card, settings = self._required()
        if self._network is None:
            # Cubic weights are fractions of a power of two for the usual factors, so halves occur; in float64 they are
            # exact and round alike wherever the tiles lie.
            data = data.astype(np.float64, copy=False)
            enlarge = enlarge_nearest if card.hyperparameters["method"] == "nearest" else enlarge_cubic
            return cropped(enlarge(data, card.scale), kept.scaled(card.scale))
        fed = settings.fed_bands or data.shape[0]
        return self._with_carried(self._network.enlarged(data[:fed], kept), data[fed:], kept)

    def _compared(self, data: np.ndarray, kept: Window, core: Window) -> tuple[np.ndarray, tuple[NamedArray, ...]]:
        """As :meth:`_enlarged`, and what the differences between views and models give, of ``core``."""
        _, settings = self._required()
        if self._uncertainty is None:
            raise ProtocolError("The settings ask for no uncertainty.")
        fed = settings.fed_bands or data.shape[0]
        result, beside = self._uncertainty.run(data[:fed], kept, core)
        return self._with_carried(result, data[fed:], kept), beside

    def _with_carried(self, result: np.ndarray, carried: np.ndarray, kept: Window) -> np.ndarray:
        """The model's bands, and behind them those that it does not take."""
        if not carried.shape[0]:
            return result
        scale = self._required()[0].scale
        return np.concatenate([result, cropped(enlarge_cubic(carried, scale), kept.scaled(scale))])

    def _squared_difference(self, whole: np.ndarray, source: np.ndarray, crop: Window) -> float:
        """Summed squared difference over the crop between the result brought back to the input's grid and the input."""
        card, _ = self._required()
        back = reduce_image(whole.astype(source.dtype, copy=False), card.scale, card.psf)
        return float(np.sum(cropped(back - source, crop).astype(np.float64) ** 2))

    def _statistics(self, squares: float, shape: Sequence[int], started: float) -> dict[str, float]:
        card, _ = self._required()
        return {
            "consistency_sum": squares,
            "consistency_count": float(np.prod(shape)) / card.scale**2,
            "seconds": time.perf_counter() - started,
        }
