"""The remote-sensing families by their names and shapes, and what lies beside their files; numpy only."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.fusion import MOST_VIEWS, fusion_rounds
from sr_plugin.core.architectures.opensr_settings import NORMALISATIONS, read_settings, yaml_sections
from sr_plugin.core.architectures.registry import FAMILIES, find_family, recognise
from sr_plugin.core.architectures.sidecar import with_companions
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch, ModelUnreadable

Arrays = Dict[str, np.ndarray]


def family(name: str) -> Any:
    return next(family for family in FAMILIES if family.id == name)


def conv(name: str, taken: int, given: int, kernel: int = 3) -> Arrays:
    return {f"{name}.weight": np.ones((given, taken, kernel, kernel)), f"{name}.bias": np.ones(given)}


def opensr(block: str, width: int = 32, bands: int = 4) -> Arrays:
    """The smallest network of each block type, as the notes list its names."""
    slope = np.ones(1)
    arrays = {**conv("head.0", bands, width, 9), "head.1.weight": slope, **conv("body_tail", width, width)}
    arrays.update({**conv("upsampler.0", width, 4 * width), "upsampler.2.weight": slope})
    arrays.update(conv("tail", width, bands, 9))
    pair = {**conv("body.0.conv1", width, width), **conv("body.0.conv2", width, width), "body.0.act.weight": slope}
    if block == "res":
        arrays.update({**conv("body.0.body.0", width, width), **conv("body.0.body.2", width, width)})
        arrays["body.0.body.1.weight"] = slope
    elif block == "rcab":
        arrays.update({**pair, **conv("body.0.se.1", width, 2, 1), **conv("body.0.se.3", 2, width, 1)})
    elif block == "rrdb":
        for dense in (1, 2, 3):
            for k in range(1, 6):
                arrays.update(conv(f"body.0.db{dense}.c{k}", width + 16 * (k - 1), width if k == 5 else 16))
    elif block == "lka":
        kernels = {**conv("body.0.lka.dw5", 1, width, 5), **conv("body.0.lka.dw7d", 1, width, 7)}
        arrays.update({**pair, **kernels, **conv("body.0.lka.pw", width, width, 1)})
    else:
        layers: List[Tuple[str, int, int]] = [("0", 7, width), ("2", width, 2 * width)]
        for n, taken, given in layers:
            arrays[f"body.0.noise_mlp.{n}.weight"] = np.ones((given, taken))
            arrays[f"body.0.noise_mlp.{n}.bias"] = np.ones(given)
        arrays.update(pair)
    return arrays


@pytest.mark.parametrize(
    ("block", "inner", "reach"), [("res", 0, 10), ("rcab", 2, None), ("rrdb", 16, 23), ("lka", 0, 21), ("cgan", 7, 10)]
)
def test_opensr_blocks(block: str, inner: int, reach: int) -> None:
    known = recognise(opensr(block))
    assert (known.family, known.scale, known.reach, known.verified) == ("opensr", 2, reach, False)
    assert (known.hyperparameters["block"], known.hyperparameters["inner_width"]) == (block, inner)
    assert known.value_range.name == "s2-10k-clamped"
    assert [band.name for band in known.input_bands] == ["B04", "B03", "B02", "B08"]
    arrays = opensr(block)
    arrays["body.0.extra.weight"] = np.ones(1)
    with pytest.raises(ModelMismatch, match="extra"):
        recognise(arrays)


def test_bands_without_a_preset_are_numbered() -> None:
    assert [band.name for band in recognise(opensr("res", bands=5)).input_bands][:2] == ["band 1", "band 2"]


YAML = """
# settings
Data:
    normalization:
        name: "normalize_s2"   # comment
    list: [1, 2]
Model:
    in_bands: 6
    continue_training: False
Generator:
    n_blocks: 16
    res_scale: 0.15
