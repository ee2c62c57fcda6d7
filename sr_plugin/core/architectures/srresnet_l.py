"""SRResNet as in Lornatang's SRGAN-PyTorch."""

from __future__ import annotations

from typing import Any, Mapping

from sr_plugin.core.architectures.family import Shapes
from sr_plugin.core.architectures.srresnet import SrResNet
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

_PARTS_OF_BLOCK = ("conv1", "bn1", "act", "conv2", "bn2")


class SrResNetL(SrResNet):
    """Names ``conv1.0``, ``trunk.N.rcb.K``, ``upsampling.K.upsample_block.0`` ...; clamped to 0 to 1 at the end."""

    id = "srresnet_l"
    title = "SRResNet (SRGAN-PyTorch)"
    final = "clamp"
    renames = (
        (r"conv1\.0\.(\w+)", r"stem.\1"),
        (r"conv1\.1\.(\w+)", r"stem_act.\1"),
        *((rf"trunk\.(\d+)\.rcb\.{k}\.(\w+)", rf"blocks.\1.{part}.\2") for k, part in enumerate(_PARTS_OF_BLOCK)),
        (r"conv2\.0\.(\w+)", r"trunk.\1"),
        (r"conv2\.1\.(\w+)", r"trunk_bn.\1"),
        (r"upsampling\.(\d+)\.upsample_block\.0\.(\w+)", r"up.\1.conv.\2"),
        (r"upsampling\.(\d+)\.upsample_block\.2\.(\w+)", r"up.\1.act.\2"),
        (r"conv3\.(\w+)", r"last.\1"),
    )

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "trunk.0.rcb.0.weight" in shapes and "upsampling.0.upsample_block.0.weight" in shapes

    def value_range(self, hyperparameters: Mapping[str, Any]) -> ValueRange:
        """0 to 1 in and out."""
        return VALUE_RANGES["unit"]
