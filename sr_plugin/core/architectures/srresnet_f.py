"""SRResNet as in leftthomas' SRGAN."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from sr_plugin.core.architectures.family import Shapes, count_of
from sr_plugin.core.architectures.srresnet import SrResNet
from sr_plugin.core.value_range import ValueRange

#: 0 to 1 in; the network ends with tanh, of which its program makes (y + 1) / 2.
RANGES: Dict[str, ValueRange] = {
    "tanh-unit": ValueRange("tanh-unit", "unit", out_gain=0.5, out_offset=0.5, valid=(0.0, 1.0)),
}
_PARTS = {"conv1": "conv1", "bn1": "bn1", "prelu": "act", "conv2": "conv2", "bn2": "bn2"}
_PARTS_OF_STAGE = {"conv": "conv", "prelu": "act"}
_FIRST_BLOCK = 2


def _renamed(name: str, last: int, final: str) -> str:
    """The canonical name, given the number of the last block and that of the last convolution in it."""
    match = re.fullmatch(r"block(\d+)\.(.+)\.(\w+)", name)
    if not match:
        return name
    number, inner, part = int(match.group(1)), match.group(2), match.group(3)
    if number == 1:
        return {"0": f"stem.{part}", "1": f"stem_act.{part}"}.get(inner, name)
    if number == last - 1:
        return {"0": f"trunk.{part}", "1": f"trunk_bn.{part}"}.get(inner, name)
    if number == last:
        stage = re.fullmatch(r"(\d+)\.(conv|prelu)", inner)
        if stage:
            return f"up.{stage.group(1)}.{_PARTS_OF_STAGE[stage.group(2)]}.{part}"
        return f"last.{part}" if inner == final else name
    return f"blocks.{number - _FIRST_BLOCK}.{_PARTS[inner]}.{part}" if inner in _PARTS else name


class SrResNetF(SrResNet):
    """Names ``block1`` (stem), ``block2.conv1`` ... (blocks), then trunk and upsampling under the next two numbers."""

    id = "srresnet_f"
    title = "SRResNet (leftthomas SRGAN)"
    verified = True

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        stem = shapes.get("block1.0.weight", ())
        nested = any(re.fullmatch(r"block\d+\.0\.conv\.weight", name) for name in shapes)
        return len(stem) == 4 and stem[-1] == 9 and "block2.conv1.weight" in shapes and nested

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """Blocks are numbered from 2; the last number is the upsampling's, the one before the trunk's."""
        last = count_of(shapes, r"block(\d+)\.") - 1
        # The last convolution follows the upsampling stages in one sequence with them.
        final = str(count_of(shapes, rf"block{last}\.(\d+)\.") - 1)
        return {name: _renamed(name, last, final) for name in shapes}

    def value_range(self, hyperparameters: Mapping[str, Any]) -> ValueRange:
        """0 to 1 in, -1 to 1 out."""
        return RANGES["tanh-unit"]
