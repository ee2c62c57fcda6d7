"""VDSR: a deep network that repairs a bicubic enlargement, one band at a time."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.hinted import HintedFamily, scale_in_name
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.errors import ModelMismatch

_SCALES = (2, 3, 4, 8)
_LARGEST_SCALE = 16
#: Input pixels on each side that the cubic enlargement may look at.
_CUBIC_RADIUS = 2


class Vdsr(HintedFamily):
    """Names ``input``, ``residual_layer.N.conv``, ``output``; the same file serves any scale."""

    id = "vdsr"
    title = "VDSR"
    citation = "J. Kim et al., Accurate image super-resolution using very deep CNNs, 2016, arXiv:1511.04587"
    verified = True
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return all(name in shapes for name in ("input.weight", "residual_layer.0.conv.weight", "output.weight"))

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; nothing tells the scale, which is chosen at run time."""
        width, bands, _, _ = shape_of(shapes, "input.weight", 4)
        return {
            "bands": bands,
            "width": width,
            "blocks": count_of(shapes, r"residual_layer\.(\d+)\."),
            "bias": "input.bias" in shapes,
            "scale": 2,
        }

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; ``x3`` in the file's name chooses the scale."""
        return {**hyperparameters, "scale": scale_in_name(file_name, _SCALES, hyperparameters["scale"])}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        expected = conv("input", h["width"], h["bands"], bias=h["bias"])
        for block in range(h["blocks"]):
            expected.update(conv(f"residual_layer.{block}.conv", h["width"], h["width"], bias=h["bias"]))
        expected.update(conv("output", h["bands"], h["width"], bias=h["bias"]))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; as many enlarged pixels as there are layers, and those of the enlargement.

        Raises:
            ModelMismatch: when the scale is no whole number from 1 to 16.
        """
        h = hyperparameters
        scale = h["scale"]
        if not isinstance(scale, int) or not 1 <= scale <= _LARGEST_SCALE:
            raise ModelMismatch(f"VDSR cannot enlarge by {scale!r}; choose a whole number from 1 to {_LARGEST_SCALE}.")
        steps: List[Step] = [("conv", _CUBIC_RADIUS), ("up", scale)] + [("conv", 1)] * (h["blocks"] + 2)
        return Traits(
            scale=scale,
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=reach_of(steps),
            notes=(
                f"One file for several scales; it is used for x{scale}. A mark such as x3 in the file's name, or the "
                "hyperparameter 'scale' on its card, chooses another. Every band passes through it on its own."
            ),
        )
