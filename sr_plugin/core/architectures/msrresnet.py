"""MSRResNet: the SRResNet without batch normalisation of BasicSR, generator of ESRGAN's baseline."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

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
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.errors import ModelMismatch


class MsrResNet(Family):
    """Names ``conv_first``, ``body.N.conv1``, ``upconv1``, ``conv_hr``; older ``recon_trunk``, ``HRconv``."""

    id = "msrresnet"
    title = "MSRResNet"
    citation = "X. Wang et al., BasicSR, https://github.com/XPixelGroup/BasicSR; based on arXiv:1609.04802"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        bodies = ("body.0.conv1.weight", "recon_trunk.0.conv1.weight")
        ends = ("conv_hr.weight", "HRconv.weight")
        outer = "conv_first.weight" in shapes and "upconv1.weight" in shapes
        return outer and any(name in shapes for name in bodies) and any(name in shapes for name in ends)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The newer naming."""
        return {n: re.sub(r"^HRconv\.", "conv_hr.", re.sub(r"^recon_trunk\.", "body.", n)) for n in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; a second upsampling convolution means x4, else the first one tells x2 or x3."""
        width, bands, _, _ = shape_of(shapes, "conv_first.weight", 4)
        given = shape_of(shapes, "conv_last.weight", 4)[0]
        if given != bands:
            raise ModelMismatch(f"The tensor 'conv_last.weight' gives {given} bands, but {bands} go in.")
        factor = square_root(shape_of(shapes, "upconv1.weight", 4)[0], width, "upconv1.weight")
        return {
            "bands": bands,
            "width": width,
            "blocks": count_of(shapes, r"body\.(\d+)\."),
            "factors": [factor] * (2 if "upconv2.weight" in shapes else 1),
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected = conv("conv_first", width, h["bands"])
        for block in range(h["blocks"]):
            expected.update(conv(f"body.{block}.conv1", width, width))
            expected.update(conv(f"body.{block}.conv2", width, width))
        for number, factor in enumerate(h["factors"], start=1):
            expected.update(conv(f"upconv{number}", width * factor * factor, width))
        expected.update(conv("conv_hr", width, width))
        expected.update(conv("conv_last", h["bands"], width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 3, the bilinear path reaches 1 pixel only."""
        h = hyperparameters
        steps: List[Step] = [("conv", 1)] * (2 * h["blocks"] + 1)
        scale = 1
        for factor in h["factors"]:
            steps += [("conv", 1), ("up", factor)]
            scale *= factor
        return Traits(
            scale=scale,
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=reach_of([*steps, ("conv", 1), ("conv", 1)]),
            notes=GAN_NOTE,
        )
