"""Bringing values of one raster to the gain and offset of another, so that one card tells the truth of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from sr_plugin.core.pixel_type import cast_pixels, working_type

#: What is left by dividing numbers such as 0.0001.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Rescaling:
    """``value * factor + term``.

    Attributes:
        factor, term: 1 and 0 leave values alone.
    """

    factor: float = 1.0
    term: float = 0.0

    @classmethod
    def between(cls, own: Tuple[float, float], wanted: Tuple[float, float]) -> Rescaling:
        """The map under which a quantity stays the same when ``own`` gain and offset give way to the wanted ones."""
        factor, term = own[0] / wanted[0], (own[1] - wanted[1]) / wanted[0]
        if abs(factor - 1) < _ROUNDING:
            factor = 1.0
        if abs(term - round(term)) < _ROUNDING * max(1.0, abs(term)):
            term = float(round(term))
        return cls(factor, term)

    @property
    def changes(self) -> bool:
        """Whether any value is changed."""
        return self != Rescaling()

    def pixel_type(self, kind: str) -> str:
        """Type of the mapped values of a pixel type: whole numbers stay whole where nothing is lost but saturation."""
        if not self.changes or np.dtype(kind).kind == "f" or (self.factor == 1 and self.term.is_integer()):
            return kind
        return working_type(kind).name

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Mapped values of :meth:`pixel_type`; integers saturate."""
        if not self.changes:
            return values
        kind = values.dtype.name
        return cast_pixels(values.astype(working_type(kind)) * self.factor + self.term, self.pixel_type(kind))
