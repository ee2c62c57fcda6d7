"""SEN2SR (Lite): a small attention network for Sentinel-2, with a constraint on low frequencies beside it."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from sr_plugin.core.architectures.family import (
    Family,
    Shape,
    Shapes,
    Traits,
    conv,
    count_of,
    shape_of,
    square_root,
)
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import BandSpec, TileConstraints
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: Name of the constraint's mask among the tensors; its file calls it "weights".
CONSTRAINT = "hard_constraint.weights"
#: How a convolution may be stored: a skip, three convolutions that make up one, and their sum.
_STORED = ("sk", "conv.0", "eval_conv")
_PARTS = ("sk", "conv", "eval_conv")
_GAIN = 2
_20M = ("B05", "B06", "B07", "B8A", "B11", "B12")
_10M = ("B02", "B03", "B04", "B08")
_BANDS = {4: ("B04", "B03", "B02", "B08"), 10: _20M + _10M}
#: Of ten bands, the six of 20 m are made finer; as many out as in otherwise.
_GIVEN = {10: 6}
_CONSTRAINED_TILE = 128
#: The constraint takes a window's opposite sides for neighbours; so far from them it does not show (SEN2SR's program).
_BORDER = 16


def _outputs(taken: int) -> int:
    return _GIVEN.get(taken, taken)


def _names(count: int) -> Tuple[BandSpec, ...]:
    return tuple(sentinel2_band(name) for name in _BANDS.get(count, ()))


def _stored_conv(name: str, given: int, taken: int, parts: List[str]) -> Dict[str, Shape]:
    shapes: Dict[str, Shape] = {}
    if "sk" in parts:
        shapes.update(conv(f"{name}.sk", given, taken, 1))
    if "conv" in parts:
        shapes.update(conv(f"{name}.conv.0", _GAIN * taken, taken, 1))
        shapes.update(conv(f"{name}.conv.1", _GAIN * given, _GAIN * taken, 3))
        shapes.update(conv(f"{name}.conv.2", given, _GAIN * given, 1))
    if "eval_conv" in parts:
        shapes.update(conv(f"{name}.eval_conv", given, taken, 3))
    return shapes


class Sen2Sr(Family):
    """Names ``conv_1``, ``blocks.N.c{1,2,3}_r``, ``conv_2``, ``conv_cat``, ``upsampler.0``.

    With a tensor ``hard_constraint.weights`` (from the file beside it) the low frequencies of the input are kept.
    """

    id = "sen2sr"
    title = "SEN2SR"
    citation = "C. Aybar et al., https://github.com/ESAOpenSR/SEN2SR, 2025; C. Wan et al., SPAN, arXiv:2311.12770"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; SPAN's own files, which have ``block_1``, are not of this family."""
        found = any(
            f"conv_1.{part}.weight" in shapes and f"blocks.0.c1_r.{part}.weight" in shapes
            for part in ("sk", "eval_conv")
        )
        return found and not any(name.startswith("block_1.") for name in shapes)

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; ``constraint`` is the side of the result that the constraint is made for, or 0.

        Raises:
            ModelMismatch: when the sizes fit no scale.
        """
        parts = [part for part, mark in zip(_PARTS, _STORED) if f"conv_1.{mark}.weight" in shapes]
        mark = "eval_conv" if "eval_conv" in parts else "sk"
        width, taken = shape_of(shapes, f"conv_1.{mark}.weight", 4)[:2]
        given = _outputs(taken)
        side = shape_of(shapes, CONSTRAINT, 2)[0] if CONSTRAINT in shapes else 0
        return {
            "in_bands": taken,
            "out_bands": given,
            "width": width,
            "blocks": count_of(shapes, r"blocks\.(\d+)\."),
            "scale": square_root(shape_of(shapes, "upsampler.0.weight", 4)[0], given, "upsampler.0.weight"),
            "parts": parts,
            "constraint": side,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`.

        Raises:
            ModelMismatch: when a convolution is stored in no usable form.
        """
        h = hyperparameters
        width, parts = h["width"], list(h["parts"])
        if "eval_conv" not in parts and not {"sk", "conv"} <= set(parts):
            raise ModelMismatch("The convolutions of SEN2SR lack both 'eval_conv' and the 'conv' that it is made from.")
        expected = _stored_conv("conv_1", width, h["in_bands"], parts)
        for n in range(h["blocks"]):
            for k in (1, 2, 3):
                expected.update(_stored_conv(f"blocks.{n}.c{k}_r", width, width, parts))
        expected.update(_stored_conv("conv_2", width, width, parts))
        expected.update(conv("conv_cat", width, 4 * width, 1))
        expected.update(conv("upsampler.0", h["out_bands"] * h["scale"] ** 2, width))
        if h["constraint"]:
            expected[CONSTRAINT] = (h["constraint"], h["constraint"])
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 6, or with the constraint the whole tile, whose size the mask fixes.

        Raises:
            ModelMismatch: when the mask is of no whole tile.
        """
        h = hyperparameters
        side, rest = divmod(h["constraint"], h["scale"])
        if rest:
            raise ModelMismatch(
                f"The mask of {h['constraint']} pixels fits no tile of a network that enlarges x{h['scale']}."
            )
        border = min(_BORDER, side // 8)
        steps: List[Step] = [("conv", 1)] * 6
        notes = "Every block takes what the first convolution gave, so only the first and the last block count."
        if side:
            notes += (
                f" Frequencies up to those of the input are replaced by the input's own, tile by tile of {side} "
                f"pixels; this treats a tile as periodic, so {border} pixels at its sides are left to the next one."
            )
        else:
            notes += " Its constraint on low frequencies ('hard_constraint') does not lie beside it and is left out."
        if h["in_bands"] in _GIVEN:
            notes += " Its 20 m bands come first and must lie on the 10 m grid already, enlarged bilinearly."
        return Traits(
            scale=h["scale"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=None if side else reach_of(steps),
            value_range=VALUE_RANGES["s2-10k"],
            tiles=TileConstraints(minimum=side, fixed=(side, side), border=border) if side else TileConstraints(),
            training_tile=side or _CONSTRAINED_TILE,
            input_bands=_names(h["in_bands"]),
            output_bands=_names(h["in_bands"])[: h["out_bands"]],
            notes=notes,
        )
