"""Which axis of an image tensor is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence

#: More bands than this are no image's last axis.
_MOST_BANDS_LAST = 16


@dataclass(frozen=True)
class OnnxImage:
    """The sizes of an image tensor, None where free.

    Attributes:
        bands, height, width, batch: sizes.
        bands_last: True for (batch, height, width, bands), as Keras has it.
    """

    bands: Optional[int]
    height: Optional[int]
    width: Optional[int]
    batch: Optional[int]
    bands_last: bool


def onnx_image(shape: Sequence[Any]) -> Optional[OnnxImage]:
    """How to read a tensor of this shape as an image; None where it is none.

    A last axis of 1 to 16 is taken for the bands, unless the second one could be them as well.

    Args:
        shape: sizes, anything but a positive integer where free.
    """
    if len(shape) != 4:
        return None
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]

    def few(size: Optional[int]) -> bool:
        return size is not None and size <= _MOST_BANDS_LAST

    if few(sizes[3]) and not few(sizes[1]):
        return OnnxImage(sizes[3], sizes[1], sizes[2], sizes[0], True)
    return OnnxImage(sizes[1], sizes[2], sizes[3], sizes[0], False)
