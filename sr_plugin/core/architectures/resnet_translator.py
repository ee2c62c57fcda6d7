"""The ResNet generator of CycleGAN and pix2pix: translates an image into another one of the same size."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, batch_norm, conv, count_of, shape_of
from sr_plugin.core.card import TRANSLATION, TileConstraints
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: Places in ``model``: stem, two halvings, the blocks; behind them two doublings and the last convolution.
STEM, HALVINGS, FIRST_BLOCK = 1, (4, 7), 10
#: From the first place behind the blocks.
DOUBLINGS, LAST = (0, 3), 7
_OUTER_KERNEL, _INNER_KERNEL = 7, 3
_QUARTER = 4
#: Blocks reflect a quarter-size tile at its border by one pixel.
_LEAST_SIDE = 8
_TRAINING_TILE = 256
_STATISTICS = ("running_mean", "running_var")


class ResNetTranslator(Family):
    """Names ``model.1`` (7 x 7), ``model.4``, ``model.7``, ``model.N.conv_block.K`` from N = 10 on, and so forth.

    Canonical: the same without dropout, with which the second convolution of a block is ``conv_block.6``, else 5.
    """

    id = "resnet_translator"
    title = "CycleGAN and pix2pix ResNet generator"
    citation = "J.-Y. Zhu et al., Unpaired image-to-image translation using CycleGAN, 2017, arXiv:1703.10593"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        first = shapes.get(f"model.{STEM}.weight", ())
        return tuple(first[2:]) == (_OUTER_KERNEL,) * 2 and f"model.{FIRST_BLOCK}.conv_block.1.weight" in shapes

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        if f"model.{FIRST_BLOCK}.conv_block.5.weight" in shapes:
            return {name: name for name in shapes}

        def moved(name: str) -> str:
            match = re.fullmatch(r"(model\.\d+\.conv_block\.)([67])(\.\w+)", name)
            return f"{match.group(1)}{int(match.group(2)) - 1}{match.group(3)}" if match else name

        return {name: moved(name) for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; ``stored_statistics`` are those that early torch kept of instance normalisation."""
        width, taken, _, _ = shape_of(shapes, f"model.{STEM}.weight", 4)
        blocks = count_of(shapes, r"model\.(\d+)\.conv_block\.") - FIRST_BLOCK
        norm = f"model.{STEM + 1}"
        batch = f"{norm}.weight" in shapes
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, f"model.{FIRST_BLOCK + blocks + LAST}.weight", 4)[0],
            "width": width,
            "blocks": blocks,
            "norm": "batch" if batch else "instance",
            "biased": f"model.{STEM}.bias" in shapes,
            "stored_statistics": not batch and f"{norm}.running_mean" in shapes,
            "batch_statistics": False,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, bias, behind = h["width"], h["biased"], FIRST_BLOCK + h["blocks"]
        expected: Dict[str, Shape] = {}

        def norm(name: str, channels: int) -> None:
            parts = batch_norm(f"model.{name}", channels)
            if h["norm"] == "instance":
                kept = _STATISTICS if h["stored_statistics"] else ()
                parts = {key: shape for key, shape in parts.items() if key.endswith(kept)} if kept else {}
            expected.update(parts)

        expected.update(conv(f"model.{STEM}", width, h["in_bands"], _OUTER_KERNEL, bias))
        norm(f"{STEM + 1}", width)
        for place, factor in zip(HALVINGS, (2, _QUARTER)):
            expected.update(conv(f"model.{place}", factor * width, factor * width // 2, bias=bias))
            norm(f"{place + 1}", factor * width)
        for block in range(FIRST_BLOCK, behind):
            for place in (1, 5):
                name = f"{block}.conv_block.{place}"
                expected.update(conv(f"model.{name}", _QUARTER * width, _QUARTER * width, bias=bias))
                norm(f"{block}.conv_block.{place + 1}", _QUARTER * width)
        for place, factor in zip(DOUBLINGS, (_QUARTER, 2)):
            name, given = f"model.{behind + place}", factor * width // 2
            expected[f"{name}.weight"] = (factor * width, given, _INNER_KERNEL, _INNER_KERNEL)
            expected.update({f"{name}.bias": (given,)} if bias else {})
            norm(f"{behind + place + 1}", given)
        expected.update(conv(f"model.{behind + LAST}", h["out_bands"], width, _OUTER_KERNEL))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; instance normalisation averages over the tile, batch normalisation does not.

        Raises:
            ModelMismatch: when the normalisation is neither.
        """
        h = hyperparameters
        if h["norm"] not in ("batch", "instance"):
            raise ModelMismatch(f"There is no normalisation {h['norm']!r}; choose batch or instance.")
        whole = h["norm"] == "instance" or h["batch_statistics"]
        notes = "Invents an image that fits the input; nothing in it is measured. Resample the input to the ground "
        notes += "resolution of its training first."
        if whole:
            notes += " Its normalisation averages over each tile, so neighbouring tiles are blended."
        return Traits(
            scale=1,
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=None if whole else _reach(h["blocks"]),
            value_range=VALUE_RANGES["signed"],
            tiles=TileConstraints(multiple_of=_QUARTER, minimum=_LEAST_SIDE),
            kind=TRANSLATION,
            training_tile=_TRAINING_TILE,
            notes=notes,
        )


def _reach(blocks: int) -> int:
    """Pixels that a pixel's farthest source is away, over all its places in a group of four."""
    distances: List[int] = []
    for pixel in range(_QUARTER):
        low, high = pixel - _OUTER_KERNEL // 2, pixel + _OUTER_KERNEL // 2
        for _ in DOUBLINGS:
            low, high = low // 2, -(-high // 2)
        low, high = low - 2 * blocks, high + 2 * blocks
        for _ in HALVINGS:
            low, high = 2 * low - 1, 2 * high + 1
        distances += [pixel - low + _OUTER_KERNEL // 2, high - pixel + _OUTER_KERNEL // 2]
    return max(distances)
