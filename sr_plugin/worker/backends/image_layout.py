"""How an ONNX graph wants its image, whatever runtime computes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sr_plugin.core.onnx_layout import onnx_image

#: Inputs of graphs that fuse bands are named by the pixel size of their group.
_GROUP = re.compile(r"bands_(\d+)m")


def group_order(names: Sequence[str]) -> list[int]:
    """For each group of bands, the finest first, the number of the graph's input that takes it.

    Args:
        names: of the graph's inputs; ``bands_10m`` and the like go by their number, any others stay as they are.
    """
    sizes = [_GROUP.fullmatch(name) for name in names]
    if not all(sizes):
        return list(range(len(names)))
    return sorted(range(len(names)), key=lambda n: int(sizes[n].group(1)))  # type: ignore[union-attr]


class ImageLayout:
    """Adapts ``(n, bands, h, w)`` float32 to a graph with images of one layout in and one image out.

    Args:
        taken, given: sizes of the graph's input and output, anything but a positive integer where free.
        half: the graph works in float16 throughout.
    """

    def __init__(self, taken: Sequence[Any], given: Sequence[Any], half: bool) -> None:
        image_in, image_out = onnx_image(taken), onnx_image(given)
        self._half = half
        self._bands_last_in = image_in is not None and image_in.bands_last
        known = image_out is not None and image_out.bands
        self._bands_last_out = image_out.bands_last if image_out is not None and known else self._bands_last_in
        # Some exports take exactly one image at a time.
        self._one_by_one = image_in is not None and image_in.batch == 1

    def run(self, compute: Callable[..., np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        """``(n, output bands, h, w)`` float32 of what ``compute`` gives for arrays in the graph's own layout."""
        count = inputs[0].shape[0]
        if self._one_by_one and count > 1:
            return np.concatenate([self._once(compute, [x[i : i + 1] for x in inputs]) for i in range(count)])
        return self._once(compute, inputs)

    def _taken(self, batch: np.ndarray) -> np.ndarray:
        if self._half:
            batch = batch.astype(np.float16)
        if self._bands_last_in:
            batch = batch.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(batch)

    def _once(self, compute: Callable[..., np.ndarray], inputs: Sequence[np.ndarray]) -> np.ndarray:
        output = compute(*map(self._taken, inputs))
        if self._bands_last_out and output.ndim == 4:
            output = output.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(output, dtype=np.float32)
