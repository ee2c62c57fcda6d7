"""Networks with several inputs compute what the notes describe: written here once more, in another way."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE
from tests.worker.architectures.references import Reference, Tensors, assert_close, conv, load, norm, slope

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# RS-SRGAN


def srresnet(prefix: str, bands: int = 3, width: int = 6, blocks: int = 2) -> Tensors:
    tensors = {**conv("conv_block1.conv_block.0", bands, width, 9), **slope("conv_block1.conv_block.1")}
    for n in range(blocks):
        for k in (1, 2):
            stem = f"residual_blocks.{n}.conv_block{k}.conv_block"
            tensors.update({**conv(f"{stem}.0", width, width), **norm(f"{stem}.1", width)})
        tensors.update(slope(f"residual_blocks.{n}.conv_block1.conv_block.2"))
    tensors.update({**conv("conv_block2.conv_block.0", width, width), **norm("conv_block2.conv_block.1", width)})
    for k in range(2):
        stem = f"subpixel_convolutional_blocks.{k}"
        tensors.update({**conv(f"{stem}.conv", width, 4 * width), **slope(f"{stem}.prelu")})
    tensors.update(conv("conv_block3.conv_block.0", width, bands, 9))
    return {prefix + name: value for name, value in tensors.items()}


def run_srresnet(tensors: Tensors, prefix: str, x: Any, blocks: int = 2) -> Any:
    r = Reference({name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)})
    features = stem = r.prelu("conv_block1.conv_block.1", r.conv("conv_block1.conv_block.0", x))
    for n in range(blocks):
        one, two = (f"residual_blocks.{n}.conv_block{k}.conv_block" for k in (1, 2))
        inner = r.prelu(f"{one}.2", r.norm(f"{one}.1", r.conv(f"{one}.0", features)))
        features = features + r.norm(f"{two}.1", r.conv(f"{two}.0", inner))
    features = stem + r.norm("conv_block2.conv_block.1", r.conv("conv_block2.conv_block.0", features))
    for k in range(2):
        name = f"subpixel_convolutional_blocks.{k}"
        features = r.prelu(f"{name}.prelu", functional.pixel_shuffle(r.conv(f"{name}.conv", features), 2))
    return torch.tanh(r.conv("conv_block3.conv_block.0", features))


def fusion(bands: int = 3) -> Tensors:
    tensors: Tensors = {}
    for k in (1, 2):
        stem = f"fusion.model.fuse.0.conv_block{k}.conv_block"
        tensors.update({**conv(f"{stem}.0", 2 * bands, 2 * bands), **norm(f"{stem}.1", 2 * bands)})
    tensors.update(slope("fusion.model.fuse.0.conv_block1.conv_block.2"))
    return {**tensors, **conv("fusion.model.fuse.1", 2 * bands, bands), **slope("fusion.model.fuse.2")}


def run_pair(tensors: Tensors, a: Any, b: Any) -> Any:
    r, stem = Reference(tensors), "fusion.model.fuse.0.conv_block"
    pair = torch.cat((a, b), 1)
    inner = r.norm(f"{stem}1.conv_block.1", r.conv(f"{stem}1.conv_block.0", pair))
    inner = r.conv(f"{stem}2.conv_block.0", r.prelu(f"{stem}1.conv_block.2", inner))
    inner = r.norm(f"{stem}2.conv_block.1", inner)
    return r.prelu("fusion.model.fuse.2", r.conv("fusion.model.fuse.1", pair + inner))


def lightning(tensors: Tensors) -> Dict[str, Any]:
    more = {"discriminator.x.weight": torch.zeros(3), "truncated_vgg19.y": torch.zeros(2)}
    return {"epoch": 1, "pytorch-lightning_version": "2.2.0", "state_dict": {**tensors, **more}}


def test_rs_srgan_is_told_from_the_tutorial_by_its_container(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    tensors = srresnet("generator.net.")
    torch.save(lightning(tensors), tmp_path / "rs.ckpt")
    torch.save(tensors, tmp_path / "bare.pth")
    card, network = load(tmp_path / "rs.ckpt")
    assert (card.family, card.kind, card.scale, card.reach) == ("srresnet_t", SINGLE_IMAGE, 4, 12)
    assert card.value_range.name == "s2-3000" and card.generative and "RS-SRGAN" in card.title
    assert [band.name for band in card.input_bands] == ["B04", "B03", "B02"]
    assert card_from_checkpoint(str(tmp_path / "bare.pth")).value_range.name == "imagenet-signed"
    image = torch.rand(1, 3, 9, 11) * 2 - 1
    with torch.inference_mode():
        assert_close(network(image), run_srresnet(tensors, "generator.net.", image))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_rs_srgan_fuses_views(count: int, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(1)
    tensors = {**srresnet("generator.net."), **fusion()}
    torch.save(lightning(tensors), tmp_path / "fusion.ckpt")
    card, network = load(tmp_path / "fusion.ckpt")
    assert (card.family, card.kind, card.scale, card.reach) == ("rs_srgan_fusion", MULTI_IMAGE, 4, 12 + 3 * 2)
    assert card.value_range.name == "s2-3000" and card.generative and not card.verified
    views = [torch.rand(2, 3, 9, 11) * 2 - 1 for _ in range(count)]
    left: List[Tuple[Any, float]] = [(view, 1.0) for view in views]
    waiting: List[Tuple[Any, float]] = []
    while len(left) > 1:
        if len(left) % 2:
            waiting.append(left.pop(len(left) // 2))
        last = len(left) - 1
        left = [
            (run_pair(tensors, left[i][0], left[last - i][0]), left[i][1] + left[last - i][1])
            for i in range(len(left) // 2)
        ]
    mean = sum(view * weight for view, weight in [*left, *waiting]) / count
    with torch.inference_mode():
        wanted = run_srresnet(tensors, "generator.net.", mean)
        assert_close(network(torch.stack(views, 1)), wanted)


def test_the_fusion_has_the_published_size() -> None:
    from sr_plugin.worker.architectures.build import build_network

    network = build_network("rs_srgan_fusion", {})
    assert sum(value.numel() for value in network.fusion.parameters()) == 851


# HighRes-net


def highresnet(width: int) -> Tensors:
    tensors = {**conv("encode.init_layer.0", 2, width), **slope("encode.init_layer.1")}
    for name, inner in [("encode.res_layers.0", width), ("encode.res_layers.1", width), ("fuse.fuse.0", 2 * width)]:
        for k in (0, 2):
            tensors.update({**conv(f"{name}.block.{k}", inner, inner), **slope(f"{name}.block.{k + 1}")})
    tensors.update({**conv("encode.final.0", width, width), **conv("fuse.fuse.1", 2 * width, width)})
    tensors.update({**slope("fuse.fuse.2"), **slope("decode.deconv.1"), **conv("decode.final", width, 1, 1)})
    return {**tensors, **conv("decode.deconv.0", width, width, 3)}


def run_highresnet(tensors: Tensors, views: Any) -> Any:
    """With real padding views, as the original's data loader makes them."""
    r = Reference(tensors)

    def residual(name: str, x: Any) -> Any:
        inner = r.prelu(f"{name}.block.1", r.conv(f"{name}.block.0", x))
        return x + r.prelu(f"{name}.block.3", r.conv(f"{name}.block.2", inner))

    nine = views[:, :9]
    reference = nine.sort(1).values[:, (nine.shape[1] - 1) // 2]
    padded = [*views.unbind(1)]
    alphas = [1.0] * len(padded)
    while len(padded) & (len(padded) - 1):
        padded.append(torch.zeros_like(padded[0]))
        alphas.append(0.0)
    states = []
    for view in padded:
        x = r.prelu("encode.init_layer.1", r.conv("encode.init_layer.0", torch.stack((view, reference), 1)))
        x = residual("encode.res_layers.1", residual("encode.res_layers.0", x))
        states.append(r.conv("encode.final.0", x))
    while len(states) > 1:
        half = len(states) // 2
        for i in range(half):
            pair = residual("fuse.fuse.0", torch.cat((states[i], states[-1 - i]), 1))
            states[i] = states[i] + alphas[-1 - i] * r.prelu("fuse.fuse.2", r.conv("fuse.fuse.1", pair))
        states, alphas = states[:half], alphas[:half]
    weight, bias = tensors["decode.deconv.0.weight"], tensors["decode.deconv.0.bias"]
    # With a stride as wide as the kernel, a transposed convolution is a product and a shuffle.
    count, channels, height, width = states[0].shape
    blocks = torch.einsum("nchw,cdij->ndhiwj", states[0], weight).reshape(count, channels, 3 * height, 3 * width)
    enlarged = r.prelu("decode.deconv.1", blocks + bias[:, None, None])
    return r.conv("decode.final", enlarged)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 11])
