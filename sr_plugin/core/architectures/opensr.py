"""OpenSR SRGAN: generators with exchangeable blocks, for any bands, and its ESRGAN."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Tuple

from sr_plugin.core.architectures.family import GAN_NOTE, Family, Shape, Shapes, Traits, conv, count_of, shape_of
from sr_plugin.core.architectures.reach import Step, reach_of
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import BandSpec
from sr_plugin.core.errors import ModelMismatch
from sr_plugin.core.value_range import VALUE_RANGES

OPENSR = "S. Donike et al., OpenSR-SRGAN, 2025, https://github.com/ESAOpenSR/SRGAN"
NORMALISATION_NOTE = (
    " Its normalisation is not stored in it: reflectance from 0 to 1 (normalise_10k) is assumed, unless the YAML of "
    "its training lies beside it. The program that trained it also matches histograms tile by tile, which is left out."
)
#: Part of each block's result that is added, where no YAML tells otherwise.
RESIDUAL_SCALE = 0.2
#: Block type by the tensor that only it has.
_MARKS = {
    "res": "body.0.body.0.weight",
    "rcab": "body.0.se.1.weight",
    "rrdb": "body.0.db1.c1.weight",
    "lka": "body.0.lka.dw5.weight",
    "cgan": "body.0.noise_mlp.0.weight",
}
_BANDS = {
    4: ("B04", "B03", "B02", "B08"),
    6: ("B05", "B06", "B07", "B8A", "B11", "B12"),
}
_DENSE_CONVS = 5
_LKA_KERNEL, _LKA_DILATED_KERNEL, _LKA_DILATION = 5, 7, 3
_LARGEST_UPSAMPLINGS = 6


def opensr_bands(count: int) -> Tuple[BandSpec, ...]:
    """The bands of the presets with four (10 m) and six bands (20 m), nothing for other counts."""
    return tuple(sentinel2_band(name) for name in _BANDS.get(count, ()))


def _prelu(name: str) -> Dict[str, Shape]:
    return {f"{name}.weight": (1,)}


def _dense(name: str, width: int, growth: int) -> Dict[str, Shape]:
    shapes: Dict[str, Shape] = {}
    for block in (1, 2, 3):
        for k in range(1, _DENSE_CONVS + 1):
            given = width if k == _DENSE_CONVS else growth
            shapes.update(conv(f"{name}.db{block}.c{k}", given, width + (k - 1) * growth))
    return shapes


def _res_shapes(name: str, width: int, kernel: int, inner: int) -> Dict[str, Shape]:
    convs = {**conv(f"{name}.body.0", width, width, kernel), **conv(f"{name}.body.2", width, width, kernel)}
    return {**convs, **_prelu(f"{name}.body.1")}


def _pair_shapes(name: str, width: int, kernel: int) -> Dict[str, Shape]:
    convs = {**conv(f"{name}.conv1", width, width, kernel), **conv(f"{name}.conv2", width, width, kernel)}
    return {**convs, **_prelu(f"{name}.act")}


def _rcab_shapes(name: str, width: int, kernel: int, inner: int) -> Dict[str, Shape]:
    squeeze = {**conv(f"{name}.se.1", inner, width, 1), **conv(f"{name}.se.3", width, inner, 1)}
    return {**_pair_shapes(name, width, kernel), **squeeze}


def _rrdb_shapes(name: str, width: int, kernel: int, inner: int) -> Dict[str, Shape]:
    return _dense(name, width, inner)


def _lka_shapes(name: str, width: int, kernel: int, inner: int) -> Dict[str, Shape]:
    attention = {
        **conv(f"{name}.lka.dw5", width, 1, _LKA_KERNEL),
        **conv(f"{name}.lka.dw7d", width, 1, _LKA_DILATED_KERNEL),
        **conv(f"{name}.lka.pw", width, width, 1),
    }
    return {**_pair_shapes(name, width, kernel), **attention}


def _cgan_shapes(name: str, width: int, kernel: int, inner: int) -> Dict[str, Shape]:
    style: Dict[str, Shape] = {f"{name}.noise_mlp.0.weight": (width, inner), f"{name}.noise_mlp.0.bias": (width,)}
    style.update({f"{name}.noise_mlp.2.weight": (2 * width, width), f"{name}.noise_mlp.2.bias": (2 * width,)})
    return {**_pair_shapes(name, width, kernel), **style}


_BLOCK_SHAPES: Dict[str, Callable[[str, int, int, int], Dict[str, Shape]]] = {
    "res": _res_shapes,
    "rcab": _rcab_shapes,
    "rrdb": _rrdb_shapes,
    "lka": _lka_shapes,
    "cgan": _cgan_shapes,
}
#: The tensor whose first (or, for noise, second) size is the block's own width.
_INNER_WIDTHS: Dict[str, Tuple[str, int, int]] = {
    "rcab": ("body.0.se.1.weight", 4, 0),
    "rrdb": ("body.0.db1.c1.weight", 4, 0),
    "cgan": ("body.0.noise_mlp.0.weight", 2, 1),
}


def _block_steps(block: str, kernel: int) -> List[Step]:
    """Layers of one block that widen its view."""
    if block == "rrdb":
        return [("conv", 1)] * (3 * _DENSE_CONVS)
    attention: List[Step] = []
    if block == "lka":
        attention = [("conv", _LKA_KERNEL // 2), ("conv", _LKA_DILATION * (_LKA_DILATED_KERNEL // 2))]
    return [("conv", kernel // 2), *attention, ("conv", kernel // 2)]


def _upsampling_shapes(width: int, count: int) -> Dict[str, Shape]:
    shapes: Dict[str, Shape] = {}
    for k in range(count):
        shapes.update({**conv(f"upsampler.{3 * k}", 4 * width, width), **_prelu(f"upsampler.{3 * k + 2}")})
    return shapes


def _upsamplings(shapes: Shapes) -> int:
    """Number of doublings, each of which takes three places: convolution, pixel shuffle, PReLU.

    Raises:
        ModelMismatch: when there are more than any published scale has.
    """
    count = -(-count_of(shapes, r"upsampler\.(\d+)\.") // 3)
    if count > _LARGEST_UPSAMPLINGS:
        raise ModelMismatch(f"The tensors 'upsampler.*' double the image {count} times, which no such network does.")
    return count


def _traits(hyperparameters: Mapping[str, Any], steps: List[Step], global_view: bool, notes: str) -> Traits:
    h = hyperparameters
    return Traits(
        scale=2 ** h["upsamplings"],
        in_bands=h["in_bands"],
        out_bands=h["out_bands"],
        reach=None if global_view else reach_of(steps),
        value_range=VALUE_RANGES["s2-10k-clamped"],
        notes=GAN_NOTE + NORMALISATION_NOTE + notes,
        input_bands=opensr_bands(h["in_bands"]),
        output_bands=opensr_bands(h["out_bands"]),
    )


class OpenSr(Family):
    """Names ``head.0``, ``body.N...``, ``body_tail``, ``upsampler.K``, ``tail``; the blocks res, rcab, rrdb, lka, cgan.

    The generator "standard" of the same program is :class:`~sr_plugin.core.architectures.srresnet_t.SrResNetT`.
    """

    id = "opensr"
    title = "OpenSR SRGAN"
    citation = OPENSR

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        outer = all(name in shapes for name in ("head.0.weight", "body_tail.weight", "tail.weight"))
        return outer and any(mark in shapes for mark in _MARKS.values())

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`; ``inner_width`` is the growth (rrdb), the squeeze (rcab) or the noise's size (cgan)."""
        width, taken, outer, _ = shape_of(shapes, "head.0.weight", 4)
        block = next((name for name, mark in _MARKS.items() if mark in shapes), "res")
        name, dimensions, place = _INNER_WIDTHS.get(block, ("", 0, 0))
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, "tail.weight", 4)[0],
            "width": width,
            "blocks": count_of(shapes, r"body\.(\d+)\."),
            "block": block,
            "inner_width": shape_of(shapes, name, dimensions)[place] if name else 0,
            "outer_kernel": outer,
            "inner_kernel": shape_of(shapes, "body_tail.weight", 4)[2],
            "upsamplings": _upsamplings(shapes),
            "residual_scale": RESIDUAL_SCALE,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width, kernel = h["width"], h["inner_kernel"]
        expected = {**conv("head.0", width, h["in_bands"], h["outer_kernel"]), **_prelu("head.1")}
        for n in range(h["blocks"]):
            expected.update(_BLOCK_SHAPES[h["block"]](f"body.{n}", width, kernel, h["inner_width"]))
        expected.update(conv("body_tail", width, width, kernel))
        expected.update(_upsampling_shapes(width, h["upsamplings"]))
        expected.update(conv("tail", h["out_bands"], width, h["outer_kernel"]))
        return expected

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 2n + 8 (res, cgan), 15n + 8 (rrdb), 13n + 8 (lka), the whole tile (rcab)."""
        h = hyperparameters
        steps: List[Step] = [("conv", h["outer_kernel"] // 2)]
        steps += _block_steps(h["block"], h["inner_kernel"]) * h["blocks"]
        steps += [("conv", h["inner_kernel"] // 2), *([("conv", 1), ("up", 2)] * h["upsamplings"])]
        steps.append(("conv", h["outer_kernel"] // 2))
        noise = " Its noise is one fixed vector of zeros, so that all tiles agree." if h["block"] == "cgan" else ""
        return _traits(h, steps, h["block"] == "rcab", noise)


class OpenSrEsrgan(Family):
    """Names ``conv_first``, ``body.N.db1.c1``, ``conv_body``, ``upsampler.K``, ``conv_hr``, ``conv_last``."""

    id = "opensr_esrgan"
    title = "OpenSR SRGAN (ESRGAN)"
    citation = OPENSR

    def matches(self, shapes: Shapes) -> bool:
        """See :class:`Family`."""
        return "conv_first.weight" in shapes and _MARKS["rrdb"] in shapes

    def hyperparameters(self, shapes: Shapes) -> Dict[str, Any]:
        """See :class:`Family`."""
        width, taken, _, _ = shape_of(shapes, "conv_first.weight", 4)
        return {
            "in_bands": taken,
            "out_bands": shape_of(shapes, "conv_last.weight", 4)[0],
            "width": width,
            "blocks": count_of(shapes, r"body\.(\d+)\."),
            "growth": shape_of(shapes, _MARKS["rrdb"], 4)[0],
            "upsamplings": _upsamplings(shapes),
            "residual_scale": RESIDUAL_SCALE,
        }

    def expected_shapes(self, hyperparameters: Mapping[str, Any]) -> Dict[str, Shape]:
        """See :class:`Family`."""
        h = hyperparameters
        width = h["width"]
        expected = conv("conv_first", width, h["in_bands"])
        for n in range(h["blocks"]):
            expected.update(_dense(f"body.{n}", width, h["growth"]))
        expected.update(conv("conv_body", width, width))
        expected.update(_upsampling_shapes(width, h["upsamplings"]))
        return {**expected, **conv("conv_hr", width, width), **conv("conv_last", h["out_bands"], width)}

    def traits(self, hyperparameters: Mapping[str, Any]) -> Traits:
        """See :class:`Family`; reach 15n + 4."""
        h = hyperparameters
        steps = [("conv", 1), *(_block_steps("rrdb", 3) * h["blocks"]), ("conv", 1)]
        steps += [("conv", 1), ("up", 2)] * h["upsamplings"] + [("conv", 1), ("conv", 1)]
        return _traits(h, steps, False, "")
