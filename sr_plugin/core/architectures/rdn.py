"""RDN in the namings of yjn870 (also torchSR), of EDSR-PyTorch, and of idealo's Keras program."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

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
from sr_plugin.core.architectures.pixel_shuffles import factors_of, product, shuffle_shapes, shuffle_steps
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: Upsampling: pixel shuffles between convolutions (torch); idealo's three convolutions and then nearest neighbour, or
#: Keras' depth-to-space, whose channels run (row, column, band).
TAILS = ("torch", "nearest", "keras-shuffle")

_Renames = Sequence[Tuple[str, str]]
_EDSR_NAMES: _Renames = (
    (r"SFENet([12])\.(\w+)", r"sfe\1.\2"),
    (r"RDBs\.(\d+)\.convs\.(\d+)\.conv\.0\.(\w+)", r"rdbs.\1.layers.\2.conv.\3"),
    (r"RDBs\.(\d+)\.LFF\.(\w+)", r"rdbs.\1.lff.\2"),
    (r"GFF\.([01])\.(\w+)", r"gff.\1.\2"),
)
_KERAS_NAMES: _Renames = (
    (r"F_m1\.(\w+)", r"sfe1.\1"),
    (r"F_0\.(\w+)", r"sfe2.\1"),
    (r"GFF_1\.(\w+)", r"gff.0.\1"),
    (r"GFF_2\.(\w+)", r"gff.1.\1"),
    (r"UPN([123])\.(\w+)", r"upn\1.\2"),
    (r"SR\.(\w+)", r"output.\1"),
)


def _renamed(name: str, renames: _Renames) -> str:
    for pattern, replacement in renames:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return name


def _from_edsr(name: str, last: int) -> str:
    """``UPNet.N`` is a shuffle's convolution, except the last one, which makes the image."""
    tail = re.fullmatch(r"UPNet\.(\d+)\.(\w+)", name)
    if tail:
        number, part = int(tail.group(1)), tail.group(2)
        return f"output.{part}" if number == last else f"upscale.{number}.{part}"
    return _renamed(name, _EDSR_NAMES)


def _from_keras(name: str) -> str:
    """``F_D_C`` and ``LFF_D`` count blocks and convolutions from 1."""
    dense = re.fullmatch(r"F_(\d+)_(\d+)\.(\w+)", name)
    if dense:
        return f"rdbs.{int(dense.group(1)) - 1}.layers.{int(dense.group(2)) - 1}.conv.{dense.group(3)}"
    fusion = re.fullmatch(r"LFF_(\d+)\.(\w+)", name)
    if fusion:
        return f"rdbs.{int(fusion.group(1)) - 1}.lff.{fusion.group(2)}"
    return _renamed(name, _KERAS_NAMES)


class Rdn(Family):
    """Names ``sfe1``, ``rdbs.D.layers.C.conv``, ``upscale.0``; or Keras' ``F_m1``, ``F_D_C``, ``LFF_D``, ``UPN3``."""

    id = "rdn"
    title = "RDN"
    citation = "Y. Zhang et al., Residual dense network for image super-resolution, 2018, arXiv:1802.08797"
    verified = True
    generative = False
    value_range = "unit"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        torch = ("rdbs.0.layers.0.conv.weight", "sfe1.weight")
        keras = ("F_m1.weight", "LFF_1.weight", "UPN3.weight")
        return any(all(name in shapes for name in names) for names in (torch, keras))

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of yjn870, with ``upn1`` to ``upn3`` for idealo's tail."""
        return {name: _from_keras(name) for name in shapes} if "F_m1.weight" in shapes else {n: n for n in shapes}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; with idealo's tail, what ``output`` takes tells how the pixels are enlarged."""
        width, taken, _, _ = shape_of(shapes, "sfe1.weight", 4)
        given, before, _, _ = shape_of(shapes, "output.weight", 4)
        h: Dict[str, Any] = {
            "in_bands": taken,
            "out_bands": given,
            "width": width,
            "growth": shape_of(shapes, "rdbs.0.layers.0.conv.weight", 4)[0],
            "blocks": count_of(shapes, r"rdbs\.(\d+)\."),
            "convs": count_of(shapes, r"rdbs\.0\.layers\.(\d+)\."),
            "value_range": self.value_range,
        }
        if "upn3.weight" not in shapes:
            return {**h, "tail": "torch", "up_width": before, "factors": factors_of(shapes, "upscale", before)}
        expanded = shape_of(shapes, "upn3.weight", 4)[0]
        factor = square_root(expanded, given, "upn3.weight")
        tail = "nearest" if before == expanded and factor > 1 else "keras-shuffle"
        widths = [shape_of(shapes, f"upn{k}.weight", 4)[0] for k in (1, 2)]
        return {**h, "tail": tail, "up_width": widths, "factors": [factor]}

    def _tail_shapes(self, h: Mapping[str, Any]) -> Dict[str, Shape]:
        if h["tail"] == "torch":
            expected = shuffle_shapes("upscale", h["width"], h["up_width"], h["factors"])
            return {**expected, **conv("output", h["out_bands"], h["up_width"])}
        first, second = h["up_width"]
        expanded = h["out_bands"] * product(h["factors"]) ** 2
        expected = {**conv("upn1", first, h["width"], 5), **conv("upn2", second, first)}
        expected.update(conv("upn3", expanded, second))
        return {**expected, **conv("output", h["out_bands"], expanded if h["tail"] == "nearest" else h["out_bands"])}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`.

        Raises:
            ModelMismatch: when the tail is of no known kind.
        """
        h = hyperparameters
        width, growth = h["width"], h["growth"]
        if h["tail"] not in TAILS:
            raise ModelMismatch(f"RDN has no tail '{h['tail']}'; choose one of {', '.join(TAILS)}.")
        expected = {**conv("sfe1", width, h["in_bands"]), **conv("sfe2", width, width)}
        for block in range(h["blocks"]):
            for k in range(h["convs"]):
                expected.update(conv(f"rdbs.{block}.layers.{k}.conv", growth, width + k * growth))
            expected.update(conv(f"rdbs.{block}.lff", width, width + h["convs"] * growth, 1))
        expected.update({**conv("gff.0", width, h["blocks"] * width, 1), **conv("gff.1", width, width)})
        return {**expected, **self._tail_shapes(h)}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach C D + 5, with idealo's tail C D + 8."""
        h = hyperparameters
        steps: List[Step] = [("conv", 1)] * (h["convs"] * h["blocks"] + 3)
        if h["tail"] == "torch":
            steps += shuffle_steps(h["factors"])
        else:
            steps += [("conv", 2), ("conv", 1), ("conv", 1), ("up", product(h["factors"]))]
        return Traits(
            scale=product(h["factors"]),
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, ("conv", 1)]),
            value_range=VALUE_RANGES[h["value_range"]],
        )


class RdnEdsr(Rdn):
    """The naming of EDSR-PyTorch, whose networks are trained on values from 0 to 255."""

    id = "rdn_edsr"
    title = "RDN (EDSR-PyTorch)"
    verified = False
    value_range = "byte"

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "RDBs.0.convs.0.conv.0.weight" in shapes and "SFENet1.weight" in shapes

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """The naming of yjn870."""
        last = count_of(shapes, r"UPNet\.(\d+)\.") - 1
        return {name: _from_edsr(name, last) for name in shapes}