def test_highresnet_fuses_any_number_of_views(count: int, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(2)
    tensors = highresnet(6)
    torch.save(tensors, tmp_path / "HRNet.pth")
    card, network = load(tmp_path / "HRNet.pth")
    assert (card.family, card.kind, card.scale, card.reach) == ("highresnet", MULTI_IMAGE, 3, 21)
    assert card.per_band and not card.verified and not card.generative
    assert card.value_range.quantity == "dn" and card.value_range.in_gain == (1 / 65535,)
    views = torch.rand(2, count, 8, 10)
    with torch.inference_mode():
        wanted = run_highresnet(tensors, views)
        assert_close(network(views), wanted)
        assert_close(network(views[:, :, None]), wanted)


def test_highresnet_has_the_published_size() -> None:
    from sr_plugin.worker.architectures.build import build_network

    assert sum(value.numel() for value in build_network("highresnet", {}).parameters()) == 591818


# DSen2


def dsen2(names: List[str], taken: int, given: int, width: int = 6) -> Tensors:
    sizes = [(taken, width), *[(width, width)] * (len(names) - 2), (width, given)]
    return {key: value for name, size in zip(names, sizes, strict=False) for key, value in conv(name, *size).items()}


def bilinear(coarse: Any, ratio: int) -> Any:
    """Half-pixel centres, edges repeated: a matrix for each axis."""

    def matrix(size: int) -> Any:
        rows = torch.zeros(size * ratio, size)
        for i in range(size * ratio):
            centre = (i + 0.5) / ratio - 0.5
            low = int(np.floor(centre))
            for k, share in ((low, low + 1 - centre), (low + 1, centre - low)):
                rows[i, min(max(k, 0), size - 1)] += share
        return rows

    return matrix(coarse.shape[-2]) @ coarse @ matrix(coarse.shape[-1]).T


def run_dsen2(tensors: Tensors, names: List[str], inputs: List[Any], ratios: List[int]) -> Any:
    r = Reference(tensors)
    fine = [x if ratio == 1 else bilinear(x, ratio) for x, ratio in zip(inputs, ratios, strict=False)]
    x = torch.relu(r.conv(names[0], torch.cat(fine, 1)))
    for i in range(1, len(names) - 1, 2):
        x = x + 0.1 * r.conv(names[i + 1], torch.relu(r.conv(names[i], x)))
    return r.conv(names[-1], x) + fine[-1]


DSEN2 = {"20 m": (10, 6, [4, 6], [1, 2]), "60 m": (12, 2, [4, 6, 2], [1, 2, 6])}


@pytest.mark.parametrize("keras", [False, True], ids=["ours", "Keras"])
@pytest.mark.parametrize("kind", DSEN2)
def test_dsen2_sharpens_groups_of_bands(kind: str, keras: bool, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(3)
    taken, given, counts, ratios = DSEN2[kind]
    # In Keras' order of layers, the numbers may run in any way.
    names = [f"conv2d_{n}" for n in (3, 10, 11, 4, 5, 2)] if keras else [f"convs.{n}" for n in range(6)]
    tensors = dsen2(names, taken, given)
    # Ours are kept in alphabetical order, Keras' in that of the layers.
    saved = tensors if keras else dict(sorted(tensors.items(), reverse=True))
    torch.save(saved, tmp_path / "net.pth")
    card, network = load(tmp_path / "net.pth")
    assert (card.family, card.kind, card.scale, card.reach) == ("dsen2", BAND_FUSION, 1, 6 + ratios[-1] // 2)
    assert card.hyperparameters["groups"] == [list(pair) for pair in zip(counts, ratios, strict=False)]
    assert card.tiles.multiple_of == ratios[-1] and card.value_range.name == "s2-2000"
    assert [band.name for band in card.input_bands][:5] == ["B04", "B03", "B02", "B08", "B05"]
    assert [band.name for band in card.output_bands] == (
        ["B01", "B09"] if given == 2 else ["B05", "B06", "B07", "B8A", "B11", "B12"]
    )
    inputs = [torch.rand(2, n, 24 // ratio, 30 // ratio) for n, ratio in zip(counts, ratios, strict=False)]
    with torch.inference_mode():
        assert_close(network(*inputs), run_dsen2(tensors, names, inputs, ratios))
        with pytest.raises(ValueError, match="groups"):
            network(inputs[0])
        with pytest.raises(ValueError, match="shape"):
            network(*inputs[:-1], inputs[-1][..., 1:])


def test_dsen2_in_a_keras_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras 2's layout with layers in the order of the graph, and those without weights between them."""
    h5py = pytest.importorskip("h5py")
    from sr_plugin.worker.hdf5_reader import register

    register()
    monkeypatch.setenv("SR_PLUGIN_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(4)
    # Eleven convolutions or more, so that neither the alphabet nor the numbers give their order.
    names = [f"conv2d_{n}" for n in (7, 10, 11, 8, 9, 2, 1, 3, 4, 5, 6, 12)]
    tensors = dsen2(names, 12, 2)
    path = tmp_path / "s2_030.hdf5"
    with h5py.File(path, "w") as file:
        layers = [entry for name in names for entry in (name, f"lambda_{name}")]
        file.attrs["layer_names"] = [b"input_1", *(name.encode() for name in layers)]
        for layer in ("input_1", *layers):
            group = file.create_group(layer)
            weights = {"kernel": "weight", "bias": "bias"} if layer in names else {}
            group.attrs["weight_names"] = [f"{layer}/{part}:0".encode() for part in weights]
            for part, ours in weights.items():
                value = tensors[f"{layer}.{ours}"].numpy()
                value = value.transpose(2, 3, 1, 0) if part == "kernel" else value
                group.create_dataset(f"{layer}/{part}:0", data=value)
    card, network = load(path)
    assert (card.family, card.hyperparameters["blocks"]) == ("dsen2", 5)
    assert card.weights[0].path.endswith(".safetensors")
    inputs = [torch.rand(1, n, 12 // ratio, 18 // ratio) for n, ratio in ((4, 1), (6, 2), (2, 6))]
    with torch.inference_mode():
        assert_close(network(*inputs), run_dsen2(tensors, names, inputs, [1, 2, 6]))
