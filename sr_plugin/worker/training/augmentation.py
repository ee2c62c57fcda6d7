"""Changes of an example that keep it a true pair of input and target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sr_plugin.core.training_plan import AugmentationPlan


@dataclass(frozen=True)
class Change:
    """One change, the same for input and target but for the noise.

    Attributes:
        rows, columns: whether the order of rows and of columns is reversed.
        turns: quarter turns, after that.
        gain: factor of all values.
        noise: standard deviation of what is added to the input.
    """

    rows: bool = False
    columns: bool = False
    turns: int = 0
    gain: float = 1.0
    noise: float = 0.0

    @classmethod
    def drawn(cls, rng: np.random.Generator, plan: AugmentationPlan, spread: float) -> Change:
        """A random change; ``spread`` is what noise is counted in."""
        # All numbers are drawn always, so that one setting does not change what another one draws.
        rows, columns = (bool(flip) for flip in rng.integers(0, 2, 2))
        turns = int(rng.integers(0, 4))
        gain, noise = float(rng.uniform(-1, 1)), float(rng.uniform(0, 1))
        return cls(
            rows and plan.flips,
            columns and plan.flips,
            turns if plan.turns else 0,
            1.0 + plan.gain * gain,
            plan.noise * spread * noise,
        )

    def with_noise(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An input with the noise of this change."""
        if self.noise == 0:
            return values
        return values + rng.normal(0.0, self.noise, values.shape).astype(values.dtype)


def changed(image: np.ndarray, change: Change, values: bool = True) -> np.ndarray:
    """A square image ``(..., h, w)`` after a change; ``values`` False leaves its values as they are."""
    if change.rows:
        image = image[..., ::-1, :]
    if change.columns:
        image = image[..., ::-1]
    image = np.rot90(image, change.turns, axes=(-2, -1))
    if values and change.gain != 1.0:
        image = image * np.float32(change.gain)
    return np.ascontiguousarray(image)
