"""Finding out what a bare model file is: by its tensors or header, else by running it once in a worker."""

from __future__ import annotations

import threading
from typing import Optional

from sr_plugin.core.card import ModelCard
from sr_plugin.core.errors import Cancelled
from sr_plugin.core.session import ModelSession
from sr_plugin.pipeline.describe import find_whole_model
from sr_plugin.pipeline.superresolve import worker_factory


class ModelReading:
    """Reads one model file when called, in whatever thread; may be stopped from another one.

    Args:
        reference: path of the model file, or a model's name.
        python: Python to run the worker on, empty to find one.
    """

    def __init__(self, reference: str, python: str) -> None:
        self.reference = reference
        self._open_worker = worker_factory(python)
        self._lock = threading.Lock()
        self._session: Optional[ModelSession] = None
        self._stopped = False

    def __call__(self) -> ModelCard:
        """The model's whole card.

        Raises:
            SuperResolutionError: when it is no model, or cannot be run here.
        """
        return find_whole_model(self.reference, self._open)

    def stop(self) -> None:
        """End the worker, if one was started; the card is not wanted any more."""
        with self._lock:
            self._stopped = True
            if self._session is not None:
                self._session.kill()

    def _open(self, card: ModelCard) -> ModelSession:
        session = self._open_worker(card)
        with self._lock:
            self._session = session
            if self._stopped:
                session.kill()
                raise Cancelled("The model is not wanted any more.")
        return session
