"""SRResNet as in a-PyTorch-Tutorial-to-Super-Resolution, RS-SRGAN and the "standard" generator of OpenSR SRGAN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping

from sr_plugin.core.architectures.family import Shapes, Traits
from sr_plugin.core.architectures.srresnet import SrResNet
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

RANGE_NOTE = " Its value range is not stored: '{}' is assumed, the range of the published files with so many bands."


class SrResNetT(SrResNet):
    """Names ``conv_block1.conv_block.0`` ..., also under ``net.``; tanh at the end."""

    id = "srresnet_t"
    title = "SRResNet (a-PyTorch-Tutorial)"
    renames = (
        (r"(?:net\.)?conv_block1\.conv_block\.0\.(\w+)", r"stem.\1"),
        (r"(?:net\.)?conv_block1\.conv_block\.1\.(\w+)", r"stem_act.\1"),
        (r"(?:net\.)?residual_blocks\.(\d+)\.conv_block([12])\.conv_block\.0\.(\w+)", r"blocks.\1.conv\2.\3"),
        (r"(?:net\.)?residual_blocks\.(\d+)\.conv_block([12])\.conv_block\.1\.(\w+)", r"blocks.\1.bn\2.\3"),
        (r"(?:net\.)?residual_blocks\.(\d+)\.conv_block1\.conv_block\.2\.(\w+)", r"blocks.\1.act.\2"),
        (r"(?:net\.)?conv_block2\.conv_block\.0\.(\w+)", r"trunk.\1"),
        (r"(?:net\.)?conv_block2\.conv_block\.1\.(\w+)", r"trunk_bn.\1"),
        (r"(?:net\.)?subpixel_convolutional_blocks\.(\d+)\.conv\.(\w+)", r"up.\1.conv.\2"),
        (r"(?:net\.)?subpixel_convolutional_blocks\.(\d+)\.prelu\.(\w+)", r"up.\1.act.\2"),
        (r"(?:net\.)?conv_block3\.conv_block\.0\.(\w+)", r"last.\1"),
    )

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; with a fusion part the file is a multi-image network, not this one."""
        marks = ("conv_block1.conv_block.0.weight", "subpixel_convolutional_blocks.0.conv.weight")
        named = any(all(prefix + mark in shapes for mark in marks) for prefix in ("", "net."))
        # Networks that were trained here are stored under the names of the torch module.
        named = named or all(mark in shapes for mark in ("stem.weight", "blocks.0.bn1.weight", "trunk_bn.weight"))
        return named and not any(name.startswith("fusion.") for name in shapes)

    def value_range(self, hyperparameters: Mapping[str, Any]) -> ValueRange:
        """ImageNet statistics in and -1 to 1 out for three bands (the tutorial), otherwise that of RS-SRGAN."""
        return VALUE_RANGES["imagenet-signed" if hyperparameters["in_bands"] == 3 else "s2-3000"]

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`."""
        traits = super().traits(hyperparameters)
        return replace(traits, notes=traits.notes + RANGE_NOTE.format(traits.value_range.name))
