"""RS-SRGAN for several views: a recursive fusion in front of an SRResNet."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from sr_plugin.core.architectures.family import (
    GAN_NOTE,
    Family,
    Shape,
    Shapes,
    Traits,
    batch_norm,
    conv,
    shape_of,
)
from sr_plugin.core.architectures.fusion import fusion_rounds
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.architectures.srresnet_t import SrResNetT
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import MULTI_IMAGE, BandSpec
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

RS_SRGAN = "S. Donike, Remote-Sensing-SRGAN, https://github.com/simon-donike/Remote-Sensing-SRGAN; arXiv:1609.04802"
#: What the project's experiments 6, 7 and the fusion were trained on.
SATURATION_NOTE = (
    " Its value range is not stored: reflectance from 0 to 0.3 is assumed, as in the project's last experiments; "
    "brighter surfaces are carried around the network."
)
RED_GREEN_BLUE = tuple(sentinel2_band(name) for name in ("B04", "B03", "B02"))
_TRAINED_VIEWS = 4
_FUSION, _OWN_FUSION = "fusion.model.fuse.", "fusion."
_GENERATOR = "generator."
#: Our names of the fusion's layers.
_LAYERS = {
    "0.conv_block1.conv_block.0": "conv1",
    "0.conv_block1.conv_block.1": "bn1",
    "0.conv_block1.conv_block.2": "act1",
    "0.conv_block2.conv_block.0": "conv2",
    "0.conv_block2.conv_block.1": "bn2",
    "1": "merge",
    "2": "act2",
}


def rs_srgan_bands(count: int) -> Tuple[BandSpec, ...]:
    """Red, green and blue of Sentinel-2 for three bands, nothing for other counts."""
    return RED_GREEN_BLUE if count == len(RED_GREEN_BLUE) else ()


class RsSrganFusion(Family):
    """Names ``generator.net.*`` (as of SRResNet) and ``fusion.model.fuse.*``.

    Canonical: ``generator.`` and the names of :class:`~sr_plugin.core.architectures.srresnet.SrResNet`, and
    ``fusion.{conv1,bn1,act1,conv2,bn2,merge,act2}``. ``views`` is the number of views that the card's reach is stated
    for; the network itself takes any number.
    """

    id = "rs_srgan_fusion"
    title = "RS-SRGAN with fusion of views"
    citation = RS_SRGAN

    def __init__(self) -> None:
        self._generator = SrResNetT()

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        original = _FUSION + "0.conv_block1.conv_block.0.weight" in shapes
        return original or ("fusion.merge.weight" in shapes and "generator.stem.weight" in shapes)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        inner = {name: name[len(_GENERATOR) :] for name in shapes if name.startswith(_GENERATOR)}
        renamed = self._generator.canonical_names({short: shapes[name] for name, short in inner.items()})
        names = {name: name for name in shapes}
        names.update({name: _GENERATOR + renamed[short] for name, short in inner.items()})
        for name in shapes:
            layer, _, part = name[len(_FUSION) :].rpartition(".")
            if name.startswith(_FUSION) and layer in _LAYERS:
                names[name] = f"{_OWN_FUSION}{_LAYERS[layer]}.{part}"
        return names

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        inner = {n[len(_GENERATOR) :]: shape for n, shape in shapes.items() if n.startswith(_GENERATOR)}
        kernel = shape_of(shapes, "fusion.merge.weight", 4)[2]
        return {**self._generator.hyperparameters(inner), "fusion_kernel": kernel, "views": _TRAINED_VIEWS}

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        bands, kernel = h["in_bands"], h["fusion_kernel"]
        expected = {_GENERATOR + name: shape for name, shape in self._generator.expected_shapes(h).items()}
        for k in (1, 2):
            expected.update(conv(f"fusion.conv{k}", 2 * bands, 2 * bands, kernel))
            expected.update(batch_norm(f"fusion.bn{k}", 2 * bands))
        expected.update(conv("fusion.merge", bands, 2 * bands, kernel))
        expected.update({"fusion.act1.weight": (1,), "fusion.act2.weight": (1,)})
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 3 floor(log2 views) more than that of the generator.

        Raises:
            ModelMismatch: when ``views`` is no possible number.
        """
        h = hyperparameters
        generator = self._generator.traits(h)
        steps: List[Step] = [("conv", h["fusion_kernel"] // 2)] * (3 * fusion_rounds(h["views"], filled=False))
        if generator.reach is None:
            raise ModelMismatch("The generator behind the fusion has no reach.")
        return Traits(
            scale=generator.scale,
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=generator.reach + reach_of(steps),
            value_range=VALUE_RANGES["s2-3000"],
            kind=MULTI_IMAGE,
            input_bands=rs_srgan_bands(h["in_bands"]),
            output_bands=rs_srgan_bands(h["out_bands"]),
            notes=(
                GAN_NOTE + SATURATION_NOTE + " Views are fused in pairs, first with last. With an odd number of them, "
                "the original leaves the middle one out; here it joins the mean at the end, with the weight of one "
                f"view. It was trained with {_TRAINED_VIEWS} views; its reach is stated for {h['views']}."
            ),
        )
