"""CARN and CARN-M: cascading residual networks, one file with heads for x2, x3 and x4."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, conv, count_of, shape_of, square_root
from sr_plugin.core.architectures.hinted import HintedFamily, scale_in_name
from sr_plugin.core.architectures.mean_shift import has_mean_layers, mean_layer_shapes, range_of_mean
from sr_plugin.core.architectures.pixel_shuffles import product
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: Factors of each head's shuffles; one of x4 doubles twice.
_HEADS = {2: (2,), 3: (3,), 4: (2, 2)}
_DEFAULT_SCALE = 4
_STAGES = 3
_CONVS_OF_RESIDUAL = 2


def _grouped(name: str, outputs: int, inputs: int, groups: int) -> Dict[str, Shape]:
    if inputs % groups or outputs % groups:
        raise ModelMismatch(f"The convolution '{name}' of {inputs} to {outputs} channels has no {groups} groups.")
    return conv(name, outputs, inputs // groups)


def _groups(shapes: Shapes, name: str, inputs: int) -> int:
    taken = shape_of(shapes, name, 4)[1]
    if inputs % taken:
        raise ModelMismatch(f"The tensor '{name}' takes {taken} channels, of which {inputs} are no multiple.")
    return inputs // taken


class Carn(HintedFamily):
    """Names ``entry``, ``bN.bM.body``, ``bN.cM.body``, ``cN.body``, ``upsample.up4.body`` or ``upsample.up.body``."""

    id = "carn"
    title = "CARN"
    citation = "N. Ahn et al., Fast, accurate and lightweight super-resolution with CARN, 2018, arXiv:1803.08664"
    verified = True
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "entry.weight" in shapes and "b1.b1.body.0.weight" in shapes and "b1.c1.body.0.weight" in shapes

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The mean layers lose the part between their name and their tensors."""
        return {name: name.replace("_mean.shifter.", "_mean.") for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the mobile variant (CARN-M) uses one residual block three times over."""
        width, bands, _, _ = shape_of(shapes, "entry.weight", 4)
        heads = [scale for scale in _HEADS if f"upsample.up{scale}.body.0.weight" in shapes]
        single = [] if heads else self._single_head(shapes, width)
        first = f"upsample.up{heads[0]}.body.0.weight" if heads else "upsample.up.body.0.weight"
        scale = product(single) if single else heads[-1]
        return {
            "bands": bands,
            "width": width,
            "mobile": "b1.b1.body.4.weight" in shapes,
            "groups": _groups(shapes, "b1.b1.body.0.weight", width),
            "up_groups": _groups(shapes, first, width),
            "heads": heads,
            "single": single,
            "means": has_mean_layers(shapes),
            "value_range": "unit",
            "scale": _DEFAULT_SCALE if _DEFAULT_SCALE in heads else scale,
        }

    @staticmethod
    def _single_head(shapes: Shapes, width: int) -> List[int]:
        """Shuffle factors of the only head."""
        count = (count_of(shapes, r"upsample\.up\.body\.(\d+)\.weight") + 2) // 3
        names = [f"upsample.up.body.{3 * k}.weight" for k in range(max(count, 1))]
        return [square_root(shape_of(shapes, name, 4)[0], width, name) for name in names]

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; ``x3`` in the file's name chooses among the heads, the mean tells the range."""
        h = dict(hyperparameters)
        if h["heads"]:
            h["scale"] = scale_in_name(file_name, h["heads"], h["scale"])
        return {**h, "value_range": range_of_mean(tensors)}

    def _residual(self, name: str, h: Mapping[str, Any]) -> Dict[str, Shape]:
        width = h["width"]
        expected = _grouped(f"{name}.body.0", width, width, h["groups"])
        expected.update(_grouped(f"{name}.body.2", width, width, h["groups"]))
        if h["mobile"]:
            expected.update(conv(f"{name}.body.4", width, width, 1))
        return expected

    def _head(self, name: str, h: Mapping[str, Any], factors: Any) -> Dict[str, Shape]:
        expected: Dict[str, Shape] = {}
        for k, factor in enumerate(factors):
            expected.update(_grouped(f"{name}.body.{3 * k}", h["width"] * factor**2, h["width"], h["up_groups"]))
        return expected

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected: Dict[str, Shape] = {}
        if h["means"]:
            expected.update(mean_layer_shapes(h["bands"]))
        expected.update(conv("entry", width, h["bands"]))
        for stage in range(1, _STAGES + 1):
            for inner in range(1, (1 if h["mobile"] else _STAGES) + 1):
                expected.update(self._residual(f"b{stage}.b{inner}", h))
            for inner in range(1, _STAGES + 1):
                expected.update(conv(f"b{stage}.c{inner}.body.0", width, (inner + 1) * width, 1))
            expected.update(conv(f"c{stage}.body.0", width, (stage + 1) * width, 1))
        for scale in h["heads"]:
            expected.update(self._head(f"upsample.up{scale}", h, _HEADS[scale]))
        if h["single"]:
            expected.update(self._head("upsample.up", h, h["single"]))
        expected.update(conv("exit", h["bands"], width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 21: 18 of the nine residual blocks, and entry, head and exit.

        Raises:
            ModelMismatch: when there is no head for the scale.
        """
        h = hyperparameters
        if h["heads"] and h["scale"] not in h["heads"]:
            raise ModelMismatch(f"This CARN has heads for {h['heads']}, but none for {h['scale']!r}.")
        steps: List[Step] = [("conv", 1)] * (_STAGES * _STAGES * _CONVS_OF_RESIDUAL + 1)
        for factor in _HEADS[h["scale"]] if h["heads"] else h["single"]:
            steps += [("conv", 1), ("up", factor)]
        notes = ""
        if len(h["heads"]) > 1:
            notes = (
                f"One file with heads for {', '.join(f'x{s}' for s in h['heads'])}; it is used for x{h['scale']}. A "
                "mark such as x2 in the file's name, or the hyperparameter 'scale' on its card, chooses another."
            )
        return Traits(
            scale=h["scale"] if h["heads"] else product(h["single"]),
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=reach_of([*steps, ("conv", 1)]),
            value_range=VALUE_RANGES[h["value_range"]],
            notes=notes,
        )
