"""A small checkpoint of every family, with random numbers under the names of its project's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sr_plugin.core.architectures.mean_shift import RGB_MEAN
from sr_plugin.core.architectures.registry import FAMILIES
from tests.core.architectures import test_recognise as namings

Arrays = dict[str, np.ndarray]

_RGB: dict[str, Any] = {"in_bands": 3, "out_bands": 3, "width": 8}
_S2: dict[str, Any] = {"in_bands": 4, "out_bands": 4, "width": 8}
_OPENSR: dict[str, Any] = {
    **{**_S2, "blocks": 2, "inner_width": 0, "outer_kernel": 9, "inner_kernel": 3},
    **{"upsamplings": 1, "residual_scale": 0.2},
}
_EDSR: dict[str, Any] = {**_RGB, "blocks": 2, "factors": [2], "residual_scale": 1.0}
_CARN: dict[str, Any] = {"bands": 3, "width": 8, "single": [], "means": False, "value_range": "unit"}
_RDN: dict[str, Any] = {**_RGB, "growth": 4, "blocks": 2, "convs": 2, "value_range": "unit"}
_WDSR: dict[str, Any] = {"bands": 3, "width": 8, "wide": 12, "residual_scale": 1.0, "blocks": 2}
_PIX2PIX: dict[str, Any] = {**_RGB, "width": 4, "depth": 4, "biased": ["last"]}
_RESNET: dict[str, Any] = {**_RGB, "width": 4, "blocks": 2, "stored_statistics": False, "batch_statistics": False}
_SEN2SR: dict[str, Any] = {**_S2, "blocks": 2, "scale": 2, "parts": ["sk", "conv"]}
#: Family and the hyperparameters of a small network of it.
_SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "edsr_bicubic": ("edsr_bicubic", {**_S2, "blocks": 2, "scale": 2}),
    "highresnet": ("highresnet", {"bands": 1, "width": 8, "blocks": 1, "scale": 3, "views": 8}),
    "vdsr": ("vdsr", {"bands": 1, "width": 8, "blocks": 2, "bias": False, "scale": 2}),
    "vdsr_edsr": ("vdsr_edsr", {"bands": 3, "width": 8, "blocks": 2, "bias": True, "scale": 3, "value_range": "byte"}),
    "rdn": ("rdn", {**_RDN, "tail": "torch", "up_width": 8, "factors": [2]}),
    "rdn nearest": ("rdn", {**_RDN, "tail": "nearest", "up_width": [8, 6], "factors": [3]}),
    "rdn shuffle": ("rdn", {**_RDN, "tail": "keras-shuffle", "up_width": [8, 6], "factors": [2]}),
    "opensr res": ("opensr", {**_OPENSR, "block": "res"}),
    "opensr rcab": ("opensr", {**_OPENSR, "block": "rcab", "inner_width": 2}),
    "opensr rrdb": ("opensr", {**_OPENSR, "block": "rrdb", "inner_width": 4}),
    "opensr lka": ("opensr", {**_OPENSR, "block": "lka"}),
    "opensr cgan": ("opensr", {**_OPENSR, "block": "cgan", "inner_width": 5}),
    "opensr_esrgan": ("opensr_esrgan", {**_S2, "blocks": 1, "growth": 4, "upsamplings": 2, "residual_scale": 0.2}),
    "sen2sr": ("sen2sr", {**_SEN2SR, "constraint": 0}),
    "sen2sr constrained": ("sen2sr", {**_SEN2SR, "constraint": 32}),
    "edsr": ("edsr", {**_EDSR, "means": "none", "value_range": "unit"}),
    "rcan": ("rcan", {**_RGB, "squeezed": 2, "groups": 2, "blocks": 1, "factors": [2], "means": False}),
    "carn": ("carn", {**_CARN, "mobile": False, "groups": 1, "up_groups": 1, "heads": [2, 3, 4], "scale": 4}),
    "carn-m": ("carn", {**_CARN, "mobile": True, "groups": 2, "up_groups": 2, "heads": [2, 3, 4], "scale": 4}),
    "rfdn": ("rfdn", {"bands": 3, "width": 8, "distilled": 4, "attention": 3, "blocks": 2, "scale": 2}),
    "fsrcnn": ("fsrcnn", {"bands": 1, "width": 8, "narrow": 4, "mappings": 2, "scale": 3}),
    "espcn": ("espcn", {"bands": 1, "layers": [[8, 5], [6, 3], [9, 3]], "scale": 3}),
    "rrdn": ("rrdn", {**_RGB, "growth": 4, "groups": 2, "blocks": 1, "convs": 2, "residual_scale": 0.2, "scale": 3}),
    "edsr_keras": ("edsr_keras", _EDSR),
    "srresnet_keras": ("srresnet_keras", {**_RGB, "up_width": 8, "blocks": 1, "upsamplings": 1, "outer_kernel": 9}),
    "srresnet_tensorlayer": (
        "srresnet_tensorlayer",
        {**_RGB, "blocks": 2, "upsamplings": 2, "kernels": [3, 1], "body_bias": False},
    ),
    "wdsr a": ("wdsr", {**_WDSR, "kind": "a", "linear": 0, "scale": 2}),
    "wdsr b": ("wdsr", {**_WDSR, "kind": "b", "linear": 6, "scale": 3}),
    "dsen2": ("dsen2", {"groups": [[4, 1], [6, 2]], "width": 8, "blocks": 2, "residual_scale": 0.1}),
    "pix2pix original": ("pix2pix", {**_PIX2PIX, "norm": "batch", "style": "original"}),
    "pix2pix instance": ("pix2pix", {**_PIX2PIX, "norm": "instance", "style": "original"}),
    "pix2pix maps": ("pix2pix", {**_PIX2PIX, "norm": "batch", "style": "maps"}),
    "pix2pix tutorial": ("pix2pix", {**_PIX2PIX, "norm": "batch", "style": "tutorial"}),
    "resnet_translator": ("resnet_translator", {**_RESNET, "norm": "instance", "biased": True}),
    "resnet_translator batch": ("resnet_translator", {**_RESNET, "norm": "batch", "biased": False}),
}


def _shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _sized(case: str) -> dict[str, tuple[int, ...]]:
    family_id, sizes = _SIZES[case]
    family = next(family for family in FAMILIES if family.id == family_id)
    return dict(family.expected_shapes(sizes))


def _edsr_basicsr() -> dict[str, tuple[int, ...]]:
    renamed = {"head.0": "conv_first", "body.2": "conv_after_body", "tail.0.0": "upsample.0", "tail.1": "conv_last"}
    renamed.update({f"body.{n}.body.{2 * k}": f"body.{n}.conv{k + 1}" for n in (0, 1) for k in (0, 1)})
    stems = {name: name.rpartition(".") for name in _sized("edsr")}
    return {f"{renamed[stem]}.{part}": _sized("edsr")[name] for name, (stem, _, part) in stems.items()}


def _rdn_edsr() -> dict[str, tuple[int, ...]]:
    shapes = {}
    for name, shape in _sized("rdn").items():
        for old, new in (("sfe", "SFENet"), ("rdbs.", "RDBs."), (".lff.", ".LFF."), ("gff.", "GFF.")):
            name = name.replace(old, new)
        name = name.replace(".layers.", ".convs.").replace(".conv.", ".conv.0.") if ".layers." in name else name
        shapes[name.replace("upscale.", "UPNet.").replace("output.", "UPNet.2.")] = shape
    return shapes


def _rs_srgan_fusion() -> dict[str, tuple[int, ...]]:
    shapes = {f"generator.{name}": shape for name, shape in _shapes(namings.srresnet_t("net.", blocks=1)).items()}
    for k, last in ((1, ("2.weight", (1,))), (2, None)):
        stem = f"fusion.model.fuse.0.conv_block{k}.conv_block"
        shapes.update({f"{stem}.0.weight": (6, 6, 3, 3), f"{stem}.0.bias": (6,)})
        shapes.update({f"{stem}.1.{part}": (6,) for part in ("weight", "bias", "running_mean", "running_var")})
        shapes.update({f"{stem}.{last[0]}": last[1]} if last else {})
    shapes.update({"fusion.model.fuse.1.weight": (3, 6, 3, 3), "fusion.model.fuse.1.bias": (3,)})
    return {**shapes, "fusion.model.fuse.2.weight": (1,)}


#: Where the names in the files are not those of the torch module.
_NAMED: dict[str, Callable[[], dict[str, tuple[int, ...]]]] = {
    "rrdbnet": lambda: _shapes(namings.rrdb("new", blocks=1)),
    "rrdbnet old": lambda: _shapes(namings.rrdb("old", blocks=1)),
    "rrdbnet folded": lambda: _shapes(namings.rrdb("new", blocks=1, taken=12)),
    "srvgg": lambda: _shapes(namings.srvgg()),
    "srresnet_t": lambda: _shapes(namings.srresnet_t(blocks=1, ups=1)),
    "srresnet_l": lambda: _shapes(namings.srresnet_l(blocks=1)),
    "srresnet_f": lambda: _shapes(namings.srresnet_f(blocks=1)),
    "msrresnet": lambda: _shapes(namings.msrresnet()),
    "edsr_basicsr": _edsr_basicsr,
    "rdn_edsr": _rdn_edsr,
    "rs_srgan_fusion": _rs_srgan_fusion,
}
CASES = (*_SIZES, *_NAMED)


def family_of(case: str) -> str:
    """Identifier of the family that a case belongs to."""
    return _SIZES[case][0] if case in _SIZES else case.partition(" ")[0]


def checkpoint(case: str) -> Arrays:
    """Tensors that keep a signal's size: random, scaled by the number of inputs; float32."""
    random = np.random.default_rng(0)
    arrays = {}
    for name, shape in (_NAMED[case]() if case in _NAMED else _sized(case)).items():
        if name.endswith(("running_var", "weight_g")) or len(shape) < 2 and name.endswith(".weight"):
            values = 0.3 + 0.4 * random.random(shape)
        else:
            fan = int(np.prod(shape[1:])) if len(shape) > 1 else 100
            values = random.standard_normal(shape) / np.sqrt(fan)
        arrays[name] = values.astype(np.float32)
    if "sub_mean.weight" in arrays:
        for layer, sign in (("sub_mean", -1), ("add_mean", 1)):
            arrays[f"{layer}.weight"] = np.eye(3, dtype=np.float32)[..., None, None]
            arrays[f"{layer}.bias"] = sign * 255 * np.array(RGB_MEAN, np.float32)
    if "hard_constraint.weights" in arrays:
        arrays["hard_constraint.weights"] = _low_pass(arrays["hard_constraint.weights"].shape[0])
    return arrays


def _low_pass(side: int) -> np.ndarray:
    y, x = np.indices((side, side)) - side // 2
    return (np.hypot(y, x) < side / 6).astype(np.float32)
