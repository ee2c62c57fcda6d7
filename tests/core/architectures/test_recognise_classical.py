"""The classical families: their namings, published sizes, hints of files, and strict matching."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.hinted import scale_in_name
from sr_plugin.core.architectures.registry import FAMILIES, card_from_checkpoint, recognise
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch, ModelNotRecognised

Arrays = Dict[str, np.ndarray]
MEAN = np.array([0.4488, 0.4371, 0.4040], np.float32)

VDSR: Dict[str, Any] = {"bands": 1, "width": 64, "blocks": 18, "bias": False, "scale": 2}
CARN: Dict[str, Any] = {
    **{"bands": 3, "width": 64, "mobile": False, "groups": 1, "up_groups": 1, "heads": [2, 3, 4], "single": []},
    **{"means": True, "value_range": "unit", "scale": 4},
}
CARN_M: Dict[str, Any] = {**CARN, "mobile": True, "groups": 4, "up_groups": 4}
CARN_X3: Dict[str, Any] = {**CARN, "heads": [], "single": [3], "means": False, "scale": 3}
EDSR: Dict[str, Any] = {
    **{"in_bands": 3, "out_bands": 3, "width": 64, "blocks": 16, "factors": [2], "residual_scale": 1.0},
    **{"means": "layers", "value_range": "byte"},
}
LARGE: Dict[str, Any] = {**EDSR, "width": 256, "blocks": 32, "residual_scale": 0.1}
PLAIN: Dict[str, Any] = {**EDSR, "means": "none", "value_range": "unit"}
RCAN: Dict[str, Any] = {
    **{"in_bands": 3, "out_bands": 3, "width": 64, "squeezed": 4, "groups": 10, "blocks": 20, "factors": [2, 2]},
    **{"means": True, "value_range": "byte"},
}
RDN: Dict[str, Any] = {
    **{"in_bands": 3, "out_bands": 3, "width": 64, "growth": 64, "blocks": 16, "convs": 8, "value_range": "unit"},
    **{"tail": "torch", "up_width": 64, "factors": [2]},
}
IDEALO: Dict[str, Any] = {**RDN, "tail": "nearest", "up_width": [64, 32]}
RRDN: Dict[str, Any] = {
    **{"in_bands": 3, "out_bands": 3, "width": 32, "growth": 32, "groups": 10, "blocks": 3, "convs": 4},
    **{"residual_scale": 0.2, "scale": 4},
}
TRANSLATOR: Dict[str, Any] = {
    **{"in_bands": 3, "out_bands": 3, "width": 64, "blocks": 9, "norm": "instance", "biased": True},
    **{"stored_statistics": False, "batch_statistics": False},
}
#: Trained to look plausible.
GENERATIVE = ("rrdn", "srresnet_keras", "srresnet_tensorlayer", "resnet_translator")
#: Family, hyperparameters, parameters of the published network (None where the notes give none), reach.
SIZES: Dict[str, Tuple[str, Dict[str, Any], Any, Any]] = {
    "VDSR": ("vdsr", VDSR, 664_704, 12),
    "CARN": ("carn", CARN, None, 21),
    "CARN-M": ("carn", CARN_M, None, 21),
    "CARN x3 alone": ("carn", CARN_X3, None, 21),
    "EDSR x2": ("edsr", EDSR, 1_369_883, 36),
    "EDSR x3": ("edsr", {**EDSR, "factors": [3]}, 1_554_523, 36),
    "EDSR x4": ("edsr", {**EDSR, "factors": [2, 2]}, 1_517_595, 36),
    "EDSR large x2": ("edsr", LARGE, 40_729_627, 68),
    "EDSR large x4": ("edsr", {**LARGE, "factors": [2, 2]}, 43_089_947, 68),
    "EDSR 6 bands": ("edsr", {**PLAIN, "in_bands": 6, "out_bands": 6, "blocks": 2}, None, 8),
    "RCAN x4": ("rcan", RCAN, None, None),
    "RFDN": (
        "rfdn",
        {"bands": 3, "width": 50, "distilled": 25, "attention": 12, "blocks": 4, "scale": 4},
        433_448,
        None,
    ),
    "RDN yjn x2": ("rdn", RDN, 22_123_395, 133),
    "RDN yjn x3": ("rdn", {**RDN, "factors": [3]}, 22_308_035, 133),
    "RDN yjn x4": ("rdn", {**RDN, "factors": [2, 2]}, 22_271_107, 133),
    "RDN idealo large": ("rdn", {**IDEALO, "blocks": 20, "convs": 6}, 16_347_635, 128),
    "RDN idealo small": ("rdn", {**IDEALO, "blocks": 10, "convs": 3}, 2_619_635, 38),
    "RDN idealo shuffle": (
        "rdn",
        {**IDEALO, "tail": "keras-shuffle", "blocks": 2, "convs": 2, "factors": [3]},
        None,
        12,
    ),
    "RRDN": ("rrdn", RRDN, 4_176_100, 154),
    "FSRCNN": ("fsrcnn", {"bands": 1, "width": 56, "narrow": 12, "mappings": 4, "scale": 2}, 12_809, 8),
    "ESPCN": ("espcn", {"bands": 1, "layers": [[64, 5], [32, 3], [9, 3]], "scale": 3}, None, 4),
    "SRGAN krasserm": (
        "srresnet_keras",
        {"in_bands": 3, "out_bands": 3, "width": 64, "up_width": 64, "blocks": 16, "upsamplings": 2, "outer_kernel": 9},
        None,
        40,
    ),
    "SRGAN TensorLayer": (
        "srresnet_tensorlayer",
        {
            **{"in_bands": 3, "out_bands": 3, "width": 64, "blocks": 16, "upsamplings": 2, "kernels": [3, 1]},
            **{"body_bias": False},
        },
        None,
        36,
    ),
    "VDSR EDSR-PyTorch": ("vdsr_edsr", {**VDSR, "bands": 3, "bias": True, "value_range": "byte"}, None, 12),
    "CycleGAN, nine blocks": ("resnet_translator", TRANSLATOR, 11_378_179, None),
    "pix2pix, six blocks": (
        "resnet_translator",
        {**TRANSLATOR, "blocks": 6, "norm": "batch", "biased": False},
        None,
        60,
    ),
    "WDSR-A": (
        "wdsr",
        {
            "bands": 3,
            "width": 32,
            "wide": 128,
            "linear": 0,
            "kind": "a",
            "blocks": 8,
            "residual_scale": 1.0,
            "scale": 4,
        },
        None,
        18,
    ),
    "WDSR-B": (
        "wdsr",
        {
            "bands": 3,
            "width": 32,
            "wide": 192,
            "linear": 25,
            "kind": "b",
            "blocks": 8,
            "residual_scale": 1.0,
            "scale": 3,
        },
        None,
        10,
    ),
    "EDSR krasserm": (
        "edsr_keras",
        {k: v for k, v in EDSR.items() if k not in ("means", "value_range")},
        1_369_859,
        36,
    ),
}
#: Small enough that every tensor can be taken away in turn.
SMALL = {"width": 8, "growth": 4, "blocks": 1, "convs": 2, "groups": 1, "squeezed": 2, "narrow": 4, "mappings": 2}


def family_of(name: str) -> Any:
    return next(family for family in FAMILIES if family.id == name)


def arrays(name: str, hyperparameters: Dict[str, Any]) -> Arrays:
    shapes = family_of(name).expected_shapes(hyperparameters)
    made = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    if "sub_mean.bias" in made:
        made["sub_mean.bias"] = MEAN * (-255 if hyperparameters["value_range"] == "byte" else -1)
    return made


@pytest.mark.parametrize("case", SIZES)
def test_published_sizes_are_recognised(case: str) -> None:
    name, hyperparameters, parameters, reach = SIZES[case]
    tensors = arrays(name, hyperparameters)
    if parameters:
        assert sum(array.size for array in tensors.values()) == parameters
    known = recognise(tensors)
    assert (known.family, known.hyperparameters, known.reach) == (name, hyperparameters, reach)
    assert known.generative == (name in GENERATIVE)


@pytest.mark.parametrize("case", SIZES)
def test_only_the_exact_set_of_tensors_passes(case: str) -> None:
    name, hyperparameters, _, _ = SIZES[case]
    small = {k: SMALL.get(k, v) for k, v in hyperparameters.items()}
    if name == "carn":
        small.update(groups=hyperparameters["groups"], up_groups=hyperparameters["up_groups"])
    tensors = arrays(name, small)
    for key in tensors:
        taken = {k: v for k, v in tensors.items() if k != key}
        reshaped = {**tensors, key: np.zeros((*tensors[key].shape, 2), np.float32)}
        extra = {**tensors, key.rpartition(".")[0] + ".extra": np.zeros(3, np.float32)}
        for wrong in (taken, reshaped, extra):
            with pytest.raises((ModelMismatch, ModelNotRecognised)):
                recognise(wrong)


def test_one_file_for_several_scales() -> None:
    tensors = arrays("vdsr", VDSR)
    assert [recognise(tensors, file_name=n).scale for n in ("vdsr.pth", "vdsr_x3.pth", "VDSR-4x.pth")] == [2, 3, 4]
    assert recognise(tensors, {"scale": 8}, "vdsr_x3.pth").scale == 8
    carn = arrays("carn", CARN_M)
    assert [recognise(carn, file_name=n).scale for n in ("", "carn_m_x2.pth", "carn_x8.pth")] == [4, 2, 4]
    assert recognise(carn, {"scale": 3}).scale == 3
    for wrong in ({"scale": 5}, {"scale": "two"}, {"scale": None}, {"heads": [2, 7]}, {"value_range": "volts"}):
        with pytest.raises(ModelMismatch):
            recognise(carn, wrong)
    with pytest.raises(ModelMismatch):
        recognise(tensors, {"scale": 0})


def test_scale_in_name() -> None:
    names = {"a_x3.pth": 3, "x2_then_x4.pth": 4, "model_4x.pt": 4, "max3.pth": 2, "x9.pth": 2, "0x4a.pth": 2, "": 2}
    assert {name: scale_in_name(name, (2, 3, 4), 2) for name in names} == names


def test_the_mean_tells_the_range() -> None:
    for value_range in ("byte", "unit"):
        tensors = arrays("edsr", {**EDSR, "blocks": 1, "value_range": value_range})
        assert recognise(tensors).value_range.name == value_range
        super_image = recognise(tensors, file_name="pytorch_model_2x.pt")
        assert (super_image.value_range.name, super_image.hyperparameters["means"]) == ("unit", "unused")
    tensors["sub_mean.bias"][0] = np.nan
    with pytest.raises(ModelMismatch, match="finite"):
        recognise(tensors)


def test_mean_layers_are_for_three_bands() -> None:
    tensors = arrays("edsr", {**PLAIN, "in_bands": 4, "out_bands": 4, "blocks": 1})
    assert recognise(tensors).value_range.name == "unit"
    with_means = {**tensors, **arrays("edsr", {**EDSR, "blocks": 1})}
    with_means["head.0.weight"], with_means["tail.1.weight"] = tensors["head.0.weight"], tensors["tail.1.weight"]
    with_means["tail.1.bias"] = tensors["tail.1.bias"]
    with pytest.raises(ModelMismatch):
        recognise(with_means)


def test_the_file_name_reaches_the_card(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "vdsr_x3.safetensors"
    write_safetensors(str(path), arrays("vdsr", {**VDSR, "width": 4, "blocks": 1}))
    card = card_from_checkpoint(str(path))
    assert (card.scale, card.hyperparameters["scale"], card.per_band) == (3, 3, True)
    assert "x3" in card.notes