Schedulers: {a: 1}
"""


def test_settings(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    settings = read_settings(str(path))
    assert settings is not None
    assert (settings.normalisation, settings.bands, settings.blocks) == ("normalise_s2", 6, 16)
    assert (settings.residual_scale, settings.scale) == (0.15, None)
    assert settings.value_range == NORMALISATIONS["normalise_s2"]
    path.write_text("Data:\n  x: 1\n")
    assert read_settings(str(path)) is None
    assert read_settings(str(tmp_path / "absent.yaml")) is None
    path.write_bytes(b"\xff\xfe\x00Generator:\nModel:\n \t: : [")
    read_settings(str(path))


@pytest.mark.parametrize(
    ("text", "name", "known"),
    [
        ("normalization: normalise_10k", "normalise_10k", True),
        ("normalization: 'sentinel2_signed'", "normalise_10k_signed", True),
        ("normalization: {name: zero_one}", "zero_one", True),
        ("normalization: none", "identity", True),
        ("other: 1", "sen2_stretch", True),
        ("normalization:\n    normalize: 'os:system'", "custom", False),
        ("normalization: mine", "mine", False),
    ],
)
def test_names_of_normalisations(text: str, name: str, known: bool, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"Data:\n  {text}\nModel:\n  in_bands: 4\nGenerator:\n  n_blocks: 2\n")
    settings = read_settings(str(path))
    assert settings is not None and settings.normalisation == name
    assert (settings.value_range is not None) == known


def test_yaml_sections() -> None:
    assert yaml_sections("a:\n  b: 'x # y' # z\n  c:\n    d: 1\n  e: 2\nf:\n")["a"] == {
        "b": "x # y",
        "c.d": "1",
        "e": "2",
    }


def dsen2(taken: int, given: int, width: int = 8, blocks: int = 1) -> Arrays:
    sizes = [(taken, width), *[(width, width)] * (2 * blocks), (width, given)]
    arrays: Arrays = {}
    for n, size in enumerate(sizes):
        arrays.update(conv(f"layer_{9 - n}", *size))
    return arrays


def test_dsen2_by_its_convolutions_alone() -> None:
    known = recognise(dsen2(10, 6))
    assert (known.family, known.kind, known.hyperparameters["blocks"]) == ("dsen2", BAND_FUSION, 1)
    assert list(known.tensors) == [f"convs.{n}.{part}" for n in range(4) for part in ("weight", "bias")]
    assert recognise(dsen2(12, 2)).hyperparameters["groups"] == [[4, 1], [6, 2], [2, 6]]
    for other in (dsen2(10, 2), dsen2(9, 6), dsen2(10, 6, 8, 0)):
        found = find_family({name: array.shape for name, array in other.items()})
        assert found is None or found.id != "dsen2"


@pytest.mark.parametrize("groups", [[], [[10, 1]], [[4, 2], [6, 1]], [[4, 1], [6, 0]], "ab", [[4, 1, 1], [6, 2]]])
def test_impossible_groups_are_refused(groups: Any) -> None:
    with pytest.raises(ModelMismatch):
        recognise(dsen2(10, 6), {"groups": groups})


def sizes(shapes: Dict[str, Tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes.values())


def test_published_sizes() -> None:
    net = {"bands": 1, "width": 64, "blocks": 2, "scale": 3}
    assert sizes(family("highresnet").expected_shapes(net)) == 591818
    groups = [[4, 1], [6, 2], [2, 6]]
    for count, width, blocks, wanted in (
        (2, 128, 6, 1789574),
        (3, 128, 6, 1787266),
        (2, 256, 32, 37802246),
        (3, 256, 32, 37797634),
    ):
        network = {"groups": groups[:count], "width": width, "blocks": blocks}
        assert sizes(family("dsen2").expected_shapes(network)) == wanted
    lite = {"in_bands": 4, "out_bands": 4, "width": 24, "blocks": 6, "scale": 4, "constraint": 0}
    shapes = family("sen2sr").expected_shapes({**lite, "parts": ["sk", "conv", "eval_conv"]})
    assert (len(shapes), sizes(shapes)) == (204, 572336)


def test_reach_of_published_sizes() -> None:
    net = {"bands": 1, "width": 64, "blocks": 2, "scale": 3}
    for views, reach in ((32, 21), (8, 15)):
        traits = family("highresnet").traits({**net, "views": views})
        assert (traits.reach, traits.kind) == (reach, MULTI_IMAGE)
    with pytest.raises(ModelMismatch, match="views"):
        family("highresnet").traits({**net, "views": 0})


def test_rounds_of_fusion() -> None:
    assert [fusion_rounds(n, True) for n in (1, 2, 3, 4, 5, 32)] == [0, 1, 2, 2, 3, 5]
    assert [fusion_rounds(n, False) for n in (1, 2, 3, 4, 5, 32)] == [0, 1, 1, 2, 2, 5]
    for views in (0, MOST_VIEWS + 1, 2.5, "4"):
        with pytest.raises(ModelMismatch):
            fusion_rounds(views, True)


def test_the_mask_beside_sen2sr_joins_its_tensors(tmp_path: pathlib.Path) -> None:
    tensors = {"conv_1.sk.weight": np.ones((2, 4, 1, 1), np.float32)}
    mask = np.ones((8, 8), np.float32)
    write_safetensors(str(tmp_path / "f2_hard_constraint.safetensor"), {"weights": mask})
    path = str(tmp_path / "f2_model.safetensor")
    assert set(with_companions(tensors, path)) == {"conv_1.sk.weight", "hard_constraint.weights"}
    assert set(with_companions(tensors, str(tmp_path / "model.safetensor"))) == set(tensors)
    assert set(with_companions({"x": mask}, path)) == {"x"}
    (tmp_path / "f2_hard_constraint.safetensor").write_bytes(b"nonsense")
    with pytest.raises(ModelUnreadable):
        with_companions(tensors, path)
