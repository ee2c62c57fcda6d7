"""Signal connections that a part of the interface makes to objects that outlive it."""

from __future__ import annotations

from typing import Any, Callable, List, Tuple


class Connections:
    """Connects signals of QGIS' own objects, and takes all of these connections back."""

    def __init__(self) -> None:
        self._made: List[Tuple[Any, Callable[..., Any]]] = []

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a bound signal to a function."""
        signal.connect(slot)
        self._made.append((signal, slot))

    def clear(self) -> None:
        """Disconnect everything that was connected here."""
        for signal, slot in self._made:
            try:
                signal.disconnect(slot)
            except (TypeError, RuntimeError):
                # The sender is gone, and its connections with it.
                continue
        self._made.clear()
