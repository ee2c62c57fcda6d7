"""Every naming of every family is recognised with its sizes, and only an exact set of tensors passes."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import FAMILIES, card_from_checkpoint, recognise
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.digest import sha256_of
from sr_plugin.core.errors import ModelMismatch, ModelNotRecognised

Arrays = Dict[str, np.ndarray]


def conv(out: int, taken: int, kernel: int = 3, bias: bool = True) -> Dict[str, Tuple[int, ...]]:
    return {"weight": (out, taken, kernel, kernel), **({"bias": (out,)} if bias else {})}


def norm(width: int) -> Dict[str, Tuple[int, ...]]:
    return {part: (width,) for part in ("weight", "bias", "running_mean", "running_var")}


PRELU = {"weight": (1,)}


def arrays(layers: Dict[str, Dict[str, Tuple[int, ...]]]) -> Arrays:
    """Numbered arrays of the layers' shapes, so that a swap of two of them shows."""
    shapes = {f"{layer}.{part}": shape for layer, parts in layers.items() for part, shape in parts.items()}
    return {name: np.full(shape, i, np.float32) for i, (name, shape) in enumerate(shapes.items())}


def rrdb(
    naming: str, blocks: int = 2, ups: int = 2, taken: int = 3, given: int = 3, nf: int = 8, gc: int = 4
) -> Arrays:
    """RRDBNet as each of the three projects names it."""
    outer = {
        "old": ["model.0", f"model.1.sub.{blocks}", *(f"model.{3 * i + 3}" for i in range(ups))]
        + [f"model.{3 * ups + 2}", f"model.{3 * ups + 4}"],
        "middle": ["conv_first", "trunk_conv", *(f"upconv{i + 1}" for i in range(ups)), "HRconv", "conv_last"],
        "new": ["conv_first", "conv_body", *(f"conv_up{i + 1}" for i in range(ups)), "conv_hr", "conv_last"],
    }[naming]
    dense = {
        "old": "model.1.sub.{}.RDB{}.conv{}.0",
        "middle": "RRDB_trunk.{}.RDB{}.conv{}",
        "new": "body.{}.rdb{}.conv{}",
    }[naming]
    layers = {outer[0]: conv(nf, taken)}
    for n in range(blocks):
        for m in (1, 2, 3):
            for k in range(1, 6):
                layers[dense.format(n, m, k)] = conv(nf if k == 5 else gc, nf + (k - 1) * gc)
    layers.update({name: conv(nf, nf) for name in outer[1:-1]})
    layers[outer[-1]] = conv(given, nf)
    return arrays(layers)


def srvgg(prelu: bool = True, bands: int = 3, width: int = 8, convs: int = 3, scale: int = 4) -> Arrays:
    layers = {}
    for i in range(convs + 1):
        layers[f"body.{2 * i}"] = conv(width, width if i else bands)
        if prelu:
            layers[f"body.{2 * i + 1}"] = {"weight": (width,)}
    layers[f"body.{2 * convs + 2}"] = conv(bands * scale * scale, width)
    return arrays(layers)


def srresnet_t(prefix: str = "", bands: int = 3, blocks: int = 2, ups: int = 2, width: int = 8) -> Arrays:
    layers = {"conv_block1.conv_block.0": conv(width, bands, 9), "conv_block1.conv_block.1": PRELU}
    for n in range(blocks):
        stem = f"residual_blocks.{n}.conv_block"
        layers.update({f"{stem}1.conv_block.0": conv(width, width), f"{stem}1.conv_block.1": norm(width)})
        layers.update({f"{stem}1.conv_block.2": PRELU, f"{stem}2.conv_block.0": conv(width, width)})
        layers[f"{stem}2.conv_block.1"] = norm(width)
    layers.update({"conv_block2.conv_block.0": conv(width, width), "conv_block2.conv_block.1": norm(width)})
    for k in range(ups):
        layers[f"subpixel_convolutional_blocks.{k}.conv"] = conv(4 * width, width)
        layers[f"subpixel_convolutional_blocks.{k}.prelu"] = PRELU
    layers["conv_block3.conv_block.0"] = conv(bands, width, 9)
    return arrays({prefix + name: parts for name, parts in layers.items()})


