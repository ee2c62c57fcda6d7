"""EDSR in the namings of EDSR-PyTorch (also torchSR and super-image) and of BasicSR."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.hinted import HintedFamily
from sr_plugin.core.architectures.mean_shift import (
    RGB_MEAN,
    has_mean_layers,
    is_super_image,
    mean_layer_shapes,
    range_of_mean,
)
from sr_plugin.core.architectures.pixel_shuffles import factors_of, product, shuffle_shapes, shuffle_steps
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.value_range import VALUE_RANGES

#: How the mean colour is handled: by the file's layers; by layers that are in the file but never run (super-image); by
#: a constant that is not in the file (BasicSR); not at all.
MEANS = ("layers", "unused", "constant", "none")
#: The large published network adds a tenth of each block's result; the others add all of it.
_LARGE = {"width": 256, "blocks": 32}
_LARGE_RESIDUAL_SCALE = 0.1


def _from_basicsr(name: str, blocks: int) -> str:
    """``conv_first``, ``body.N.conv1``, ``conv_after_body``, ``upsample.N``, ``conv_last`` in EDSR-PyTorch's naming."""
    block = re.fullmatch(r"body\.(\d+)\.conv([12])\.(\w+)", name)
    if block:
        return f"body.{block.group(1)}.body.{2 * int(block.group(2)) - 2}.{block.group(3)}"
    outer = {
        "conv_first": "head.0",
        "conv_after_body": f"body.{blocks}",
        "conv_last": "tail.1",
    }
    stem, _, part = name.rpartition(".")
    if stem in outer:
        return f"{outer[stem]}.{part}"
    return re.sub(r"^upsample\.", "tail.0.", name)


class Edsr(HintedFamily):
    """Names ``head.0``, ``body.N.body.0``, ``tail.0.0``, ``tail.1``, with or without the mean layers; any bands."""

    id = "edsr"
    title = "EDSR"
    citation = "B. Lim et al., Enhanced deep residual networks for image super-resolution, 2017, arXiv:1707.02921"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        names = ("body.0.body.0.weight", "tail.0.0.weight", "tail.1.weight")
        return all(name in shapes for name in names) and "body.0.body.0.body.0.weight" not in shapes

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, bands, _, _ = shape_of(shapes, "head.0.weight", 4)
        taken = shape_of(shapes, "tail.1.weight", 4)[1]
        blocks = count_of(shapes, r"body\.(\d+)\.body\.")
        large = {"width": width, "blocks": blocks} == _LARGE
        return {
            "in_bands": bands,
            "out_bands": shape_of(shapes, "tail.1.weight", 4)[0],
            "width": width,
            "blocks": blocks,
            "factors": factors_of(shapes, "tail.0", taken),
            "residual_scale": _LARGE_RESIDUAL_SCALE if large else 1.0,
            "means": "layers" if has_mean_layers(shapes) else "none",
            "value_range": "byte" if has_mean_layers(shapes) else "unit",
        }

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; the mean layers' size tells the range, super-image's file names that they rest."""
        h = dict(hyperparameters)
        if h["means"] != "layers":
            return h
        if is_super_image(file_name):
            return {**h, "means": "unused", "value_range": "unit"}
        return {**h, "value_range": range_of_mean(tensors)}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected = mean_layer_shapes(len(RGB_MEAN)) if h["means"] in ("layers", "unused") else {}
        expected.update(conv("head.0", width, h["in_bands"]))
        for block in range(h["blocks"]):
            expected.update(conv(f"body.{block}.body.0", width, width))
            expected.update(conv(f"body.{block}.body.2", width, width))
        expected.update(conv(f"body.{h['blocks']}", width, width))
        expected.update(shuffle_shapes("tail.0", width, width, h["factors"]))
        expected.update(conv("tail.1", h["out_bands"], width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 4.

        Raises:
            ValueError: when the mean is to be handled in no known way, or needs three bands and there are others.
        """
        h = hyperparameters
        rgb = h["in_bands"] == h["out_bands"] == len(RGB_MEAN)
        if h["means"] not in MEANS or (h["means"] in ("layers", "constant") and not rgb):
            raise ValueError(f"the mean cannot be handled as {h['means']!r} with {h['in_bands']} bands")
        steps: List[Step] = [("conv", 1)] * (2 * h["blocks"] + 2)
        return Traits(
            scale=product(h["factors"]),
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, *shuffle_steps(h["factors"]), ("conv", 1)]),
            value_range=VALUE_RANGES[h["value_range"]],
            notes=_range_note(h) if h["means"] in ("unused", "none") else "",
        )


def _range_note(h: Mapping[str, Any]) -> str:
    told = "in the way of super-image" if h["means"] == "unused" else "as no mean is in the file"
    return (
        f"Values are taken to run over '{h['value_range']}', {told}; the hyperparameters 'value_range' and 'means' on "
        "its card change that."
    )


class EdsrBasicSr(Edsr):
    """Names ``conv_first``, ``body.N.conv1``, ``conv_after_body``, ``upsample.0``, ``conv_last`` of BasicSR."""

    id = "edsr_basicsr"
    title = "EDSR (BasicSR)"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        names = ("conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight", "upsample.0.weight")
        return all(name in shapes for name in names)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of EDSR-PyTorch."""
        blocks = count_of(shapes, r"body\.(\d+)\.")
        return {name: _from_basicsr(name, blocks) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; for RGB, BasicSR's program takes its own mean off, which is not in the file."""
        h = super().hyperparameters(shapes)
        rgb = h["in_bands"] == h["out_bands"] == len(RGB_MEAN)
        return {**h, "means": "constant" if rgb and h["means"] == "none" else h["means"]}
