"""SRVGGNetCompact: the small networks of Real-ESRGAN (animevideov3, general-x4v3)."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from sr_plugin.core.architectures.family import (
    GAN_NOTE,
    Family,
    Shape,
    Shapes,
    Traits,
    conv,
    count_of,
    shape_of,
    square_root,
)

_NAME = re.compile(r"body\.\d+\.(weight|bias)")
_SLOPE_NOTE = " The slope of its activations is not stored; 0.1 is assumed."


class SrVgg(Family):
    """Names ``body.N`` only: convolutions and activations, pixel shuffle, plus the nearest-enlarged input."""

    id = "srvgg"
    title = "SRVGGNetCompact"
    citation = "X. Wang et al., Real-ESRGAN: training real-world blind super-resolution, 2021, arXiv:2107.10833"
    verified = True

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        if not shapes or not all(_NAME.fullmatch(name) for name in shapes):
            return False
        last = count_of(shapes, r"body\.(\d+)\.") - 1
        ends = (shapes.get("body.0.weight", ()), shapes.get(f"body.{last}.weight", ()))
        return last >= 2 and all(len(shape) == 4 for shape in ends)

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; without stored slopes (PReLU) a leaky ReLU of 0.1 is assumed."""
        last = count_of(shapes, r"body\.(\d+)\.") - 1
        width, taken, _, _ = shape_of(shapes, "body.0.weight", 4)
        given = shape_of(shapes, f"body.{last}.weight", 4)[0]
        slopes = any(name.endswith(".weight") and len(shape) == 1 for name, shape in shapes.items())
        return {
            "bands": taken,
            "width": width,
            "convs": (last - 2) // 2,
            "scale": square_root(given, taken, f"body.{last}.weight"),
            "activation": "prelu" if slopes else "leakyrelu",
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected = conv("body.0", width, h["bands"])
        for number in range(h["convs"] + 1):
            if number:
                expected.update(conv(f"body.{2 * number}", width, width))
            if h["activation"] == "prelu":
                expected[f"body.{2 * number + 1}.weight"] = (width,)
        expected.update(conv(f"body.{2 * h['convs'] + 2}", h["bands"] * h["scale"] ** 2, width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach: one pixel for each convolution."""
        h = hyperparameters
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=h["convs"] + 2,
            notes=GAN_NOTE + ("" if h["activation"] == "prelu" else _SLOPE_NOTE),
        )
