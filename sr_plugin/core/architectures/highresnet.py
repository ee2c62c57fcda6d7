"""HighRes-net: fuses many views of one band into one of three times the resolution."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.fusion import fusion_rounds
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.card import MULTI_IMAGE
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import ValueRange

#: As many views as the original's training fuses.
_TRAINED_VIEWS = 32
_CONVS_OF_FUSION = 3
_SIXTEEN_BITS = 65535.0
_RANGE = ValueRange("dn-16bit", "dn", in_gain=(1 / _SIXTEEN_BITS,), out_gain=_SIXTEEN_BITS)


class HighResNet(Family):
    """Names ``encode.*``, ``fuse.fuse.*``, ``decode.*``, as in the project's ``HRNet.pth``.

    ``views`` is the number of views that the card's reach is stated for; the network itself takes any number.
    """

    id = "highresnet"
    title = "HighRes-net"
    citation = "M. Deudon et al., HighRes-net: recursive fusion for multi-frame SR, 2020, arXiv:2002.06460"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "fuse.fuse.0.block.0.weight" in shapes and "decode.deconv.0.weight" in shapes

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`.

        Raises:
            ModelMismatch: when the first layer does not take pairs of a view and its reference.
        """
        width, taken, _, _ = shape_of(shapes, "encode.init_layer.0.weight", 4)
        if taken % 2:
            raise ModelMismatch(f"The first layer takes {taken} bands, which are no pairs of a view and its reference.")
        return {
            "bands": taken // 2,
            "width": width,
            "blocks": count_of(shapes, r"encode\.res_layers\.(\d+)\."),
            "scale": shape_of(shapes, "decode.deconv.0.weight", 4)[2],
            "views": _TRAINED_VIEWS,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, scale = h["width"], h["scale"]
        expected = {**conv("encode.init_layer.0", width, 2 * h["bands"]), "encode.init_layer.1.weight": (1,)}
        blocks = [(f"encode.res_layers.{n}.block", width) for n in range(h["blocks"])]
        for name, inner in [*blocks, ("fuse.fuse.0.block", 2 * width)]:
            expected.update({**conv(f"{name}.0", inner, inner), **conv(f"{name}.2", inner, inner)})
            expected.update({f"{name}.1.weight": (1,), f"{name}.3.weight": (1,)})
        expected.update({**conv("encode.final.0", width, width), **conv("fuse.fuse.1", width, 2 * width)})
        expected.update({"fuse.fuse.2.weight": (1,), "decode.deconv.1.weight": (1,)})
        expected.update({"decode.deconv.0.weight": (width, width, scale, scale), "decode.deconv.0.bias": (width,)})
        return {**expected, **conv("decode.final", h["bands"], width, 1)}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 6 + 3 ceil(log2 views).

        Raises:
            ModelMismatch: when ``views`` is no possible number.
        """
        h = hyperparameters
        fusion = _CONVS_OF_FUSION * fusion_rounds(h["views"], filled=True)
        steps: List[Step] = [("conv", 1)] * (2 + 2 * h["blocks"] + fusion)
        return Traits(
            scale=h["scale"],
            in_bands=h["bands"],
            out_bands=h["bands"],
            reach=reach_of(steps),
            value_range=_RANGE,
            kind=MULTI_IMAGE,
            notes=(
                "Fuses several views of one place, clearest first, one band at a time; the first nine make the "
                "reference that all are compared with. It was trained on PROBA-V, whose numbers use 14 of 16 bits: "
                f"scale those of other sensors to about 0 to 16000. Its reach is stated for {h['views']} views."
            ),
        )
