"""One forward at a time, so that a tile can be prepared or finished beside the forward of another one."""

from __future__ import annotations

import threading

import numpy as np

from sr_plugin.core.session import LoadedModel
from sr_plugin.worker.backends.base import Backend, Finish


class InTurn(Backend):
    """A backend that several threads may call; a forward waits for the one that runs.

    Two forwards at a time would share the same cores and need twice the memory.

    Args:
        backend: what computes.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._turn = threading.Lock()

    def forward(self, *inputs: np.ndarray) -> np.ndarray:
        """See :class:`Backend`."""
        with self._turn:
            return self._backend.forward(*inputs)

    @property
    def finishes(self) -> bool:
        """See :class:`Backend`."""
        return self._backend.finishes

    def forward_finished(self, batch: np.ndarray, finish: Finish) -> np.ndarray:
        """See :class:`Backend`."""
        with self._turn:
            return self._backend.forward_finished(batch, finish)

    def describe(self) -> LoadedModel:
        """See :class:`Backend`."""
        return self._backend.describe()
