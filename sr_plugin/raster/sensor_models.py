"""Control points and rational polynomials of a result: those of its input, on the finer grid."""

from __future__ import annotations

from typing import Dict, Mapping, Sequence, Tuple

from sr_plugin.core.grid import Window

#: Ground control point: map x, y, z, then column and row.
ControlPoint = Tuple[float, float, float, float, float]


def refined_points(points: Sequence[ControlPoint], area: Window, scale: int) -> Tuple[ControlPoint, ...]:
    """Control points of a window of the input, enlarged; columns and rows count from the corner of the first pixel."""
    return tuple((x, y, z, (col - area.col) * scale, (row - area.row) * scale) for x, y, z, col, row in points)


def refined_polynomials(rpc: Mapping[str, str], area: Window, scale: int) -> Dict[str, str]:
    """RPC metadata of a window of the input, enlarged.

    Offsets and scales of lines and samples change; they count from the *centre* of the first pixel (NGA.SIP.0016).
    Empty where they are no numbers.
    """
    result = dict(rpc)
    for axis, start in (("LINE", area.row), ("SAMP", area.col)):
        if f"{axis}_OFF" in rpc and f"{axis}_SCALE" in rpc:
            try:
                offset, span = float(rpc[f"{axis}_OFF"].split()[0]), float(rpc[f"{axis}_SCALE"].split()[0])
            except (ValueError, IndexError):
                # Polynomials that no program can use are not carried over.
                return {}
            result[f"{axis}_OFF"] = repr((offset - start + 0.5) * scale - 0.5)
            result[f"{axis}_SCALE"] = repr(span * scale)
    return result