def srresnet_l(blocks: int = 2, ups: int = 2, width: int = 8) -> Arrays:
    layers = {"conv1.0": conv(width, 3, 9), "conv1.1": PRELU}
    for n in range(blocks):
        parts = (conv(width, width, 3, False), norm(width), PRELU, conv(width, width, 3, False), norm(width))
        layers.update({f"trunk.{n}.rcb.{k}": part for k, part in enumerate(parts)})
    layers.update({"conv2.0": conv(width, width, 3, False), "conv2.1": norm(width)})
    for k in range(ups):
        layers[f"upsampling.{k}.upsample_block.0"] = conv(4 * width, width)
        layers[f"upsampling.{k}.upsample_block.2"] = PRELU
    layers["conv3"] = conv(3, width, 9)
    return arrays(layers)


def srresnet_f(blocks: int = 5, ups: int = 2, width: int = 8) -> Arrays:
    layers = {"block1.0": conv(width, 3, 9), "block1.1": PRELU}
    for n in range(2, blocks + 2):
        layers.update({f"block{n}.conv1": conv(width, width), f"block{n}.bn1": norm(width), f"block{n}.prelu": PRELU})
        layers.update({f"block{n}.conv2": conv(width, width), f"block{n}.bn2": norm(width)})
    layers.update({f"block{blocks + 2}.0": conv(width, width), f"block{blocks + 2}.1": norm(width)})
    for k in range(ups):
        layers[f"block{blocks + 3}.{k}.conv"] = conv(4 * width, width)
        layers[f"block{blocks + 3}.{k}.prelu"] = PRELU
    layers[f"block{blocks + 3}.{ups}"] = conv(3, width, 9)
    return arrays(layers)


def msrresnet(old: bool = False, scale: int = 4, blocks: int = 2, width: int = 8) -> Arrays:
    layers = {"conv_first": conv(width, 3)}
    for n in range(blocks):
        layers.update({f"{'recon_trunk' if old else 'body'}.{n}.conv{k}": conv(width, width) for k in (1, 2)})
    layers["upconv1"] = conv(width * (9 if scale == 3 else 4), width)
    if scale == 4:
        layers["upconv2"] = conv(4 * width, width)
    layers["HRconv" if old else "conv_hr"] = conv(width, width)
    layers["conv_last"] = conv(3, width)
    return arrays(layers)


def edsr_bicubic(bands: int = 4, blocks: int = 2, width: int = 8, scale: int = 2) -> Arrays:
    layers = {"shallow": conv(width, bands), "trunk": conv(width, width), "expand": conv(bands * scale**2, width)}
    layers.update({f"blocks.{n}.conv{k}": conv(width, width) for n in range(blocks) for k in (1, 2)})
    return arrays(layers)


#: Tensors, family, scale, bands in and out, reach, value range.
CASES: Dict[str, Tuple[Callable[[], Arrays], str, int, int, int, int, str]] = {
    "rrdb old x4": (lambda: rrdb("old"), "rrdbnet", 4, 3, 3, 34, "unit"),
    "rrdb old x2": (lambda: rrdb("old", ups=1), "rrdbnet", 2, 3, 3, 34, "unit"),
    "rrdb old x1": (lambda: rrdb("old", ups=0), "rrdbnet", 1, 3, 3, 34, "unit"),
    "rrdb old x8": (lambda: rrdb("old", ups=3), "rrdbnet", 8, 3, 3, 34, "unit"),
    "rrdb middle x4": (lambda: rrdb("middle", blocks=1), "rrdbnet", 4, 3, 3, 19, "unit"),
    "rrdb middle x2": (lambda: rrdb("middle", ups=1), "rrdbnet", 2, 3, 3, 34, "unit"),
    "rrdb new x4": (lambda: rrdb("new"), "rrdbnet", 4, 3, 3, 34, "unit"),
    "rrdb new x16": (lambda: rrdb("new", ups=4), "rrdbnet", 16, 3, 3, 34, "unit"),
    "rrdb x2 folded": (lambda: rrdb("new", taken=12), "rrdbnet", 2, 3, 3, 68, "unit"),
    "rrdb x1 folded": (lambda: rrdb("new", taken=48), "rrdbnet", 1, 3, 3, 136, "unit"),
    "rrdb 8 images": (lambda: rrdb("new", taken=24), "rrdbnet", 4, 24, 3, 34, "unit"),
    "rrdb 10 bands": (lambda: rrdb("new", taken=10, given=10), "rrdbnet", 4, 10, 10, 34, "unit"),
    "srvgg": (srvgg, "srvgg", 4, 3, 3, 5, "unit"),
    "srvgg no slopes": (lambda: srvgg(False, bands=6, scale=2), "srvgg", 2, 6, 6, 5, "unit"),
    "srvgg x1": (lambda: srvgg(scale=1, convs=1), "srvgg", 1, 3, 3, 3, "unit"),
    "srresnet_t": (srresnet_t, "srresnet_t", 4, 3, 3, 12, "imagenet-signed"),
    "srresnet_t net.": (lambda: srresnet_t("net.", bands=4, ups=1), "srresnet_t", 2, 4, 4, 12, "s2-3000"),
    "srresnet_l": (lambda: srresnet_l(ups=3), "srresnet_l", 8, 3, 3, 12, "unit"),
    "srresnet_f": (srresnet_f, "srresnet_f", 4, 3, 3, 18, "tanh-unit"),
    "srresnet_f 12 blocks": (lambda: srresnet_f(12, 1), "srresnet_f", 2, 3, 3, 32, "tanh-unit"),
    "msrresnet x4": (msrresnet, "msrresnet", 4, 3, 3, 7, "unit"),
    "msrresnet x3 old": (lambda: msrresnet(True, 3), "msrresnet", 3, 3, 3, 7, "unit"),
    "msrresnet x2": (lambda: msrresnet(scale=2), "msrresnet", 2, 3, 3, 7, "unit"),
    "edsr_bicubic": (edsr_bicubic, "edsr_bicubic", 2, 4, 4, 7, "s2-10k"),
    "edsr_bicubic RGB x3": (lambda: edsr_bicubic(3, scale=3), "edsr_bicubic", 3, 3, 3, 7, "s2-10k"),
}


