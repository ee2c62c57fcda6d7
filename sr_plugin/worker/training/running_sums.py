"""Means of the losses between two lines of the log, kept on the device so that no step has to wait for them."""

from __future__ import annotations

import math

import torch

from sr_plugin.core.errors import TrainingFailed


class RunningSums:
    """Sums of named figures."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, figures: dict[str, torch.Tensor]) -> None:
        """Add the figures of a step."""
        for name, value in figures.items():
            # Apple's GPUs know no double precision.
            wide = value if value.device.type == "mps" else value.double()
            self._sums[name] = self._sums[name] + wide if name in self._sums else wide
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """The means since the last call.

        Raises:
            TrainingFailed: when one is not finite.
        """
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        for name, value in means.items():
            if not math.isfinite(value):
                raise TrainingFailed(
                    f"The training has diverged: '{name}' is no longer a finite number.",
                    "Start again with a lower learning rate, or with gradient clipping.",
                )
        return means
