"""EDSR of krasserm's Keras program, whose layers are told apart by their order."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.edsr import Edsr
from sr_plugin.core.architectures.family import Shape, Shapes, Traits
from sr_plugin.core.architectures.mean_shift import RGB_MEAN
from sr_plugin.core.architectures.pixel_shuffles import product, shuffle_steps
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.value_range import VALUE_RANGES

_UP_LAYER = re.compile(r"conv2d_\d+_scale_[23]")
_OURS = "edsr."
#: Convolutions outside the blocks and the upsampling: first, trunk, last.
_OUTER = 3


def _stems(shapes: Shapes) -> List[str]:
    """Names of the layers in their order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in shapes))


def _places(stems: List[str]) -> Dict[str, str]:
    """Our name of each layer: first, pairs of the blocks, trunk, upsampling, last."""
    ups = [stem for stem in stems if _UP_LAYER.fullmatch(stem)]
    blocks = (len(stems) - len(ups) - _OUTER) // 2
    inner = [f"body.{n}.body.{k}" for n in range(blocks) for k in (0, 2)]
    places = ["head.0", *inner, f"body.{blocks}", *(f"tail.0.{2 * k}" for k in range(len(ups))), "tail.1"]
    return dict(zip(stems, places)) if len(places) == len(stems) else {}


class EdsrKeras(Edsr):
    """Names ``conv2d``, ``conv2d_1`` ... and ``conv2d_1_scale_2`` or ``_3``; canonical: EDSR's behind ``edsr.``."""

    id = "edsr_keras"
    title = "EDSR (krasserm)"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; nothing but convolutions (WDSR and SRGAN of the same program have other layers)."""
        if f"{_OURS}head.0.weight" in shapes:
            return True
        plain = all(re.fullmatch(r"conv2d(_\d+)?(_scale_[23])?\.(weight|bias)", name) for name in shapes)
        return plain and any(_UP_LAYER.match(name) for name in shapes)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of EDSR-PyTorch behind a prefix."""
        if f"{_OURS}head.0.weight" in shapes:
            return {name: name for name in shapes}
        places = _places(_stems(shapes))
        names = {}
        for name in shapes:
            stem, _, part = name.rpartition(".")
            names[name] = f"{_OURS}{places[stem]}.{part}" if stem in places else name
        return names

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the residual scale is not stored, and 1 in the published networks."""
        bare = {name[len(_OURS) :]: shape for name, shape in shapes.items() if name.startswith(_OURS)}
        h = super().hyperparameters(bare)
        return {k: v for k, v in h.items() if k not in ("means", "value_range")}

    def refined(self, hyperparameters: Mapping[str, Any], tensors: Mapping[str, Any], file_name: str) -> Dict[str, Any]:
        """See :class:`HintedFamily`; nothing is hidden in the numbers."""
        return dict(hyperparameters)

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        bare = super().expected_shapes({**hyperparameters, "means": "none"})
        return {_OURS + name: shape for name, shape in bare.items()}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 4, values from 0 to 255.

        Raises:
            ValueError: when it is not for three bands, whose mean the program takes off.
        """
        h = hyperparameters
        if not h["in_bands"] == h["out_bands"] == len(RGB_MEAN):
            raise ValueError(f"its mean is for {len(RGB_MEAN)} bands, not {h['in_bands']}")
        steps: List[Step] = [("conv", 1)] * (2 * h["blocks"] + 2)
        return Traits(
            scale=product(h["factors"]),
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, *shuffle_steps(h["factors"]), ("conv", 1)]),
            value_range=VALUE_RANGES["byte"],
        )
