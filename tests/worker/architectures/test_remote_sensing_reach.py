"""The reach of the remote-sensing networks, measured with one NaN in one of their inputs."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest

from sr_plugin.core.architectures.registry import FAMILIES

torch = pytest.importorskip("torch")

OPENSR: Dict[str, Any] = {"in_bands": 1, "out_bands": 1, "width": 2, "outer_kernel": 9, "inner_kernel": 3}
SINGLE: Dict[str, Tuple[str, Dict[str, Any]]] = {
    "opensr res 1 x4": ("opensr", {**OPENSR, "blocks": 1, "block": "res", "upsamplings": 2}),
    "opensr res 2 x8": ("opensr", {**OPENSR, "blocks": 2, "block": "res", "upsamplings": 3}),
    "opensr rrdb 1 x2": ("opensr", {**OPENSR, "blocks": 1, "block": "rrdb", "inner_width": 2, "upsamplings": 1}),
    "opensr lka 1 x4": ("opensr", {**OPENSR, "blocks": 1, "block": "lka", "upsamplings": 2}),
    "opensr lka 2 x2": ("opensr", {**OPENSR, "blocks": 2, "block": "lka", "upsamplings": 1}),
    "opensr cgan 2 x4": ("opensr", {**OPENSR, "blocks": 2, "block": "cgan", "inner_width": 3, "upsamplings": 2}),
    "esrgan 1 x4": (
        "opensr_esrgan",
        {"in_bands": 1, "out_bands": 1, "width": 2, "growth": 2, "blocks": 1, "upsamplings": 2},
    ),
    "sen2sr": (
        "sen2sr",
        {"in_bands": 1, "out_bands": 1, "width": 2, "blocks": 3, "scale": 4, "parts": ["eval_conv"], "constraint": 0},
    ),
}
FORMULAS = {
    "opensr res 1 x4": 2 * 1 + 8,
    "opensr res 2 x8": 2 * 2 + 8,
    "opensr rrdb 1 x2": 15 + 8,
    "opensr lka 1 x4": 13 + 8,
    "opensr lka 2 x2": 2 * 13 + 8,
    "opensr cgan 2 x4": 2 * 2 + 8,
    "esrgan 1 x4": 15 + 4,
    "sen2sr": 6,
}


def traits_of(family_id: str, sizes: Dict[str, Any]) -> Any:
    return next(family for family in FAMILIES if family.id == family_id).traits(sizes)


def build(family_id: str, sizes: Dict[str, Any]) -> Any:
    from sr_plugin.worker.architectures.build import build_network

    return build_network(family_id, sizes).double().eval()


def spoilt_radius(output: Any, spoilt: Tuple[int, int], scale: int) -> int:
    """Largest distance from the spoilt rows (from, to) of the input to a spoilt row or column of the output."""
    rows = output.isnan()[0, 0].nonzero() // scale
    return int(max((spoilt[0] - rows).max(), (rows - spoilt[1]).max()))


@pytest.mark.parametrize("name", SINGLE)
def test_one_nan_spoils_just_the_reach(name: str) -> None:
    family_id, sizes = SINGLE[name]
    traits = traits_of(family_id, sizes)
    assert traits.reach == FORMULAS[name]
    centre = traits.reach + 2
    image = torch.rand(1, 1, 2 * centre + 1, 2 * centre + 1, dtype=torch.float64)
    image[:, :, centre, centre] = torch.nan
    with torch.inference_mode():
        output = build(family_id, sizes)(image)
    if family_id == "sen2sr":
        # The clamp of NaN stays NaN, so nothing hides.
        assert output.isnan().any()
    assert spoilt_radius(output, (centre, centre), traits.scale) == traits.reach


FUSION = {"in_bands": 1, "out_bands": 1, "width": 2, "blocks": 1, "upsamplings": 1, "outer_kernel": 9}
FUSION.update({"inner_kernel": 3, "body_bias": True, "final": "tanh", "fusion_kernel": 3})
HIGHRES = {"bands": 1, "width": 2, "blocks": 2, "scale": 3}


@pytest.mark.parametrize("views", [1, 2, 4, 5, 8])
def test_views(views: int) -> None:
    # Of five views, RS-SRGAN's middle one waits, while empty ones fill up the pairs of HighRes-net.
    up, down = {1: (0, 0), 2: (1, 1), 4: (2, 2), 5: (3, 2), 8: (3, 3)}[views]
    for family_id, sizes, formula, rounds in (("highresnet", HIGHRES, 6, up), ("rs_srgan_fusion", FUSION, 10, down)):
        traits = traits_of(family_id, {**sizes, "views": views})
        assert traits.reach == formula + 3 * rounds
        centre = traits.reach + 2
        images = torch.rand(1, views, 1, 2 * centre + 1, 2 * centre + 1, dtype=torch.float64)
        images[..., centre, centre] = torch.nan
        with torch.inference_mode():
            output = build(family_id, {**sizes, "views": views})(images)
        assert spoilt_radius(output, (centre, centre), traits.scale) == traits.reach


def inputs_of(groups: List[List[int]], side: int) -> List[Any]:
    return [torch.rand(1, bands, side // ratio, side // ratio, dtype=torch.float64) for bands, ratio in groups]


@pytest.mark.parametrize("groups", [[[4, 1], [6, 2]], [[4, 1], [6, 2], [2, 6]]], ids=["20 m", "60 m"])
def test_a_tile_of_groups_with_this_margin_equals_the_whole(groups: List[List[int]]) -> None:
    sizes = {"groups": groups, "width": 3, "blocks": 1, "residual_scale": 0.1}
    traits, network = traits_of("dsen2", sizes), build("dsen2", sizes)
    step = groups[-1][1]
    assert (traits.reach, traits.tiles.multiple_of) == (2 * 1 + 2 + step // 2, step)
    margin = -(-traits.reach // step) * step
    core, side = 2 * step, 6 * margin
    inputs = inputs_of(groups, side)
    start = 2 * margin

    def error(wide: int) -> float:
        pieces = []
        for x, (_, ratio) in zip(inputs, groups, strict=False):
            window = slice((start - wide) // ratio, (start + core + wide) // ratio)
            pieces.append(x[..., window, window])
        inner, outer = slice(wide, wide + core), slice(start, start + core)
        with torch.inference_mode():
            return float((network(*pieces)[..., inner, inner] - network(*inputs)[..., outer, outer]).abs().max())

    assert error(margin) < 1e-13
    assert error(margin - step) > 1e-9


@pytest.mark.parametrize("groups", [[[4, 1], [6, 2]], [[4, 1], [6, 2], [2, 6]]], ids=["20 m", "60 m"])
def test_a_nan_in_a_fine_band_spoils_what_the_convolutions_see(groups: List[List[int]]) -> None:
    sizes = {"groups": groups, "width": 3, "blocks": 2, "residual_scale": 0.1}
    inputs = inputs_of(groups, 36)
    inputs[0][0, 0, 18, 18] = torch.nan
    with torch.inference_mode():
        output = build("dsen2", sizes)(*inputs)
    assert spoilt_radius(output, (18, 18), 1) == 2 * 2 + 2 <= traits_of("dsen2", sizes).reach
