"""The reach on the card is the true one: measured with one NaN, and by running a tile against the whole image."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import pytest

from sr_plugin.core.architectures.registry import FAMILIES

torch = pytest.importorskip("torch")

SRRESNET: Dict[str, Any] = {"in_bands": 2, "out_bands": 2, "width": 4, "outer_kernel": 9, "inner_kernel": 3}
RRDB: Dict[str, Any] = {"in_bands": 1, "out_bands": 1, "width": 4, "growth": 2, "unshuffle": 1}
SRVGG: Dict[str, Any] = {"bands": 2, "width": 4, "activation": "prelu"}
EDSR: Dict[str, Any] = {"in_bands": 2, "out_bands": 2, "width": 4, "residual_scale": 1.0}
EDSR_RGB: Dict[str, Any] = {**EDSR, "in_bands": 3, "out_bands": 3}
CARN: Dict[str, Any] = {"bands": 2, "width": 4, "heads": [2, 3, 4], "single": [], "means": False, "value_range": "unit"}
RDN: Dict[str, Any] = {"in_bands": 2, "out_bands": 2, "width": 4, "growth": 2, "value_range": "unit"}
RRDN: Dict[str, Any] = {"in_bands": 2, "out_bands": 2, "width": 4, "growth": 2, "residual_scale": 0.2}
WDSR: Dict[str, Any] = {"bands": 3, "width": 4, "wide": 6, "residual_scale": 1.0}
FSRCNN: Dict[str, Any] = {"bands": 1, "width": 4, "narrow": 3}
NETWORKS = {
    "rrdbnet 1 x4": ("rrdbnet", {**RRDB, "blocks": 1, "upsamplings": 2}),
    "rrdbnet 2 x4": ("rrdbnet", {**RRDB, "blocks": 2, "upsamplings": 2}),
    "rrdbnet 1 x1": ("rrdbnet", {**RRDB, "blocks": 1, "upsamplings": 0}),
    "rrdbnet 1 x8": ("rrdbnet", {**RRDB, "blocks": 1, "upsamplings": 3}),
    "rrdbnet 1 x2 folded": ("rrdbnet", {**RRDB, "blocks": 1, "upsamplings": 2, "unshuffle": 2}),
    "rrdbnet 1 x1 folded": ("rrdbnet", {**RRDB, "blocks": 1, "upsamplings": 2, "unshuffle": 4}),
    "srvgg 1": ("srvgg", {**SRVGG, "convs": 1, "scale": 4}),
    "srvgg 3": ("srvgg", {**SRVGG, "convs": 3, "scale": 2}),
    "srresnet 1 x2": ("srresnet_f", {**SRRESNET, "blocks": 1, "upsamplings": 1}),
    "srresnet 2 x4": ("srresnet_t", {**SRRESNET, "blocks": 2, "upsamplings": 2}),
    "srresnet 1 x8": ("srresnet_l", {**SRRESNET, "blocks": 1, "upsamplings": 3, "body_bias": False, "final": "tanh"}),
    "msrresnet 1 x2": ("msrresnet", {"bands": 2, "width": 4, "blocks": 1, "factors": [2]}),
    "msrresnet 2 x3": ("msrresnet", {"bands": 2, "width": 4, "blocks": 2, "factors": [3]}),
    "msrresnet 1 x4": ("msrresnet", {"bands": 2, "width": 4, "blocks": 1, "factors": [2, 2]}),
    "edsr_bicubic 1": ("edsr_bicubic", {"in_bands": 2, "out_bands": 2, "width": 4, "blocks": 1, "scale": 2}),
    "edsr_bicubic 3": ("edsr_bicubic", {"in_bands": 2, "out_bands": 2, "width": 4, "blocks": 3, "scale": 3}),
    "vdsr 4 x2": ("vdsr", {"bands": 1, "width": 4, "blocks": 2, "bias": False, "scale": 2}),
    "vdsr 6 x3": ("vdsr", {"bands": 1, "width": 4, "blocks": 4, "bias": False, "scale": 3}),
    "vdsr 8 x4": ("vdsr", {"bands": 1, "width": 4, "blocks": 6, "bias": False, "scale": 4}),
    "carn x2": ("carn", {**CARN, "mobile": False, "groups": 1, "up_groups": 1, "scale": 2}),
    "carn-m x4": ("carn", {**CARN, "mobile": True, "groups": 2, "up_groups": 2, "scale": 4}),
    "edsr 1 x3": ("edsr", {**EDSR, "blocks": 1, "factors": [3], "means": "none", "value_range": "unit"}),
    "edsr 2 x4": ("edsr", {**EDSR_RGB, "blocks": 2, "factors": [2, 2], "means": "layers", "value_range": "byte"}),
    "edsr_basicsr 1 x2": (
        "edsr_basicsr",
        {**EDSR_RGB, "blocks": 1, "factors": [2], "means": "constant", "value_range": "unit"},
    ),
    "edsr_keras 2 x3": ("edsr_keras", {**EDSR_RGB, "blocks": 2, "factors": [3]}),
    "srresnet_keras 1 x2": (
        "srresnet_keras",
        {"in_bands": 2, "out_bands": 2, "width": 4, "up_width": 4, "blocks": 1, "upsamplings": 1, "outer_kernel": 9},
    ),
    "wdsr a x2": ("wdsr", {**WDSR, "kind": "a", "linear": 0, "blocks": 1, "scale": 2}),
    "wdsr b x3": ("wdsr", {**WDSR, "kind": "b", "linear": 3, "blocks": 2, "scale": 3}),
    "rdn 2 x 2 x4": ("rdn", {**RDN, "blocks": 2, "convs": 2, "tail": "torch", "up_width": 4, "factors": [2, 2]}),
    "rdn 1 x 3 x2": ("rdn_edsr", {**RDN, "blocks": 1, "convs": 3, "tail": "torch", "up_width": 3, "factors": [2]}),
    "rdn near x3": ("rdn", {**RDN, "blocks": 2, "convs": 1, "tail": "nearest", "up_width": [4, 3], "factors": [3]}),
    "rdn shuffle x2": (
        "rdn",
        {**RDN, "blocks": 1, "convs": 2, "tail": "keras-shuffle", "up_width": [4, 3], "factors": [2]},
    ),
    "rrdn 1 x 1 x 1": ("rrdn", {**RRDN, "groups": 1, "blocks": 1, "convs": 1, "scale": 2}),
    "rrdn 2 x 1 x 2": ("rrdn", {**RRDN, "groups": 2, "blocks": 1, "convs": 2, "scale": 3}),
    "fsrcnn 1 x2": ("fsrcnn", {**FSRCNN, "mappings": 1, "scale": 2}),
    "fsrcnn 4 x3": ("fsrcnn", {**FSRCNN, "mappings": 4, "scale": 3}),
    "fsrcnn 2 x4": ("fsrcnn", {**FSRCNN, "mappings": 2, "scale": 4}),
    "espcn x2": ("espcn", {"bands": 1, "layers": [[4, 5], [3, 3], [4, 3]], "scale": 2}),
    "espcn x3": ("espcn", {"bands": 2, "layers": [[4, 5], [18, 3]], "scale": 3}),
}
#: So deep that the farthest pixel's part drowns in rounding, or fed so far below its range of 0 to 255 that its ReLUs
#: are shut; the NaN still shows the reach.
FADING = {"rrdbnet 2 x4", "edsr_keras 2 x3", "wdsr a x2", "wdsr b x3"}


def build(name: str) -> Tuple[Any, Any, int]:
    """The network in double precision with positive weights that keep the signal's size, its traits and its bands."""
    from sr_plugin.worker.architectures.build import build_network

    torch.manual_seed(2)
    family_id, sizes = NETWORKS[name]
    family = next(family for family in FAMILIES if family.id == family_id)
    network = build_network(family_id, sizes).double().eval()
    for key, value in network.state_dict().items():
        if value.ndim == 4:
            value.copy_(torch.rand_like(value) + 0.2)
            # A path along which the signal hardly fades: to the left, through the newest channel of dense blocks.
            value[:, -1, value.shape[2] // 2, 0] += value[0].sum()
            value.div_(value[0].sum())
        elif key.endswith("bias"):
            value.zero_()
    traits = family.traits(sizes)
    return network, traits, traits.in_bands


def nan_radius(network: Any, traits: Any, bands: int) -> int:
    """Largest distance, in input pixels, from a NaN to an output pixel that it spoils; over all alignments."""
    side = traits.tiles.multiple_of
    centre = (traits.reach // side + 2) * side
    radius = 0
    for phase in range(side):
        image = torch.rand(1, bands, 2 * centre + side, 2 * centre + side, dtype=torch.float64)
        image[:, :, centre + phase, centre + phase] = torch.nan
        with torch.inference_mode():
            spoilt = network(image).isnan()[0, 0].nonzero() // traits.scale
        radius = max(radius, int((spoilt - centre - phase).abs().max()))
    return radius


@pytest.mark.parametrize("name", NETWORKS)
def test_one_nan_spoils_just_the_reach(name: str) -> None:
    network, traits, bands = build(name)
    assert nan_radius(network, traits, bands) == traits.reach


@pytest.mark.parametrize("name", sorted(NETWORKS.keys() - FADING))
def test_a_tile_with_this_margin_equals_the_whole_image(name: str) -> None:
    network, traits, bands = build(name)
    step, scale = traits.tiles.multiple_of, traits.scale
    core = 4
    before = -(-traits.reach // step) * step
    start = before + step
    image = torch.rand(1, bands, 2 * start + core, 2 * start + core, dtype=torch.float64)

    def error(margin: int) -> float:
        tile = image[..., start - margin : start + core + margin, start - margin : start + core + margin]
        inner = slice(margin * scale, (margin + core) * scale)
        outer = slice(start * scale, (start + core) * scale)
        with torch.inference_mode():
            return float((network(tile)[..., inner, inner] - network(image)[..., outer, outer]).abs().max())

    assert error(before) < 1e-14
    assert error(before - step) > 1e-13
