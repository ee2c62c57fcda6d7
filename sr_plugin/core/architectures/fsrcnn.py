"""FSRCNN in the namings of yjn870 and Lornatang."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.hinted import HintedFamily, scale_in_name
from sr_plugin.core.errors import ModelMismatch

_SCALES = (2, 3, 4)
#: The last layer spreads each pixel over a square of this side, whatever the scale.
_LAST_KERNEL = 9


def _from_lornatang(name: str, mapping: int) -> str:
    """``feature_extraction``, ``shrink``, ``map``, ``expand``, ``deconv``; ``mapping`` counts entries of ``map``."""
    match = re.fullmatch(r"(feature_extraction|shrink|map|expand)\.(\d+)\.(\w+)", name)
    if match:
        part, number, tensor = match.group(1), int(match.group(2)), match.group(3)
        if part == "feature_extraction":
            return f"first_part.{number}.{tensor}"
        before = {"shrink": 0, "map": 2, "expand": 2 + mapping}[part]
        return f"mid_part.{before + number}.{tensor}"
    return re.sub(r"^deconv\.", "last_part.", name)


class Fsrcnn(HintedFamily):
    """Names ``first_part.0``, ``mid_part.N``, ``last_part`` (a transposed convolution)."""

    id = "fsrcnn"
    title = "FSRCNN"
    citation = "C. Dong et al., Accelerating the super-resolution CNN, 2016, arXiv:1608.00367"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        original = ("first_part.0.weight", "mid_part.0.weight", "last_part.weight")
        other = ("feature_extraction.0.weight", "shrink.0.weight", "deconv.weight")
        return any(all(name in shapes for name in names) for names in (original, other))

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of yjn870."""
        if "deconv.weight" not in shapes:
            return {name: name for name in shapes}
        mapping = count_of(shapes, r"map\.(\d+)\.")
        return {name: _from_lornatang(name, mapping) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the middle is a narrowing, the mappings and a widening, each with its slopes."""
        width, bands, _, _ = shape_of(shapes, "first_part.0.weight", 4)
        return {
            "bands": bands,
            "width": width,
            "narrow": shape_of(shapes, "mid_part.0.weight", 4)[0],
            "mappings": count_of(shapes, r"mid_part\.(\d+)\.") // 2 - 2,
            "scale": 2,
        }

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; only ``x3`` in the file's name tells the scale."""
        return {**hyperparameters, "scale": scale_in_name(file_name, _SCALES, hyperparameters["scale"])}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, narrow = h["width"], h["narrow"]
        if h["mappings"] < 0:
            raise ModelMismatch("This FSRCNN has no mapping layers.")
        expected = conv("first_part.0", width, h["bands"], 5)
        expected["first_part.1.weight"] = (width,)
        last = 2 * h["mappings"] + 2
        for number in range(0, last + 1, 2):
            given, taken = (width if number == last else narrow), (narrow if number else width)
            expected.update(conv(f"mid_part.{number}", given, taken, 3 if 0 < number < last else 1))
            expected[f"mid_part.{number + 1}.weight"] = (given,)
        expected["last_part.weight"] = (width, h["bands"], _LAST_KERNEL, _LAST_KERNEL)
        expected["last_part.bias"] = (h["bands"],)
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 + mappings + that of the last layer, which is 2 for x2 and x3, 1 for x4.

        Raises:
            ModelMismatch: when the scale is none of 2, 3 and 4.
        """
        h = hyperparameters
        if h["scale"] not in _SCALES:
            raise ModelMismatch(f"FSRCNN cannot enlarge by {h['scale']!r}; choose 2, 3 or 4.")
        half = _LAST_KERNEL // 2
        last = max((h["scale"] - 1 + half) // h["scale"], half // h["scale"])
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=2 + h["mappings"] + last,
            notes=(
                f"Its tensors do not tell the scale; x{h['scale']} is taken. A mark such as x3 in the file's name, or "
                "the hyperparameter 'scale' on its card, chooses another."
            ),
        )
