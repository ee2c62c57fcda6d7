"""What the variants of SRResNet, the generator of SRGAN, have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, ClassVar, Dict, List, Mapping, Sequence, Tuple

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
from sr_plugin.core.value_range import ValueRange

SRGAN = "C. Ledig et al., Photo-realistic single image super-resolution using a GAN, 2017, arXiv:1609.04802"


class SrResNet(Family):
    """Stem, residual blocks with batch normalisation, trunk with a long skip, pixel shuffles, last convolution.

    Canonical names: ``stem``, ``stem_act``, ``blocks.N.{conv1,bn1,act,conv2,bn2}``, ``trunk``, ``trunk_bn``,
    ``up.K.{conv,act}``, ``last``. Source: Ledig et al., 2017, figure 4.
    """

    citation = SRGAN
    #: What the network ends with: ``tanh`` or ``clamp`` (0 to 1).
    final: ClassVar[str] = "tanh"
    #: Pairs of a pattern for the file's names and its replacement, tried in order.
    renames: ClassVar[Sequence[Tuple[str, str]]] = ()

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        return {name: self._renamed(name) for name in shapes}

    def _renamed(self, name: str) -> str:
        for pattern, replacement in self.renames:
            match = re.fullmatch(pattern, name)
            if match:
                return match.expand(replacement)
        return name

    @abstractmethod
    def value_range(self, hyperparameters: Mapping[str, Any]) -> ValueRange:
        """The numbers that this variant is usually trained on."""

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, taken, outer, _ = shape_of(shapes, "stem.weight", 4)
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, "last.weight", 4)[0],
            "width": width,
            "blocks": count_of(shapes, r"blocks\.(\d+)\."),
            "upsamplings": count_of(shapes, r"up\.(\d+)\."),
            "outer_kernel": outer,
            "inner_kernel": shape_of(shapes, "trunk.weight", 4)[2],
            "body_bias": "trunk.bias" in shapes,
            "final": self.final,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, inner, bias = h["width"], h["inner_kernel"], h["body_bias"]
        expected = conv("stem", width, h["in_bands"], h["outer_kernel"])
        expected["stem_act.weight"] = (1,)
        for n in range(h["blocks"]):
            expected.update(conv(f"blocks.{n}.conv1", width, width, inner, bias))
            expected.update(batch_norm(f"blocks.{n}.bn1", width))
            expected[f"blocks.{n}.act.weight"] = (1,)
            expected.update(conv(f"blocks.{n}.conv2", width, width, inner, bias))
            expected.update(batch_norm(f"blocks.{n}.bn2", width))
        expected.update(conv("trunk", width, width, inner, bias))
        expected.update(batch_norm("trunk_bn", width))
        for k in range(h["upsamplings"]):
            expected.update(conv(f"up.{k}.conv", 4 * width, width, inner))
            expected[f"up.{k}.act.weight"] = (1,)
        expected.update(conv("last", h["out_bands"], width, h["outer_kernel"]))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 8 with the usual kernels of 9 and 3."""
        h = hyperparameters
        outer, inner = h["outer_kernel"] // 2, h["inner_kernel"] // 2
        steps: List[Step] = [("conv", outer), *[("conv", inner)] * (2 * h["blocks"] + 1)]
        steps += [("conv", inner), ("up", 2)] * h["upsamplings"] + [("conv", outer)]
        return Traits(
            scale=2 ** h["upsamplings"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of(steps),
            value_range=self.value_range(h),
            notes=GAN_NOTE,
        )
