"""RCAN: residual groups with channel attention, in the naming of EDSR-PyTorch and torchSR."""

from __future__ import annotations

from typing import Any, Dict, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.hinted import HintedFamily
from sr_plugin.core.architectures.mean_shift import has_mean_layers, is_super_image, mean_layer_shapes, range_of_mean
from sr_plugin.core.architectures.pixel_shuffles import factors_of, product, shuffle_shapes
from sr_plugin.core.value_range import VALUE_RANGES


class Rcan(HintedFamily):
    """Names ``head.0``, ``body.G.body.B.body.0``, ``body.G.body.B.body.3.conv_du.0``, ``tail.0.0``, ``tail.1``."""

    id = "rcan"
    title = "RCAN"
    citation = "Y. Zhang et al., Image super-resolution using very deep RCAN, 2018, arXiv:1807.02758"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "body.0.body.0.body.3.conv_du.0.weight" in shapes and "tail.0.0.weight" in shapes

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, bands, _, _ = shape_of(shapes, "head.0.weight", 4)
        given, taken, _, _ = shape_of(shapes, "tail.1.weight", 4)
        return {
            "in_bands": bands,
            "out_bands": given,
            "width": width,
            "squeezed": shape_of(shapes, "body.0.body.0.body.3.conv_du.0.weight", 4)[0],
            "groups": count_of(shapes, r"body\.(\d+)\.body\."),
            "blocks": count_of(shapes, r"body\.0\.body\.(\d+)\.body\."),
            "factors": factors_of(shapes, "tail.0", taken),
            "means": has_mean_layers(shapes),
            "value_range": "byte",
        }

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; the mean tells the range, and without one the original's 0 to 255 is taken."""
        h = dict(hyperparameters)
        if h["means"]:
            h["value_range"] = "unit" if is_super_image(file_name) else range_of_mean(tensors)
        return h

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected = mean_layer_shapes(h["in_bands"]) if h["means"] else {}
        expected.update(conv("head.0", width, h["in_bands"]))
        for group in range(h["groups"]):
            for block in range(h["blocks"]):
                name = f"body.{group}.body.{block}.body"
                expected.update({**conv(f"{name}.0", width, width), **conv(f"{name}.2", width, width)})
                expected.update(conv(f"{name}.3.conv_du.0", h["squeezed"], width, 1))
                expected.update(conv(f"{name}.3.conv_du.2", width, h["squeezed"], 1))
            expected.update(conv(f"body.{group}.body.{h['blocks']}", width, width))
        expected.update(conv(f"body.{h['groups']}", width, width))
        expected.update(shuffle_shapes("tail.0", width, width, h["factors"]))
        expected.update(conv("tail.1", h["out_bands"], width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; channel attention averages over the whole tile."""
        h = hyperparameters
        if h["means"] and h["in_bands"] != h["out_bands"]:
            raise ValueError(f"a mean of {h['in_bands']} bands cannot be put back on {h['out_bands']}")
        return Traits(
            scale=product(h["factors"]),
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=None,
            value_range=VALUE_RANGES[h["value_range"]],
            notes="Its channel attention averages over each tile, so neighbouring tiles are blended.",
        )
