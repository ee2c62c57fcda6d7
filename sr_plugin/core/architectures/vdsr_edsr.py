"""VDSR under the names of EDSR-PyTorch."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

import numpy as np

from sr_plugin.core.architectures.family import Shape, Shapes, Traits, count_of
from sr_plugin.core.architectures.mean_shift import RGB_MEAN, has_mean_layers, mean_layer_shapes, range_of_mean
from sr_plugin.core.architectures.vdsr import Vdsr
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

_NAME = re.compile(r"(body\.\d+\.0|sub_mean|add_mean)\.(weight|bias)")


class VdsrEdsr(Vdsr):
    """Names ``body.N.0`` and the mean layers: colours together, values from 0 to 255."""

    id = "vdsr_edsr"
    title = "VDSR (EDSR-PyTorch)"
    verified = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; its own canonical names are VDSR's with the mean layers."""
        if not has_mean_layers(shapes):
            return False
        if super().matches(shapes):
            return True
        return "body.0.0.weight" in shapes and all(_NAME.fullmatch(name) for name in shapes)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        last = count_of(shapes, r"body\.(\d+)\.0\.") - 1

        def renamed(name: str) -> str:
            match = re.fullmatch(r"body\.(\d+)\.0\.(\w+)", name)
            if not match:
                return name
            layer, part = int(match.group(1)), match.group(2)
            stem = "input" if layer == 0 else "output" if layer == last else f"residual_layer.{layer - 1}.conv"
            return f"{stem}.{part}"

        return {name: renamed(name) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        return {**super().hyperparameters(shapes), "value_range": "byte"}

    def refined(
        self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file_name: str
    ) -> Dict[str, Any]:
        """See :class:`HintedFamily`; the mean layers' size tells the range, the file's name the scale."""
        known = super().refined(hyperparameters, tensors, file_name)
        return {**known, "value_range": range_of_mean(tensors)}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        return {**super().expected_shapes(hyperparameters), **mean_layer_shapes(len(RGB_MEAN))}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`.

        Raises:
            ModelMismatch: when the scale is not possible, or there are other than three bands.
        """
        h = hyperparameters
        known = super().traits(h)
        if h["bands"] != len(RGB_MEAN):
            raise ModelMismatch(f"The mean layers are for {len(RGB_MEAN)} bands, and the network takes {h['bands']}.")
        return Traits(
            scale=known.scale,
            in_bands=known.in_bands,
            out_bands=known.out_bands,
            reach=known.reach,
            value_range=VALUE_RANGES[h["value_range"]],
            notes=known.notes.replace(" Every band passes through it on its own.", ""),
        )
