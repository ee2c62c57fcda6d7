"""SRResNet of krasserm's Keras program (SRGAN), whose layers are told apart by their order."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from sr_plugin.core.architectures.family import (
    GAN_NOTE,
    Family,
    Shape,
    Shapes,
    Traits,
    batch_norm,
    conv,
    count_of,
    shape_of,
)
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.architectures.srresnet import SRGAN
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

#: 0 to 1 inside, where the program divides by 255; tanh at the end, of which it makes 127.5 y + 127.5.
RANGE = ValueRange("tanh-unit", "unit", out_gain=0.5, out_offset=0.5, valid=VALUE_RANGES["unit"].valid)
_LAYER = re.compile(r"(conv2d|batch_normalization|p_re_lu|prelu)(_\d+)?\.\w+")
#: Convolutions outside the blocks and the upsampling: stem, trunk, last.
_OUTER = 3
_OURS = "keras.stem.weight"


def _stems(shapes: Shapes, kind: str) -> List[str]:
    """Names of the layers of a kind in their order."""
    found = (name.rpartition(".")[0] for name in shapes if re.match(rf"{kind}(_\d+)?\.", name))
    return list(dict.fromkeys(found))


def _places(shapes: Shapes) -> Dict[str, str]:
    """Our name of each layer; empty where the counts of layers fit no such network."""
    convs, norms = _stems(shapes, "conv2d"), _stems(shapes, "batch_normalization")
    slopes = _stems(shapes, "p_re_lu") or _stems(shapes, "prelu")
    blocks = (len(norms) - 1) // 2
    ups = len(convs) - 2 * blocks - _OUTER
    if len(norms) != 2 * blocks + 1 or ups < 1 or len(slopes) != 1 + blocks + ups:
        return {}
    pairs = [f"blocks.{n}.{{}}{k}" for n in range(blocks) for k in (1, 2)]
    named = dict(zip(convs, ["stem", *(p.format("conv") for p in pairs), "trunk", *_ups(ups, "conv"), "last"]))
    named.update(zip(norms, [*(p.format("bn") for p in pairs), "trunk_bn"]))
    named.update(zip(slopes, ["stem_act", *(f"blocks.{n}.act" for n in range(blocks)), *_ups(ups, "act")]))
    return {stem: f"keras.{name}" for stem, name in named.items()}


def _ups(count: int, part: str) -> List[str]:
    return [f"up.{k}.{part}" for k in range(count)]


class SrResNetKeras(Family):
    """Names ``conv2d``, ``batch_normalization``, ``p_re_lu`` with numbers; canonical: SRResNet's behind ``keras.``."""

    id = "srresnet_keras"
    title = "SRResNet (krasserm SRGAN)"
    citation = SRGAN

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; a first kernel of 9 and nothing but convolutions, normalisations and slopes."""
        if _OURS in shapes:
            return True
        first = next((shape for name, shape in shapes.items() if name.startswith("conv2d")), ())
        plain = all(_LAYER.fullmatch(name) for name in shapes)
        return plain and len(first) == 4 and first[-1] == 9 and bool(_places(shapes))

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        if _OURS in shapes:
            return {name: name for name in shapes}
        places = _places(shapes)
        names = {}
        for name in shapes:
            stem, _, part = name.rpartition(".")
            names[name] = f"{places[stem]}.{part}" if stem in places else name
        return names

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, taken, outer, _ = shape_of(shapes, _OURS, 4)
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, "keras.last.weight", 4)[0],
            "width": width,
            "up_width": shape_of(shapes, "keras.up.0.act.weight", 1)[0],
            "blocks": count_of(shapes, r"keras\.blocks\.(\d+)\."),
            "upsamplings": count_of(shapes, r"keras\.up\.(\d+)\."),
            "outer_kernel": outer,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, inner = h["width"], h["up_width"]
        expected = {**conv("stem", width, h["in_bands"], h["outer_kernel"]), "stem_act.weight": (width,)}
        for n in range(h["blocks"]):
            for k in (1, 2):
                expected.update(conv(f"blocks.{n}.conv{k}", width, width))
                expected.update(batch_norm(f"blocks.{n}.bn{k}", width))
            expected[f"blocks.{n}.act.weight"] = (width,)
        expected.update({**conv("trunk", width, width), **batch_norm("trunk_bn", width)})
        for k in range(h["upsamplings"]):
            expected.update(conv(f"up.{k}.conv", 4 * inner, inner if k else width))
            expected[f"up.{k}.act.weight"] = (inner,)
        expected.update(conv("last", h["out_bands"], inner, h["outer_kernel"]))
        return {f"keras.{name}": shape for name, shape in expected.items()}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2 blocks + 8 with the usual outer kernels of 9."""
        h = hyperparameters
        outer = h["outer_kernel"] // 2
        steps: List[Step] = [("conv", outer), *[("conv", 1)] * (2 * h["blocks"] + 1)]
        steps += [("conv", 1), ("up", 2)] * h["upsamplings"]
        return Traits(
            scale=2 ** h["upsamplings"],
            in_bands=h["in_bands"],
            out_bands=h["out_bands"],
            reach=reach_of([*steps, ("conv", outer)]),
            value_range=RANGE,
            notes=GAN_NOTE,
        )
