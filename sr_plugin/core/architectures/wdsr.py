"""WDSR-A and -B of krasserm's Keras program, whose layers are told apart by order and kernel."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, conv, count_of, shape_of, square_root
from sr_plugin.core.architectures.mean_shift import RGB_MEAN
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

_LAYER = re.compile(r"(weight_normalization(_\d+)?|conv2d_(main|skip)_scale_\d|conv2d(_\d+)?)\.(weight|bias)")
_OURS = "wdsr.first.weight"
_SKIP_KERNEL = 5
#: Kernels of a block's convolutions, by type.
BLOCKS: Dict[str, Tuple[int, ...]] = {"a": (3, 3), "b": (1, 1, 3)}


def _kernels(shapes: Shapes) -> Dict[str, int]:
    """Kernel side of each layer, in the order of the layers."""
    return {n.rpartition(".")[0]: s[-1] for n, s in shapes.items() if n.endswith(".weight") and len(s) == 4}


def _places(kernels: Mapping[str, int]) -> Dict[str, str]:
    """Our name of each layer: skip (5 x 5), first, blocks, main; empty where they make no such network."""
    skips = [stem for stem, kernel in kernels.items() if kernel == _SKIP_KERNEL]
    rest = [stem for stem, kernel in kernels.items() if kernel != _SKIP_KERNEL]
    inner: Sequence[str] = rest[1:-1]
    kind = BLOCKS["b" if any(kernels[stem] == 1 for stem in inner) else "a"]
    if len(skips) != 1 or len(rest) < 2 or len(inner) % len(kind):
        return {}
    places = {skips[0]: "wdsr.skip", rest[0]: "wdsr.first", rest[-1]: "wdsr.main"}
    for place, stem in enumerate(inner):
        places[stem] = f"wdsr.blocks.{place // len(kind)}.{place % len(kind)}"
    return places


class Wdsr(Family):
    """Names ``weight_normalization``, ``weight_normalization_1`` ..., already brought to their effective kernels."""

    id = "wdsr"
    title = "WDSR (krasserm)"
    citation = "J. Yu et al., Wide activation for efficient and accurate image super-resolution, 2018, arXiv:1808.08718"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; convolutions only, exactly one of them 5 x 5."""
        if _OURS in shapes:
            return True
        wrapped = any(name.startswith(("weight_normalization", "conv2d_main_scale_")) for name in shapes)
        return wrapped and all(_LAYER.fullmatch(name) for name in shapes) and bool(_places(_kernels(shapes)))

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        if _OURS in shapes:
            return {name: name for name in shapes}
        places = _places(_kernels(shapes))
        split = {name: name.rpartition(".") for name in shapes}
        return {name: f"{places.get(stem, stem)}.{part}" for name, (stem, _, part) in split.items()}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; the residual scale is not stored, and 1 in the published networks."""
        width, bands, _, _ = shape_of(shapes, _OURS, 4)
        wide, _, kernel, _ = shape_of(shapes, "wdsr.blocks.0.0.weight", 4)
        expanded = shape_of(shapes, "wdsr.main.weight", 4)[0]
        return {
            "bands": bands,
            "width": width,
            "wide": wide,
            "linear": shape_of(shapes, "wdsr.blocks.0.1.weight", 4)[0] if kernel == 1 else 0,
            "kind": "b" if kernel == 1 else "a",
            "blocks": count_of(shapes, r"wdsr\.blocks\.(\d+)\."),
            "residual_scale": 1.0,
            "scale": square_root(expanded, bands, "wdsr.main.weight"),
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`.

        Raises:
            ModelMismatch: when the blocks are of no known type.
        """
        h = hyperparameters
        if h["kind"] not in BLOCKS:
            raise ModelMismatch(f"WDSR has no blocks of type {h['kind']!r}, only a and b.")
        expanded = h["bands"] * h["scale"] ** 2
        expected = conv("wdsr.first", h["width"], h["bands"])
        channels = [h["width"], h["wide"], *([h["linear"]] if h["kind"] == "b" else []), h["width"]]
        for block in range(h["blocks"]):
            for k, kernel in enumerate(BLOCKS[h["kind"]]):
                expected.update(conv(f"wdsr.blocks.{block}.{k}", channels[k + 1], channels[k], kernel))
        expected.update(conv("wdsr.main", expanded, h["width"]))
        expected.update(conv("wdsr.skip", expanded, h["bands"], _SKIP_KERNEL))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 2 with type a, blocks + 2 with type b.

        Raises:
            ValueError: when it is not for three bands, whose mean the program takes off.
        """
        h = hyperparameters
        if h["bands"] != len(RGB_MEAN):
            raise ValueError(f"its mean is for {len(RGB_MEAN)} bands, not {h['bands']}")
        inner: List[Step] = [("conv", kernel // 2) for kernel in BLOCKS[h["kind"]]] * h["blocks"]
        body = reach_of([("conv", 1), *inner, ("conv", 1), ("up", h["scale"])])
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=max(body, _SKIP_KERNEL // 2),
            value_range=VALUE_RANGES["byte"],
        )
