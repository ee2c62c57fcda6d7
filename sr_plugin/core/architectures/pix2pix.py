"""pix2pix: U-Nets that translate an image into another one of the same size."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Tuple

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, batch_norm, count_of, shape_of
from sr_plugin.core.card import TRANSLATION, TileConstraints
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: How the three projects build the same network: see :class:`sr_plugin.worker.architectures.pix2pix.Pix2Pix`.
STYLES = ("original", "maps", "tutorial")
_MARKS = {
    "original": ("model.model.0.weight", "model.model.1.model.1.weight", "model.model.3.weight"),
    "maps": ("DownConvLayer1.0.weight", "FinalConvLayer.0.weight"),
    "tutorial": ("initial_down.0.weight", "down1.conv.0.weight", "final_up.0.weight"),
}
#: Ranges and tiles that each project trained with.
_RANGES = {"original": "signed", "maps": "unit", "tutorial": "signed"}
_LARGEST_DEPTH = 10
_CHANNEL_DOUBLINGS = 3
_MAPS_TILE = 512
#: Parts whose convolutions share the fate of having a bias or not.
_PARTS = ("first", "down", "bottleneck", "up", "last")


def style_of(shapes: Shapes) -> str:
    """Which project's names these are, or empty."""
    return next((style for style, marks in _MARKS.items() if all(mark in shapes for mark in marks)), "")


def _own_style(shapes: Shapes) -> str:
    """The style that canonical names begin with, or empty."""
    return next((style for style in STYLES if f"{style}.down.0.conv.weight" in shapes), "")


def _from_original(name: str, deepest: int) -> str:
    """Nested: ``model.1`` or ``.3`` leads inwards; numbers of convolutions and norms depend on the level."""
    match = re.fullmatch(r"model\.((?:model\.\d+\.)+)(\w+)", name)
    if not match:
        return name
    numbers = [int(number) for number in re.findall(r"\d+", match.group(1))]
    level, place, part = len(numbers) - 1, numbers[-1], match.group(2)
    if numbers[:-1] != [1, *[3] * (level - 1)][:level]:
        return name
    if level == 0:
        layers = {0: "down.0.conv", 3: "up.0.conv"}
    elif level == deepest:
        layers = {1: f"down.{level}.conv", 3: f"up.{level}.conv", 4: f"up.{level}.norm"}
    else:
        layers = {1: f"down.{level}.conv", 2: f"down.{level}.norm", 5: f"up.{level}.conv", 6: f"up.{level}.norm"}
    return f"{layers[place]}.{part}" if place in layers else name


def _numbered(name: str, patterns: List[Tuple[str, str, int]], depth: int) -> str:
    """``patterns``: regular expression, direction, and what to add to the number to get the level (up counts back)."""
    for pattern, direction, offset in patterns:
        match = re.fullmatch(pattern, name)
        if match:
            number = int(match.group("n")) if "n" in match.groupdict() else 0
            level = depth - number if direction == "up" else number + offset
            layer = "norm" if match.groupdict().get("k") == "1" else "conv"
            if not 0 <= level < depth:
                return name
            return f"{direction}.{level}.{layer}.{match.group('part')}"
    return name


_MAPS: List[Tuple[str, str, int]] = [
    (r"DownConvLayer(?P<n>[1])\.0\.(?P<part>\w+)", "down", -1),
    (r"DownConvLayer(?P<n>\d+)\.Layer\.(?P<k>[01])\.(?P<part>\w+)", "down", -1),
    (r"UpConvLayer(?P<n>\d+)\.Layer\.(?P<k>[01])\.(?P<part>\w+)", "up", 0),
]
_TUTORIAL: List[Tuple[str, str, int]] = [
    (r"initial_down\.0\.(?P<part>\w+)", "down", 0),
    (r"down(?P<n>\d+)\.conv\.(?P<k>[01])\.(?P<part>\w+)", "down", 0),
    (r"up(?P<n>\d+)\.conv\.(?P<k>[01])\.(?P<part>\w+)", "up", 0),
]
#: Layers with a name of their own: the bottleneck is the deepest one on the way down, the last one on the way up.
_NAMED = {"BottleNeck.0": "bottleneck", "bottleneck.0": "bottleneck", "FinalConvLayer.0": "last", "final_up.0": "last"}


def _from_layers(name: str, style: str, depth: int) -> str:
    layer, _, part = name.rpartition(".")
    if layer in _NAMED:
        return f"down.{depth - 1}.conv.{part}" if _NAMED[layer] == "bottleneck" else f"up.0.conv.{part}"
    return _numbered(name, _MAPS if style == "maps" else _TUTORIAL, depth)