@pytest.mark.parametrize("case", CASES)
def test_recognised(case: str) -> None:
    make, family, scale, taken, given, reach, value_range = CASES[case]
    tensors = make()
    known = recognise(tensors)
    assert (known.family, known.scale, len(known.input_bands), len(known.output_bands)) == (family, scale, taken, given)
    assert (known.reach, known.value_range.name) == (reach, value_range)
    assert len(known.tensors) == len(tensors)
    known.value_range.for_bands(taken)
    if taken == 3:
        assert [band.common_name for band in known.input_bands] == ["red", "green", "blue"]


@pytest.mark.parametrize("case", CASES)
def test_recognised_inside_a_wrapper(case: str) -> None:
    tensors = CASES[case][0]()
    known = recognise({f"model.{name}": array for name, array in tensors.items()})
    assert known.family == CASES[case][1]
    assert known.tensors.keys() == recognise(tensors).tensors.keys()


@pytest.mark.parametrize("ups", [0, 1, 2, 3])
def test_the_namings_of_rrdbnet_mean_the_same_tensors(ups: int) -> None:
    new = rrdb("new", ups=ups)
    for naming in ("old", "middle"):
        other = recognise(rrdb(naming, ups=ups))
        assert other.tensors.keys() == new.keys()
        assert all(np.array_equal(other.tensors[name], new[name]) for name in new)


def changed(tensors: Arrays, name: str, change: str) -> Arrays:
    """The tensors with one missing, one of another shape, or one too many."""
    tensors = dict(tensors)
    if change == "missing":
        del tensors[name]
    elif change == "shape":
        tensors[name] = np.zeros((*tensors[name].shape[:-1], tensors[name].shape[-1] + 1), np.float32)
    else:
        tensors[name.rpartition(".")[0] + ".extra"] = np.zeros(3, np.float32)
    return tensors


@pytest.mark.parametrize("change", ["missing", "shape", "extra"])
@pytest.mark.parametrize("case", CASES)
def test_only_the_exact_set_of_tensors_passes(case: str, change: str) -> None:
    """Each tensor in turn; a family's telling names may be among those taken away, so it may also be unknown."""
    tensors = CASES[case][0]()
    offenders: List[str] = []
    for name in tensors:
        with pytest.raises((ModelMismatch, ModelNotRecognised)) as caught:
            recognise(changed(tensors, name, change))
        if isinstance(caught.value, ModelMismatch):
            offenders.append(name)
            assert "'" in caught.value.message
    # SRVGG's names are so plain that nothing may lie beside them; the other families name the offender.
    assert offenders or (case.startswith("srvgg") and change == "extra")


def test_the_offender_is_named_as_in_the_file() -> None:
    tensors = changed(rrdb("old"), "model.1.sub.1.RDB2.conv3.0.bias", "shape")
    with pytest.raises(ModelMismatch, match=r"model\.1\.sub\.1\.RDB2\.conv3\.0\.bias.*body\.1\.rdb2\.conv3\.bias"):
        recognise(tensors)
    with pytest.raises(ModelMismatch, match=r"'body\.1\.conv1\.bias' is missing"):
        recognise(changed(msrresnet(), "body.1.conv1.bias", "missing"))
    with pytest.raises(ModelMismatch, match=r"'trunk\.extra' beyond"):
        recognise(changed(edsr_bicubic(), "trunk.bias", "extra"))


