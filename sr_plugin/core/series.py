"""A series of images of one place: how its views lie on the reference's grid and how their values compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Tuple

import numpy as np

from sr_plugin.core.series_choices import MATCH_LOCAL

#: What a tile of a series becomes: the fused image, or how many views differ from the reference at each pixel.
IMAGE, CHANGES = "image", "changes"
#: Value of a changed-pixels raster where no view has data.
NO_VIEW = 255


@dataclass(frozen=True)
class ViewPlace:
    """One view against the reference.

    Attributes:
        shift: rows and columns from a pixel of the stacked view to its true place on the reference's grid: pixel ``k``
            lies at ``k + shift``, in pixels of the reference. Whole pixels are already taken off.
        field: further ``(row, column)`` shifts at the nodes of :attr:`SeriesSettings.nodes`, row by row; empty where
            the shift is the same everywhere.
        gains, offsets: for each band, ``value * gain + offset`` is what the reference would show.
    """

    shift: Tuple[float, float]
    field: Tuple[Tuple[float, float], ...] = ()
    gains: Tuple[float, ...] = ()
    offsets: Tuple[float, ...] = ()


@dataclass(frozen=True)
class SeriesSettings:
    """How a stack of views is to be fused.

    A tile holds ``len(views) * bands`` planes, view by view with the reference first, then one plane of validity (0: no
    data) for each view.

    Attributes:
        bands: bands of a view.
        views: the reference first.
        nodes: rows and columns of the lattice that shifts may vary over, in pixels of the reference.
        noise: for each band, what matched views differ by where nothing changed (standard deviation, data units).
        grain: for each band, the noise of the reference alone (standard deviation, data units).
        typical: for each band, a value for places without any valid pixel around.
        output: :data:`IMAGE` or :data:`CHANGES`.
        match: one of :data:`~sr_plugin.core.series_choices.MATCHES`.
        threshold: multiples of the noise beyond which a view counts as changed; 0 takes nothing for a change.
    """

    bands: int
    views: Tuple[ViewPlace, ...]
    nodes: Tuple[Tuple[float, ...], Tuple[float, ...]] = ((), ())
    noise: Tuple[float, ...] = ()
    grain: Tuple[float, ...] = ()
    typical: Tuple[float, ...] = ()
    output: str = IMAGE
    match: str = MATCH_LOCAL
    threshold: float = 5.0

    @property
    def planes(self) -> int:
        """Planes of a tile: all bands of all views, and a validity for each view."""
        return len(self.views) * (self.bands + 1)

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> SeriesSettings:
        """Inverse of :meth:`to_wire`.

        Raises:
            KeyError, TypeError: when a field is missing or of the wrong form.
        """
        views = tuple(
            ViewPlace(
                shift=_pair(view["shift"]),
                field=tuple(_pair(node) for node in view["field"]),
                gains=_floats(view["gains"]),
                offsets=_floats(view["offsets"]),
            )
            for view in values["views"]
        )
        rows, columns = values["nodes"]
        fixed = {name: _floats(values[name]) for name in ("noise", "grain", "typical")}
        return cls(**{**values, **fixed, "views": views, "nodes": (_floats(rows), _floats(columns))})

    def local_shifts(self, view: int, row: int, column: int, height: int, width: int) -> np.ndarray:
        """What a view's shift differs by from its global one, bilinear between the nodes.

        Args:
            view: number of the view, from 0.
            row, column, height, width: a window of the reference's grid.

        Returns:
            ``(2, height, width)`` float32, rows first; all 0 where the shift is the same everywhere.
        """
        field = self.views[view].field
        if not field:
            return np.zeros((2, height, width), np.float32)
        rows, columns = (np.asarray(axis, np.float64) for axis in self.nodes)
        nodes = np.asarray(field, np.float64).reshape(rows.size, columns.size, 2)
        down = _hat_weights(np.arange(row, row + height), rows)
        right = _hat_weights(np.arange(column, column + width), columns)
        return np.einsum("hr,wc,rck->khw", down, right, nodes, optimize=True).astype(np.float32)


def _floats(values: Any) -> Tuple[float, ...]:
    return tuple(float(value) for value in values)


def _pair(values: Any) -> Tuple[float, float]:
    first, second = values
    return float(first), float(second)


def _hat_weights(positions: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """``(positions, nodes)`` weights of linear interpolation, constant beyond the outer nodes."""
    return np.stack([np.interp(positions, nodes, unit) for unit in np.eye(nodes.size)], axis=1)
