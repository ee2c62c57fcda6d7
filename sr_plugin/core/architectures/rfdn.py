"""RFDN: residual feature distillation with enhanced spatial attention."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, conv, count_of, shape_of, square_root
from sr_plugin.core.card import TileConstraints
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

_DISTILLATIONS = 3
#: The attention halves the tile and then pools it by windows of seven, which needs as many pixels.
_SMALLEST_TILE = 15


class Rfdn(Family):
    """Names ``fea_conv``, ``BN.cM_d``, ``BN.cM_r``, ``BN.esa``, ``c.0``, ``LR_conv``, ``upsampler.0``."""

    id = "rfdn"
    title = "RFDN"
    citation = "J. Liu et al., Residual feature distillation network, 2020, arXiv:2009.11551"
    verified = True
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "fea_conv.weight" in shapes and "B1.c1_d.weight" in shapes and "B1.esa.conv1.weight" in shapes

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, taken, _, _ = shape_of(shapes, "fea_conv.weight", 4)
        expanded = shape_of(shapes, "upsampler.0.weight", 4)[0]
        return {
            "bands": taken,
            "width": width,
            "distilled": shape_of(shapes, "B1.c1_d.weight", 4)[0],
            "attention": shape_of(shapes, "B1.esa.conv1.weight", 4)[0],
            "blocks": count_of(shapes, r"B(\d+)\.") - 1,
            "scale": square_root(expanded, taken, "upsampler.0.weight"),
        }

    def _block(self, name: str, h: Mapping[str, Any]) -> Dict[str, Shape]:
        width, kept, narrow = h["width"], h["distilled"], h["attention"]
        expected: Dict[str, Shape] = {}
        for k in range(1, _DISTILLATIONS + 1):
            expected.update(conv(f"{name}.c{k}_d", kept, width, 1))
            expected.update(conv(f"{name}.c{k}_r", width, width))
        expected.update(conv(f"{name}.c4", kept, width))
        expected.update(conv(f"{name}.c5", width, (_DISTILLATIONS + 1) * kept, 1))
        expected.update(conv(f"{name}.esa.conv1", narrow, width, 1))
        expected.update(conv(f"{name}.esa.conv_f", narrow, narrow, 1))
        for layer in ("conv_max", "conv2", "conv3", "conv3_"):
            expected.update(conv(f"{name}.esa.{layer}", narrow, narrow))
        expected.update(conv(f"{name}.esa.conv4", width, narrow, 1))
        return expected

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        if h["blocks"] < 1:
            raise ModelMismatch("This RFDN has no blocks.")
        expected = conv("fea_conv", width, h["bands"])
        for n in range(1, h["blocks"] + 1):
            expected.update(self._block(f"B{n}", h))
        expected.update(conv("c.0", width, h["blocks"] * width, 1))
        expected.update(conv("LR_conv", width, width))
        expected.update(conv("upsampler.0", h["bands"] * h["scale"] ** 2, width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; no finite reach, because the attention is stretched to fit the tile's size."""
        h = hyperparameters
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=None,
            value_range=VALUE_RANGES["byte"],
            tiles=TileConstraints(minimum=_SMALLEST_TILE),
            notes="Its attention is stretched to each tile's size, so neighbouring tiles are blended.",
        )