def test_a_stack_of_images_can_be_told_apart_from_a_folded_input() -> None:
    tensors = rrdb("new", taken=12)
    known = recognise(tensors, {"unshuffle": 1, "in_bands": 12, "learning_rate": 0.1})
    assert (known.scale, len(known.input_bands), known.tiles.multiple_of) == (4, 12, 1)
    assert "learning_rate" not in known.hyperparameters
    assert "stack of 4 images" in recognise(tensors).notes
    for wrong in ({"unshuffle": "two"}, {"unshuffle": 0}, {"blocks": 3}):
        with pytest.raises(ModelMismatch):
            recognise(tensors, wrong)


FOREIGN = {
    "MM-RealSR": {**rrdb("new"), "am_list.0.weight": np.zeros(1)},
    "ESRGAN+": {**rrdb("middle"), "RRDB_trunk.0.RDB1.conv1x1.weight": np.zeros((1, 1, 1, 1))},
    "numbers": {str(i): np.zeros((2, i + 1)) for i in range(50)},
    "huge number": {"body.0.weight": np.zeros((4, 3, 3, 3)), "x": np.zeros(1)},
}


def test_a_fusion_without_its_tensors_is_a_mismatch() -> None:
    cut = {**srresnet_t("net."), "fusion.model.fuse.0.conv_block1.conv_block.0.weight": np.zeros(1)}
    with pytest.raises(ModelMismatch, match="fusion"):
        recognise(cut)


@pytest.mark.parametrize("case", FOREIGN)
def test_relatives_and_strangers_are_not_taken(case: str) -> None:
    with pytest.raises(ModelNotRecognised):
        recognise(FOREIGN[case])


def test_the_first_forty_names_are_listed() -> None:
    with pytest.raises(ModelNotRecognised, match=r"39 \(2, 40\) and 10 more") as caught:
        recognise(FOREIGN["numbers"])
    assert "40 (2, 41)" not in caught.value.message


def test_a_discriminator_gets_its_own_message() -> None:
    for name in ("discriminator.features.0.weight", "classifier.0.weight", "conv0.weight_orig"):
        with pytest.raises(ModelNotRecognised, match="discriminator"):
            recognise({name: np.zeros((4, 3, 3, 3))})


def test_a_name_cannot_ask_for_a_giant_network() -> None:
    with pytest.raises(ModelMismatch, match="missing"):
        recognise({**rrdb("new"), "body.99999999999999.rdb1.conv1.weight": np.zeros((4, 8, 3, 3))})


def test_published_sizes() -> None:
    common = {"in_bands": 3, "out_bands": 3, "width": 64, "growth": 32, "upsamplings": 2}
    family = next(f for f in FAMILIES if f.id == "rrdbnet")
    for extra, tensors, parameters in (
        ({"blocks": 23, "unshuffle": 1}, 702, 16_697_987),
        ({"blocks": 6, "unshuffle": 1}, 192, 4_467_779),
        ({"blocks": 23, "unshuffle": 2}, 702, 16_703_171),
    ):
        shapes = family.expected_shapes({**common, **extra})
        assert (len(shapes), sum(int(np.prod(s)) for s in shapes.values())) == (tensors, parameters)
    compact = next(f for f in FAMILIES if f.id == "srvgg")
    for convs, parameters in ((16, 621_424), (32, 1_213_296)):
        sizes: Dict[str, Any] = {"bands": 3, "width": 64, "convs": convs, "scale": 4, "activation": "prelu"}
        assert sum(int(np.prod(s)) for s in compact.expected_shapes(sizes).values()) == parameters


def test_card_of_a_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "my model.safetensors"
    write_safetensors(str(path), edsr_bicubic())
    card = card_from_checkpoint(str(path))
    assert (card.name, card.family, card.scale, card.reach) == ("my model", "edsr_bicubic", 2, 7)
    assert [band.name for band in card.input_bands] == ["band 1", "band 2", "band 3", "band 4"]
    assert card.value_range.name == "s2-10k"
    assert not card.generative
    weight = card.weights[0]
    assert (weight.path, weight.container, weight.sha256) == (str(path), "safetensors", sha256_of(str(path)))
