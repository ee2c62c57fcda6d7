"""Numbers that stay numbers: the affine maps from a raster's values to a network's and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from sr_plugin.core.value_range import ValueRange


@dataclass(frozen=True)
class BandScaling:
    """``quantity = data * gain + offset`` for one band."""

    gain: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Radiometry:
    """The composed maps of one run; serialisable.

    ``model_in = data * in_gain[b] + in_offset[b]`` per input band, ``data = model_out * out_gain[b] + out_offset[b]``
    per output band.

    Attributes:
        data_valid: per input band lowest and highest data value the network was trained on, or None. What lies outside
            is clamped before the network and carried through the enlarged input.
    """

    in_gain: Tuple[float, ...]
    in_offset: Tuple[float, ...]
    out_gain: Tuple[float, ...]
    out_offset: Tuple[float, ...]
    data_valid: Optional[Tuple[Tuple[float, float], ...]] = None

    def first_bands(self, count: int) -> Radiometry:
        """The maps of the first ``count`` input bands; the output's where every band goes through on its own."""
        if count >= len(self.in_gain):
            return self
        valid = None if self.data_valid is None else self.data_valid[:count]
        alike = len(self.out_gain) == len(self.in_gain)
        out = (self.out_gain[:count], self.out_offset[:count]) if alike else (self.out_gain, self.out_offset)
        return Radiometry(self.in_gain[:count], self.in_offset[:count], *out, valid)

    def to_wire(self) -> Dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> Radiometry:
        """Inverse of :meth:`to_wire`."""
        valid = values["data_valid"]
        return cls(
            in_gain=tuple(values["in_gain"]),
            in_offset=tuple(values["in_offset"]),
            out_gain=tuple(values["out_gain"]),
            out_offset=tuple(values["out_offset"]),
            data_valid=None if valid is None else tuple((low, high) for low, high in valid),
        )


def compose(
    scalings: Sequence[BandScaling],
    value_range: ValueRange,
    output_count: int,
    output_scalings: Optional[Sequence[BandScaling]] = None,
) -> Radiometry:
    """Compose the raster's scaling with the network's range.

    Args:
        scalings: data -> quantity, one per input band.
        value_range: quantity -> network and back; one with results of their own type gives these as they are.
        output_count: number of output bands; where it differs from the input, the first band's scaling serves all.
        output_scalings: data -> quantity of the output bands, where they are known to differ from the input's.
    """
    count = len(scalings)
    net = value_range.for_bands(count)
    if value_range.out_type:
        output_scalings = [BandScaling()] * output_count
    out = list(output_scalings or (scalings if output_count == count else [scalings[0]] * output_count))
    valid = None
    if net.valid is not None:
        low, high = net.valid
        ends = [((low - s.offset) / s.gain, (high - s.offset) / s.gain) for s in scalings]
        valid = tuple((min(e), max(e)) for e in ends)
    return Radiometry(
        in_gain=tuple(s.gain * g for s, g in zip(scalings, net.in_gain)),
        in_offset=tuple(s.offset * g + o for s, g, o in zip(scalings, net.in_gain, net.in_offset)),
        out_gain=tuple(net.out_gain / s.gain for s in out),
        out_offset=tuple((net.out_offset - s.offset) / s.gain for s in out),
        data_valid=valid,
    )


def _per_band(values: Sequence[float], dtype: np.dtype) -> np.ndarray:
    return np.asarray(values, np.float64).astype(dtype)[:, None, None]


def to_model(data: np.ndarray, radiometry: Radiometry) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """Data -> network input, and what lay outside the network's range.

    Args:
        data: ``(bands, h, w)`` float32 or float64.

    Returns:
        ``(bands, h, w)`` float32 for the network, and the remainder in data units (None where nothing lay outside).
    """
    remainder = None
    if radiometry.data_valid is not None:
        low = _per_band([v[0] for v in radiometry.data_valid], data.dtype)
        high = _per_band([v[1] for v in radiometry.data_valid], data.dtype)
        inside = np.clip(data, low, high)
        if np.any(inside != data):
            remainder = data - inside
        data = inside
    scaled = data * _per_band(radiometry.in_gain, data.dtype) + _per_band(radiometry.in_offset, data.dtype)
    return np.ascontiguousarray(scaled, dtype=np.float32), remainder


def from_model(output: np.ndarray, radiometry: Radiometry, dtype: np.dtype) -> np.ndarray:
    """Network output ``(bands, h, w)`` -> data values of floating type ``dtype``, in a new contiguous array."""
    data = np.empty(output.shape, dtype)
    np.multiply(output, _per_band(radiometry.out_gain, data.dtype), out=data)
    if any(radiometry.out_offset):
        data += _per_band(radiometry.out_offset, data.dtype)
    return data
