"""The fixed layers with which EDSR and its relatives take the colours' mean off and put it back."""

from __future__ import annotations

import os
import re
from typing import Dict, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, conv
from sr_plugin.core.errors import ModelMismatch

#: Mean red, green and blue of the DIV2K photographs, as part of the range (arXiv:1707.02921, section 4.2).
RGB_MEAN = (0.4488, 0.4371, 0.4040)
MEAN_LAYERS = ("sub_mean", "add_mean")
#: A mean above this cannot belong to values from 0 to 1.
_LARGEST_UNIT_MEAN = 2.0
_SUPER_IMAGE_FILE = re.compile(r"pytorch_model(_[2348]x)?\.(pt|bin)")


def is_super_image(file_name: str) -> bool:
    """True for names such as ``pytorch_model_2x.pt``: super-image feeds values from 0 to 1, whatever the mean says."""
    return bool(_SUPER_IMAGE_FILE.fullmatch(os.path.basename(file_name)))


def has_mean_layers(shapes: Shapes) -> bool:
    """True where either layer is there (strict matching then asks for the other)."""
    return any(f"{layer}.weight" in shapes for layer in MEAN_LAYERS)


def mean_layer_shapes(bands: int) -> Dict[str, Shape]:
    """Shapes of both layers: 1 x 1 convolutions of the bands onto themselves."""
    return {name: shape for layer in MEAN_LAYERS for name, shape in conv(layer, bands, bands, 1).items()}


def range_of_mean(tensors: Mapping[str, np.ndarray]) -> str:
    """``byte`` or ``unit``, told by the size of the mean that is taken off.

    Raises:
        ModelMismatch: when the mean is no number.
    """
    bias = tensors.get("sub_mean.bias")
    if bias is None or not bias.size:
        return "unit"
    largest = float(np.abs(bias).max())
    if not np.isfinite(largest):
        raise ModelMismatch("The tensor 'sub_mean.bias' holds values that are not finite.")
    return "byte" if largest > _LARGEST_UNIT_MEAN else "unit"
