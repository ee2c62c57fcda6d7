"""The standard deviation of a tile over views and models, and bicubic where it is above a limit."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import ProtocolError
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.core.resampling import enlarge_cubic
from sr_plugin.core.session import RunSettings
from sr_plugin.core.uncertainty import BESIDE, DEVIATION, REPLACED, joint_constraints, sides_may_swap
from sr_plugin.worker.backends.base import Backend
from sr_plugin.worker.backends.choose import open_backend
from sr_plugin.worker.network import Network, cropped
from sr_plugin.worker.views import Enlarge, spread


def _open(card: ModelCard, settings: RunSettings) -> Backend:
    """A further model made ready: always exact, so that rounding does not pass for a difference between models.

    Which runtime takes it does not depend on what was measured for the first one, so a resumed run finds it again.
    """
    return open_backend(card, replace(settings, backend="auto", precision="float32"))


class Uncertainty:
    """Holds the models whose answers are compared.

    Args:
        first: the model that gives the result.
        settings: with an :attr:`~sr_plugin.core.session.RunSettings.uncertainty`.

    Attributes:
        computed_by: backend and precision of each further model.

    Raises:
        SuperResolutionError: when a further model cannot be loaded.
    """

    def __init__(self, first: Network, settings: RunSettings) -> None:
        if settings.uncertainty is None:
            raise ProtocolError("The settings ask for no uncertainty.")
        self._settings = settings.uncertainty
        self._first = first
        self._others = [
            Network(model.card, _open(model.card, settings), model.radiometry, settings.luminance)
            for model in self._settings.models
        ]
        self._swap = sides_may_swap(joint_constraints((first.card, *self._settings.cards)))
        self._turn = threading.Lock()
        described = [network.backend.describe() for network in self._others]
        self.computed_by = tuple(f"{one.backend} {one.precision}" for one in described)

    def _in_turn(self, network: Network) -> Enlarge:
        """The network, which waits for any other one that runs: two at a time would need the memory of both."""

        def enlarge(data: np.ndarray) -> np.ndarray:
            with self._turn:
                return network.enlarged_whole(data)

        return enlarge

    def run(self, data: np.ndarray, kept: Window, core: Window) -> tuple[np.ndarray, tuple[NamedArray, ...]]:
        """The result of a tile and what stands beside it.

        Args:
            data: ``(bands, h, w)`` in data units, the bands that the models take.
            kept: input pixels of which the result is wanted.
            core: input pixels of which the arrays beside it are wanted.

        Returns:
            The first model's result, with bicubic where the deviation is above the limit, of ``kept``; the arrays that
            the settings ask for, of ``core``.

        Raises:
            OutOfMemory, ModelFailed: from a model.
        """
        scale, limit = self._first.card.scale, self._settings.limit
        first, *others = [self._in_turn(network) for network in (self._first, *self._others)]
        result, deviation = spread(data, first, self._swap, others)
        # In the type in which it is written: the limit then divides the file exactly as it divided the pixels.
        deviation = deviation.astype(BESIDE[DEVIATION][0], copy=False)
        place = kept.scaled(scale)
        result, arrays = cropped(result, place), {DEVIATION: deviation}
        if limit:
            replaced = deviation > np.float32(limit)
            arrays[REPLACED] = replaced.astype(BESIDE[REPLACED][0])
            result = np.where(cropped(replaced, place), cropped(enlarge_cubic(data, scale), place), result)
        inside = core.scaled(scale)
        parts = {name: np.ascontiguousarray(cropped(arrays[name], inside)) for name in self._settings.outputs}
        return result, tuple(NamedArray(name, part) for name, part in parts.items())
