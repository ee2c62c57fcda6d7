"""RRDN: the residual-in-residual dense network of idealo's Keras program."""

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

_OUTER = {"Pre_blocks_conv": "pre", "post_blocks_conv": "post", "PreShuffle": "expand", "SR": "output"}
#: Part of each block's result that is added; not stored in files.
_RESIDUAL_SCALE = 0.2


def _renamed(name: str) -> str:
    """``F_T_D_C`` and ``LFF_T_D`` count from 1; ours from 0."""
    dense = re.fullmatch(r"F_(\d+)_(\d+)_(\d+)\.(\w+)", name)
    if dense:
        t, d, c = (int(number) - 1 for number in dense.groups()[:3])
        return f"blocks.{t}.{d}.convs.{c}.{dense.group(4)}"
    fusion = re.fullmatch(r"LFF_(\d+)_(\d+)\.(\w+)", name)
    if fusion:
        return f"blocks.{int(fusion.group(1)) - 1}.{int(fusion.group(2)) - 1}.fusion.{fusion.group(3)}"
    stem, _, part = name.rpartition(".")
    return f"{_OUTER.get(stem, stem)}.{part}"


class Rrdn(Family):
    """Names ``Pre_blocks_conv``, ``F_T_D_C``, ``LFF_T_D``, ``post_blocks_conv``, ``PreShuffle``, ``SR``."""

    id = "rrdn"
    title = "RRDN (idealo)"
    citation = "F. Cardinale et al., ISR, https://github.com/idealo/image-super-resolution; based on arXiv:1809.00219"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        keras, ours = ("Pre_blocks_conv", "LFF_1_1", "PreShuffle"), ("pre", "blocks.0.0.fusion", "expand")
        return any(all(f"{name}.weight" in shapes for name in names) for names in (keras, ours))

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        return {name: _renamed(name) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the residual scale is not stored and taken to be 0.2."""
        width, taken, _, _ = shape_of(shapes, "pre.weight", 4)
        given = shape_of(shapes, "output.weight", 4)[0]
        return {
            "in_bands": taken,
            "out_bands": given,
            "width": width,
            "growth": shape_of(shapes, "blocks.0.0.convs.0.weight", 4)[0],
            "groups": count_of(shapes, r"blocks\.(\d+)\."),
            "blocks": count_of(shapes, r"blocks\.0\.(\d+)\."),
            "convs": count_of(shapes, r"blocks\.0\.0\.convs\.(\d+)\."),
            "residual_scale": _RESIDUAL_SCALE,
            "scale": square_root(shape_of(shapes, "expand.weight", 4)[0], given, "expand.weight"),
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, growth = h["width"], h["growth"]
        expected = conv("pre", width, h["in_bands"])
        for group in range(h["groups"]):
            for block in range(h["blocks"]):
                name = f"blocks.{group}.{block}"
                for k in range(h["convs"]):
                    expected.update(conv(f"{name}.convs.{k}", growth, width + k * growth))
                expected.update(conv(f"{name}.fusion", width, width + h["convs"] * growth))
        expected.update(conv("post", width, width))
        expected.update(conv("expand", h["out_bands"] * h["scale"] ** 2, width))
        expected.update(conv("output", h["out_bands"], h["out_bands"]))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach T D (C + 1) + 4."""
        h = hyperparameters
        steps: List[Step] = [("conv", 1)] * (h["groups"] * h["blocks"] * (h["convs"] + 1) + 3)
        return Traits(
            scale=h["scale"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, ("up", h["scale"]), ("conv", 1)]),
            notes=GAN_NOTE,
        )
