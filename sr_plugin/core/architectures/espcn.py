"""ESPCN in the namings of yjn870 and Lornatang."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, conv, count_of, shape_of, square_root
from sr_plugin.core.architectures.reach import reach_of


class Espcn(Family):
    """Names ``first_part.0``, ``first_part.2``, ``last_part.0``, or ``feature_maps.0``, ``sub_pixel.0``."""

    id = "espcn"
    title = "ESPCN"
    citation = "W. Shi et al., Real-time super-resolution with a sub-pixel CNN, 2016, arXiv:1609.05158"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        original = "first_part.0.weight" in shapes and "last_part.0.weight" in shapes
        return original or ("feature_maps.0.weight" in shapes and "sub_pixel.0.weight" in shapes)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of yjn870."""
        pairs = ((r"^feature_maps\.", "first_part."), (r"^sub_pixel\.", "last_part."))
        return {name: re.sub(*pairs[1], re.sub(*pairs[0], name)) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the image has as many bands as go in."""
        bands = shape_of(shapes, "first_part.0.weight", 4)[1]
        count = (count_of(shapes, r"first_part\.(\d+)\.") + 1) // 2
        layers: List[List[int]] = []
        for name in (*(f"first_part.{2 * k}" for k in range(count)), "last_part.0"):
            given, _, kernel, _ = shape_of(shapes, f"{name}.weight", 4)
            layers.append([given, kernel])
        scale = square_root(layers[-1][0], bands, "last_part.0.weight")
        return {"bands": bands, "layers": layers, "scale": scale}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        expected: Dict[str, Shape] = {}
        taken = h["bands"]
        for k, (given, kernel) in enumerate(h["layers"]):
            if kernel % 2 == 0:
                raise ValueError(f"a kernel of {kernel} pixels has no middle")
            name = "last_part.0" if k == len(h["layers"]) - 1 else f"first_part.{2 * k}"
            expected.update(conv(name, given, taken, kernel))
            taken = given
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach is the sum of the kernels' radii, 4 with the usual 5, 3 and 3."""
        h = hyperparameters
        if h["layers"][-1][0] != h["bands"] * h["scale"] ** 2:
            raise ValueError(f"{h['layers'][-1][0]} channels do not make {h['bands']} bands at x{h['scale']}")
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=reach_of([*(("conv", kernel // 2) for _, kernel in h["layers"]), ("up", h["scale"])]),
        )
