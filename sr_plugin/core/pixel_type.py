"""Pixel types, and the cast from computed values: rounded and saturating for integers, never wrapping."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

#: Types a result may have, by the names that numpy gives them.
PIXEL_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")

#: Values that are cast together.
_PIECE = 1 << 16


def working_type(*types: str) -> np.dtype:
    """Floating type that holds all values of the given pixel types exactly: float32 up to 16 bits, else float64."""
    wide = {"uint32", "int32", "float64", "uint64", "int64"}
    return np.dtype(np.float64 if any(t in wide for t in types) else np.float32)


def common_type(types: Sequence[str]) -> np.dtype:
    """The smallest pixel type that holds all values of the given ones; float64 where no integer type does."""
    common = np.result_type(*types)
    return common if common.name in PIXEL_TYPES else np.dtype(np.float64)


def cast_pixels(values: np.ndarray, dtype: str) -> np.ndarray:
    """Cast floating values to a pixel type; integers are rounded half to even and saturate, NaN becomes 0.

    Args:
        values: floating array of any shape; it may be overwritten.
        dtype: one of :data:`PIXEL_TYPES`.
    """
    target = np.dtype(dtype)
    if target.kind == "f":
        return values.astype(target, copy=False)
    if target.itemsize >= 4 and values.dtype != np.float64:
        values = values.astype(np.float64)
    limits = np.iinfo(target)
    flat = np.ascontiguousarray(values).reshape(-1)
    result = np.empty(flat.shape, target)
    # Piece by piece, so that all steps but the first find the values in the processor's cache.
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        np.rint(piece, out=piece)
        np.clip(piece, limits.min, limits.max, out=piece)
        if np.isnan(piece.min()):
            np.nan_to_num(piece, copy=False, nan=0.0)
        result[start : start + _PIECE] = piece
    return result.reshape(values.shape)


def recast_pixels(pixels: np.ndarray, dtype: str) -> np.ndarray:
    """Pixels of any type in another one, rounded and saturating; not copied if they have it already."""
    if pixels.dtype.name == dtype:
        return pixels
    return cast_pixels(pixels.astype(working_type(pixels.dtype.name, dtype)), dtype)


def step_of(dtype: str) -> Optional[int]:
    """1 for integer types (the smallest step between two values), None for floating types."""
    return 1 if np.dtype(dtype).kind in "iu" else None


def fits_type(value: float, pixel_type: str) -> bool:
    """Whether pixels of a type can have a value, such as one that marks nodata; floating types take any."""
    if pixel_type.startswith("float"):
        return True
    limits = np.iinfo(pixel_type)
    return float(value).is_integer() and limits.min <= value <= limits.max


def avoid_value(pixels: np.ndarray, value: float, where: np.ndarray) -> None:
    """Move valid pixels that happen to equal the nodata value to their nearest neighbour value, in place.

    Args:
        pixels: ``(bands, h, w)`` of any pixel type.
        value: the nodata value.
        where: ``(bands, h, w)`` bool, True on valid pixels.
    """
    if np.isnan(value):
        return
    dtype = pixels.dtype
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            return
        substitute = dtype.type(int(value) + 1 if value < limits.max else int(value) - 1)
    else:
        substitute = np.nextafter(dtype.type(value), dtype.type(0 if value > 0 else 1))
    pixels[where & (pixels == dtype.type(value))] = substitute
