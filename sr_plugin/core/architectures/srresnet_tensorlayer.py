"""SRResNet of TensorLayer's SRGAN, whose weights come as a NumPy archive of named variables."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from sr_plugin.core.architectures.family import (
    GAN_NOTE,
    Family,
    Shape,
    Shapes,
    Traits,
    batch_norm,
    conv,
    count_of,
    shape_of,
)
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.architectures.srresnet import SRGAN
from sr_plugin.core.value_range import VALUE_RANGES

_OURS = "tensorlayer.stem.weight"
#: Patterns of the graph's names, behind whatever scope it was built in, and ours.
_NAMES: Sequence[Tuple[str, str]] = (
    (r"n\d+s1\.c\.(\w+)", r"stem.\1"),
    (r"n\d+s1\.c([12])\.(\d+)\.(\w+)", r"blocks.\2.conv\1.\3"),
    (r"n\d+s1\.b([12])\.(\d+)\.(\w+)", r"blocks.\2.bn\1.\3"),
    (r"n\d+s1\.c\.m\.(\w+)", r"trunk.\1"),
    (r"n\d+s1\.b\.m\.(\w+)", r"trunk_bn.\1"),
    (r"n\d+s1\.([1-4])\.(\w+)", r"up.\1.\2"),
    (r"out\.(\w+)", r"last.\1"),
)


def _renamed(name: str) -> str:
    for pattern, ours in _NAMES:
        match = re.fullmatch(rf"(?:\w+\.)?{pattern}", name)
        if match:
            return "tensorlayer." + match.expand(ours)
    return name


class SrResNetTensorLayer(Family):
    """Names ``SRGAN_g.n64s1.c1.N``, ``.n256s1.K``, ``.out``; canonical: SRResNet's behind ``tensorlayer.``."""

    id = "srresnet_tensorlayer"
    title = "SRResNet (TensorLayer SRGAN)"
    citation = SRGAN

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        ours = {_renamed(name) for name in shapes}
        return {_OURS, "tensorlayer.blocks.0.conv1.weight", "tensorlayer.last.weight"} <= ours or _OURS in shapes

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        return {name: _renamed(name) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, taken, first, _ = shape_of(shapes, _OURS, 4)
        given, _, last, _ = shape_of(shapes, "tensorlayer.last.weight", 4)
        return {
            "in_bands": taken,
            "out_bands": given,
            "width": width,
            "blocks": count_of(shapes, r"tensorlayer\.blocks\.(\d+)\."),
            "upsamplings": max(0, count_of(shapes, r"tensorlayer\.up\.(\d+)\.") - 1),
            "kernels": [first, last],
            "body_bias": "tensorlayer.trunk.bias" in shapes,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`; doublings are numbered from one."""
        h = hyperparameters
        width, bias, (first, last) = h["width"], h["body_bias"], h["kernels"]
        expected = conv("stem", width, h["in_bands"], first)
        for n in range(h["blocks"]):
            for k in (1, 2):
                expected.update(conv(f"blocks.{n}.conv{k}", width, width, bias=bias))
                expected.update(batch_norm(f"blocks.{n}.bn{k}", width))
        expected.update({**conv("trunk", width, width, bias=bias), **batch_norm("trunk_bn", width)})
        for k in range(1, h["upsamplings"] + 1):
            expected.update(conv(f"up.{k}", 4 * width, width))
        expected.update(conv("last", h["out_bands"], width, last))
        return {f"tensorlayer.{name}": shape for name, shape in expected.items()}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 4 with the usual kernels of 3 and 1."""
        h = hyperparameters
        first, last = h["kernels"]
        steps: List[Step] = [("conv", first // 2), *[("conv", 1)] * (2 * h["blocks"] + 1)]
        steps += [("conv", 1), ("up", 2)] * h["upsamplings"]
        return Traits(
            scale=2 ** h["upsamplings"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, ("conv", last // 2)]),
            value_range=VALUE_RANGES["signed"],
            notes=GAN_NOTE,
        )
