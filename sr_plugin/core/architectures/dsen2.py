"""DSen2 and VDSen2: Sentinel-2's coarse bands sharpened with the help of its fine ones."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from sr_plugin.core.architectures.family import Family, Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import BAND_FUSION, BandSpec, TileConstraints
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

#: Bands and pixel size, in pixels of the finest group, by the number of bands taken in all.
_GROUPS: Dict[int, List[List[int]]] = {10: [[4, 1], [6, 2]], 12: [[4, 1], [6, 2], [2, 6]]}
#: In the order in which the network takes them; the published weights want the 10 m bands as B4, B3, B2, B8.
_NAMES = ("B04", "B03", "B02", "B08", "B05", "B06", "B07", "B8A", "B11", "B12", "B01", "B09")
_KERNEL = (3, 3)
_RESIDUAL_SCALE = 0.1
_LARGEST_RATIO = 32


def _weights(shapes: Shapes) -> List[str]:
    """The convolutions' layers in their order: by number where they are ours, else as the file has them."""
    layers = [name[: -len(".weight")] for name in shapes if name.endswith(".weight")]
    if all(re.fullmatch(r"convs\.\d+", layer) for layer in layers):
        layers.sort(key=lambda layer: int(layer.rpartition(".")[2]))
    return layers


def _checked_groups(groups: Any) -> List[Tuple[int, int]]:
    """Bands and ratio of every group of inputs.

    Raises:
        ModelMismatch: when it is no list of at least two groups with a finest one of ratio 1 in front.
    """
    try:
        pairs = [(int(bands), int(ratio)) for bands, ratio in groups]
    except (TypeError, ValueError) as error:
        raise ModelMismatch(f"{groups!r} are no groups of bands and pixel sizes.") from error
    sane = all(bands > 0 and 0 < ratio <= _LARGEST_RATIO for bands, ratio in pairs)
    if len(pairs) < 2 or not sane or pairs[0][1] != 1:
        raise ModelMismatch(f"{groups!r} are no groups of bands, the finest first with the pixel size 1.")
    return pairs


def band_specs(groups: Sequence[Tuple[int, int]]) -> Tuple[BandSpec, ...]:
    """Sentinel-2's bands for the usual groups, otherwise numbered ones."""
    known = [list(pair) for pair in groups] in _GROUPS.values()
    count = sum(bands for bands, _ in groups)
    if known:
        return tuple(sentinel2_band(name) for name in _NAMES[:count])
    return tuple(BandSpec(f"band {i + 1}") for i in range(count))


class DSen2(Family):
    """Names ``convs.N``, or any names (Keras) of 3 x 3 convolutions in the order in which they are applied.

    Ten bands in and six out sharpen the 20 m bands, twelve in and two out the 60 m bands.
    """

    id = "dsen2"
    title = "DSen2"
    citation = "C. Lanaras et al., Super-resolution of Sentinel-2 images using a deep network, 2018, arXiv:1803.04271"
    generative = False

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`; nothing but 3 x 3 convolutions with biases, of the right sizes."""
        layers = _weights(shapes)
        if len(layers) < 4 or len(layers) % 2 or len(shapes) != 2 * len(layers):
            return False
        if not all(f"{layer}.bias" in shapes for layer in layers):
            return False
        sizes = [shapes[f"{layer}.weight"] for layer in layers]
        if not all(len(size) == len(_KERNEL) + 2 and tuple(size[2:]) == _KERNEL for size in sizes):
            return False
        groups, width = _GROUPS.get(sizes[0][1]), sizes[0][0]
        inner = all(size[:2] == (width, width) for size in sizes[1:-1])
        return groups is not None and inner and sizes[-1][:2] == (groups[-1][0], width)

    def canonical_names(self, shapes: Shapes) -> Dict[str, str]:
        """See :class:`Family`."""
        numbers = {layer: number for number, layer in enumerate(_weights(shapes))}
        parts = {name: name.rpartition(".") for name in shapes}
        return {name: f"convs.{numbers[layer]}.{part}" for name, (layer, _, part) in parts.items()}

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; ``groups`` are the bands and the pixel size of each input, the finest first."""
        width, taken, _, _ = shape_of(shapes, "convs.0.weight", 4)
        return {
            "groups": [list(group) for group in _GROUPS.get(taken, [])],
            "width": width,
            "blocks": count_of(shapes, r"convs\.(\d+)\.weight") // 2 - 1,
            "residual_scale": _RESIDUAL_SCALE,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        groups = _checked_groups(h["groups"])
        width, last = h["width"], 2 * h["blocks"] + 1
        expected = conv("convs.0", width, sum(bands for bands, _ in groups))
        for number in range(1, last):
            expected.update(conv(f"convs.{number}", width, width))
        return {**expected, **conv(f"convs.{last}", groups[-1][0], width)}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; all in pixels of the finest input.

        The reach is 2 blocks + 2 for the convolutions, and half a coarse pixel more for the enlargement of coarse
        bands, which looks at neighbours; tiles are whole coarse pixels.
        """
        h = hyperparameters
        groups = _checked_groups(h["groups"])
        coarsest = max(ratio for _, ratio in groups)
        steps: List[Step] = [("conv", 1)] * (2 * h["blocks"] + 2)
        names, given = band_specs(groups), groups[-1][0]
        return Traits(
            scale=1,
            in_bands=len(names),
            out_bands=given,
            reach=reach_of(steps) + coarsest // 2,
            value_range=VALUE_RANGES["s2-2000"],
            tiles=TileConstraints(multiple_of=coarsest, minimum=coarsest),
            kind=BAND_FUSION,
            input_bands=names,
            output_bands=names[-given:],
            notes=(
                "Takes every group of bands on its own grid and gives the last group on the finest grid. Trained on "
                "Level-1C (top of atmosphere) without the offset of products since January 2022."
            ),
        )