def _depth(shapes: Shapes, style: str) -> int:
    if style == "original":
        return max((name.count("model.") - 1 for name in shapes), default=0)
    return count_of(shapes, r"DownConvLayer(\d+)\.") if style == "maps" else count_of(shapes, r"down(\d+)\.") + 1


def _widths(width: int, depth: int) -> List[int]:
    """Channels that each level gives on the way down."""
    return [width * 2 ** min(level, _CHANNEL_DOUBLINGS) for level in range(depth)]


class Pix2Pix(Family):
    """Nested ``model.model.1.model.3`` (original), ``DownConvLayerN`` ("maps" project), ``initial_down`` (tutorial).

    Canonical: ``STYLE.down.L.{conv,norm}`` and ``STYLE.up.L.{conv,norm}`` with the project in front, as the tensors
    do not show how they are used; level 0 is the outermost.
    """

    id = "pix2pix"
    title = "pix2pix U-Net"
    citation = "P. Isola et al., Image-to-image translation with conditional GANs, 2017, arXiv:1611.07004"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; the first convolution is 4 x 4."""
        style = style_of(shapes)
        if not style:
            return bool(_own_style(shapes))
        first = shapes[_MARKS[style][0]]
        return len(first) == 4 and tuple(first[2:]) == (4, 4)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        style = style_of(shapes)
        if not style:
            return {name: name for name in shapes}
        depth = _depth(shapes, style)
        original = style == "original"
        renamed = {n: _from_original(n, depth - 1) if original else _from_layers(n, style, depth) for n in shapes}
        return {name: name if new == name else f"{style}.{new}" for name, new in renamed.items()}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; ``style`` is the project, ``biased`` the parts whose convolutions have a bias.

        Raises:
            ModelMismatch: when there are fewer than three or more than ten levels.
        """
        style = _own_style(shapes)
        width, taken, _, _ = shape_of(shapes, f"{style}.down.0.conv.weight", 4)
        depth = count_of(shapes, rf"{style}\.down\.(\d+)\.")
        if not 3 <= depth <= _LARGEST_DEPTH:
            raise ModelMismatch(f"The network has {depth} levels, where 3 to {_LARGEST_DEPTH} are possible.")
        layers = ("down.0", "down.1", f"down.{depth - 1}", "up.1", "up.0")
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, f"{style}.up.0.conv.weight", 4)[1],
            "width": width,
            "depth": depth,
            "norm": "batch" if f"{style}.down.1.norm.running_mean" in shapes else "instance",
            "biased": [part for part, layer in zip(_PARTS, layers) if f"{style}.{layer}.conv.bias" in shapes],
            "style": style,
            "batch_statistics": False,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        depth, widths = h["depth"], _widths(h["width"], h["depth"])
        expected: Dict[str, Shape] = {}

        def layer(name: str, taken: int, given: int, part: str, norm: bool) -> None:
            prefix, upwards = f"{h['style']}.{name}", name.startswith("up.")
            expected[f"{prefix}.conv.weight"] = (taken, given, 4, 4) if upwards else (given, taken, 4, 4)
            if part in h["biased"]:
                expected[f"{prefix}.conv.bias"] = (given,)
            if norm and h["norm"] == "batch":
                expected.update(batch_norm(f"{prefix}.norm", given))

        for level, width in enumerate(widths):
            outer = widths[level - 1] if level else 0
            part = "first" if level == 0 else "bottleneck" if level == depth - 1 else "down"
            layer(f"down.{level}", outer or h["in_bands"], width, part, part == "down")
            # On the way up, every level but the deepest also takes what its counterpart gave.
            inner = width if level == depth - 1 else 2 * width
            layer(f"up.{level}", inner, outer or h["out_bands"], "up" if level else "last", level > 0)
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; every pixel sees the whole tile in practice (radius 3 (2^depth - 1)).

        Raises:
            ModelMismatch: when the style is none of the three projects'.
        """
        h = hyperparameters
        if h["style"] not in STYLES:
            raise ModelMismatch(f"There is no pix2pix of the style {h['style']!r}; choose {', '.join(STYLES)}.")
        side = 2 ** h["depth"]
        return Traits(
            scale=1,
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=None,
            value_range=VALUE_RANGES[_RANGES[h["style"]]],
            tiles=TileConstraints(multiple_of=side, minimum=side),
            kind=TRANSLATION,
            training_tile=_MAPS_TILE if h["style"] == "maps" else side,
            notes=(
                "Invents an image that fits the input; nothing in it is measured. Resample the input to the ground "
                "resolution of its training first. The hyperparameter 'batch_statistics' runs batch normalisation as "
                "the original's test script does by default, which makes the result depend on the tile."
            ),
        )
