"""Our own network: an EDSR body that predicts what a bicubic enlargement lacks."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from sr_plugin.core.architectures.family import (
    Family,
    Shape,
    Shapes,
    Traits,
    conv,
    count_of,
    shape_of,
    square_root,
)
from sr_plugin.core.value_range import VALUE_RANGES

#: Convolutions outside the blocks that a pixel passes through.
_OUTER_CONVS = 3


class EdsrBicubic(Family):
    """Names ``shallow``, ``blocks.N.conv1``, ``blocks.N.conv2``, ``trunk``, ``expand``; as many bands out as in."""

    id = "edsr_bicubic"
    title = "EDSR with bicubic skip"
    citation = "B. Lim et al., Enhanced deep residual networks for image super-resolution, 2017, arXiv:1707.02921"
    verified = True
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return all(f"{part}.weight" in shapes for part in ("shallow", "trunk", "expand"))

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, bands, _, _ = shape_of(shapes, "shallow.weight", 4)
        expanded = shape_of(shapes, "expand.weight", 4)[0]
        return {
            "in_bands": bands,
            "out_bands": bands,
            "width": width,
            "blocks": count_of(shapes, r"blocks\.(\d+)\."),
            "scale": square_root(expanded, bands, "expand.weight"),
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        expected = conv("shallow", h["width"], h["in_bands"])
        for block in range(h["blocks"]):
            expected.update(conv(f"blocks.{block}.conv1", h["width"], h["width"]))
            expected.update(conv(f"blocks.{block}.conv2", h["width"], h["width"]))
        expected.update(conv("trunk", h["width"], h["width"]))
        expected.update(conv("expand", h["out_bands"] * h["scale"] ** 2, h["width"]))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; the bicubic path reaches 2 pixels, less than the body."""
        h = hyperparameters
        return Traits(
            scale=h["scale"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=2 * h["blocks"] + _OUTER_CONVS,
            value_range=VALUE_RANGES["s2-10k"],
        )
