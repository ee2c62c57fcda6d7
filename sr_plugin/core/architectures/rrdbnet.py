"""RRDBNet: ESRGAN, Real-ESRGAN, BSRGAN, RealSR, Satlas super-resolution."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.family import (
    GAN_NOTE,
    Family,
    Shape,
    Shapes,
    Traits,
    conv,
    count_of,
    shape_of,
)
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.card import TileConstraints

#: A tensor that only each naming has: the first dense convolution.
_MARKS = ("model.1.sub.0.RDB1.conv1.0.weight", "RRDB_trunk.0.RDB1.conv1.weight", "body.0.rdb1.conv1.weight")
#: Signs of relatives: MM-RealSR and ESRGAN+.
_FOREIGN = re.compile(r"am_list\.|de_net\.|.*conv1x1")
_CONVS_OF_BLOCK = 15
_CONVS_OF_DENSE = 5
#: Real-ESRGAN makes x2 and x1 of its x4 network by folding pixels of the input into bands first.
_FOLDS = (2, 4)
_FOLDED_UPSAMPLINGS = 2

_LAST_CONVS = {-2: "conv_hr", -1: "conv_last"}
_MIDDLE_NAMES = {"trunk_conv": "conv_body", "HRconv": "conv_hr"}


def effective_reach(blocks: int) -> int:
    """Input pixels beyond which the rest of the reach changes the result by less than one DN of 10000.

    Measured with the Real-ESRGAN weights of 6 and 23 blocks on Sentinel-2 (tile 18SVG, B04, B03, B02): the largest
    error of a 32 x 32 core falls below 1 DN, and its RMSE below 0.1 DN, at these margins; between and beyond them on a
    line.
    """
    return min(_CONVS_OF_BLOCK * blocks + 4, math.ceil(42 + 2.35 * blocks))


def _old_convs(shapes: Shapes) -> Dict[int, int]:
    """Place of each convolution behind the trunk, by its number in the oldest naming."""
    matches = (re.fullmatch(r"model\.(\d+)\.weight", name) for name in shapes)
    numbers = sorted(int(match.group(1)) for match in matches if match and int(match.group(1)) > 1)
    return {number: place for place, number in enumerate(numbers)}


def _from_oldest(name: str, behind: Dict[int, int]) -> str:
    """``model.0``, ``model.1.sub.N.RDBm.convK.0``, ``model.1.sub.{blocks}``, ``model.3`` ... of the first release.

    ``behind`` gives the place of each convolution behind the trunk by its number.
    """
    dense = re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(\w+)", name)
    if dense:
        return "body.{}.rdb{}.conv{}.{}".format(*dense.groups())
    trunk = re.fullmatch(r"model\.1\.sub\.\d+\.(\w+)", name)
    if trunk:
        return f"conv_body.{trunk.group(1)}"
    outer = re.fullmatch(r"model\.(\d+)\.(\w+)", name)
    if not outer:
        return name
    number, part = int(outer.group(1)), outer.group(2)
    if number == 0:
        return f"conv_first.{part}"
    if number not in behind or len(behind) < 2:
        return name
    from_end = behind[number] - len(behind)
    return f"{_LAST_CONVS.get(from_end, f'conv_up{behind[number] + 1}')}.{part}"


def _from_middle(name: str) -> str:
    """``RRDB_trunk.N.RDBm.convK``, ``trunk_conv``, ``upconvN``, ``HRconv`` of the ESRGAN release and BSRGAN."""
    dense = re.fullmatch(r"RRDB_trunk\.(\d+)\.RDB([123])\.(.+)", name)
    if dense:
        return "body.{}.rdb{}.{}".format(*dense.groups())
    up = re.fullmatch(r"upconv(\d+)\.(\w+)", name)
    if up:
        return "conv_up{}.{}".format(*up.groups())
    stem, _, part = name.rpartition(".")
    return f"{_MIDDLE_NAMES.get(stem, stem)}.{part}"


class RrdbNet(Family):
    """All three namings, any number of bands, x1 to x16, with or without folded input (pixel unshuffle)."""

    id = "rrdbnet"
    title = "RRDBNet (ESRGAN)"
    citation = "X. Wang et al., ESRGAN: enhanced super-resolution GANs, 2018, arXiv:1809.00219"
    verified = True

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return any(mark in shapes for mark in _MARKS) and not any(_FOREIGN.match(name) for name in shapes)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The newest naming, that of BasicSR and Real-ESRGAN."""
        if _MARKS[0] in shapes:
            behind = _old_convs(shapes)
            return {name: _from_oldest(name, behind) for name in shapes}
        return {name: _from_middle(name) if _MARKS[1] in shapes else name for name in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; a first convolution with 4 or 16 times the output's bands means a folded input."""
        width, taken, _, _ = shape_of(shapes, "conv_first.weight", 4)
        given = shape_of(shapes, "conv_last.weight", 4)[0]
        upsamplings = count_of(shapes, r"conv_up(\d+)\.") - 1 if "conv_up1.weight" in shapes else 0
        folds = [q for q in _FOLDS if taken == given * q * q and upsamplings == _FOLDED_UPSAMPLINGS]
        return {
            "in_bands": given if folds else taken,
            "out_bands": given,
            "width": width,
            "growth": shape_of(shapes, "body.0.rdb1.conv1.weight", 4)[0],
            "blocks": count_of(shapes, r"body\.(\d+)\."),
            "upsamplings": upsamplings,
            "unshuffle": folds[0] if folds else 1,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, growth = h["width"], h["growth"]
        expected = conv("conv_first", width, h["in_bands"] * h["unshuffle"] ** 2)
        for block in range(h["blocks"]):
            for dense in (1, 2, 3):
                for k in range(1, _CONVS_OF_DENSE + 1):
                    given = width if k == _CONVS_OF_DENSE else growth
                    expected.update(conv(f"body.{block}.rdb{dense}.conv{k}", given, width + (k - 1) * growth))
        for name in ("conv_body", *(f"conv_up{i + 1}" for i in range(h["upsamplings"])), "conv_hr"):
            expected.update(conv(name, width, width))
        expected.update(conv("conv_last", h["out_bands"], width))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach q (15 blocks + 4), tiles in multiples of q for an input folded by q."""
        h = hyperparameters
        fold = h["unshuffle"]
        steps: List[Step] = [("conv", 1)] * (_CONVS_OF_BLOCK * h["blocks"] + 2)
        steps += [("up", 2), ("conv", 1)] * h["upsamplings"] + [("conv", 1)] * 2
        notes = GAN_NOTE
        if fold > 1:
            notes += (
                f" Its first layer takes {fold * fold} times the output's bands: this is read as an input folded by "
                f"{fold}, but could be a stack of {fold * fold} images."
            )
        return Traits(
            scale=2 ** h["upsamplings"] // fold,
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=fold * reach_of(steps),
            tiles=TileConstraints(multiple_of=fold, minimum=fold),
            notes=notes,
            effective_reach=fold * effective_reach(h["blocks"]),
        )
