"""A model in this process: used by the command line on request, by scale-out workers and by tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sr_plugin.core.card import ModelCard
from sr_plugin.core.edges import EdgeSettings
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.series import SeriesSettings
from sr_plugin.core.session import LoadedModel, ModelSession, RunSettings, TileResult, TileTask
from sr_plugin.worker import inspection
from sr_plugin.worker.edges import compare_edges
from sr_plugin.worker.engine import Engine
from sr_plugin.worker.evaluate import Evaluator
from sr_plugin.worker.figure import draw_figure
from sr_plugin.worker.patch_registration import patch_shifts
from sr_plugin.worker.series_packages import series_packages


class LocalSession(ModelSession):
    """Runs tiles in one thread of this process, in the order of submission."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._evaluator = Evaluator()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sr-model")

    def load(self, card: ModelCard, settings: RunSettings, samples: Sequence[NamedArray] = ()) -> LoadedModel:
        """See :class:`ModelSession`."""
        return self._pool.submit(self._engine.load, card, settings, samples).result()

    def submit(self, arrays: Sequence[NamedArray], task: TileTask) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._pool.submit(self._engine.run, arrays, task)

    def describe(self, card: ModelCard) -> dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._pool.submit(inspection.describe, card).result()

    def probe(self, card: ModelCard) -> dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._pool.submit(inspection.probe, card).result()

    def export(self, card: ModelCard, path: str) -> dict[str, Any]:
        """See :class:`ModelSession`."""
        return self._pool.submit(inspection.export, card, path).result()

    def edges(
        self, arrays: Sequence[NamedArray], settings: EdgeSettings, crop: Window, outputs: Sequence[str]
    ) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._pool.submit(compare_edges, arrays, settings, crop, outputs)

    def evaluate(
        self, part: str, arrays: Sequence[NamedArray], settings: Mapping[str, Any], crop: Window
    ) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._pool.submit(self._evaluator.answer, part, arrays, settings, crop)

    def place_views(
        self,
        arrays: Sequence[NamedArray],
        series: SeriesSettings,
        origins: Sequence[tuple[int, int]],
        register: bool = True,
    ) -> dict[str, Any]:
        """See :class:`ModelSession`."""
        with series_packages():
            from sr_plugin.worker.series_placement import place_views

        return self._pool.submit(place_views, arrays, series, origins, register).result()

    def patch_shifts(self, arrays: Sequence[NamedArray]) -> Future[TileResult]:
        """See :class:`ModelSession`."""
        return self._pool.submit(patch_shifts, arrays)

    def figure(self, arrays: Sequence[NamedArray], description: Mapping[str, Any]) -> bytes:
        """See :class:`ModelSession`."""
        return self._pool.submit(draw_figure, arrays, description).result()

    def close(self) -> None:
        """See :class:`ModelSession`."""
        self._pool.shutdown(wait=True)

    def kill(self) -> None:
        """Drop what is queued; a tile that is being computed runs to its end in its thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)
