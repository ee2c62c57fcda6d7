"""Networks with several inputs, and SEN2SR, compute what the notes describe: written here once more, in another way."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, ModelCard
from sr_plugin.core.checkpoint.safetensors import write_safetensors

torch = pytest.importorskip("torch")
functional = torch.nn.functional

Tensors = Dict[str, Any]


def conv(name: str, taken: int, given: int, kernel: int = 3) -> Tensors:
    spread = 1.0 / (taken * kernel * kernel) ** 0.5
    weight = spread * torch.randn(given, taken, kernel, kernel)
    return {f"{name}.weight": weight, f"{name}.bias": 0.1 * torch.randn(given)}


def norm(name: str, width: int) -> Tensors:
    values = {part: torch.rand(width) + 0.5 for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.{part}": value for part, value in values.items()}


def slope(name: str) -> Tensors:
    return {f"{name}.weight": torch.rand(1)}


class Reference:
    """Layers by name, as functions of a dictionary of tensors."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors

    def conv(self, name: str, x: Any) -> Any:
        weight = self.tensors[f"{name}.weight"]
        return functional.conv2d(x, weight, self.tensors[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Any) -> Any:
        get = [self.tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *get)

    def prelu(self, name: str, x: Any) -> Any:
        return functional.prelu(x, self.tensors[f"{name}.weight"])


def load(path: pathlib.Path) -> Tuple[ModelCard, Any]:
    from sr_plugin.worker.architectures.build import load_network

    card = card_from_checkpoint(str(path))
    return card, load_network(card)


def assert_close(found: Any, wanted: Any) -> None:
    assert found.shape == wanted.shape
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


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


# SEN2SR


def package_module(name: str) -> Any:
    """A module of the package sen2sr, loaded on its own, as the package asks for more libraries."""
    found = importlib.util.find_spec("sen2sr")
    if found is None or not found.submodule_search_locations:
        pytest.skip("sen2sr is not installed")
    path = pathlib.Path(found.submodule_search_locations[0]) / "models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sen2sr(taken: int, given: int, width: int, scale: int, blocks: int = 3) -> Tensors:
    tensors: Tensors = {}
    layers = {"conv_1": (taken, width), "conv_2": (width, width)}
    layers.update({f"blocks.{n}.c{k}_r": (width, width) for n in range(blocks) for k in (1, 2, 3)})
    for name, (a, b) in layers.items():
        tensors.update({**conv(f"{name}.sk", a, b, 1), **conv(f"{name}.conv.0", a, 2 * a, 1)})
        tensors.update({**conv(f"{name}.conv.1", 2 * a, 2 * b), **conv(f"{name}.conv.2", 2 * b, b, 1)})
    tensors.update(conv("conv_cat", 4 * width, width, 1))
    tensors.update(conv("upsampler.0", width, given * scale * scale))
    tensors["upsampler.0.bias"] += 0.5
    return tensors


def run_sen2sr(tensors: Tensors, x: Any, scale: int, blocks: int = 3) -> Any:
    """With every block, and the convolutions as training runs them: in parts, over a border of zeros."""
    r = Reference(tensors)

    def stored(name: str, x: Any) -> Any:
        inner = r.conv(f"{name}.conv.0", functional.pad(x, (1, 1, 1, 1)))
        inner = functional.conv2d(inner, tensors[f"{name}.conv.1.weight"], tensors[f"{name}.conv.1.bias"])
        return r.conv(f"{name}.conv.2", inner) + r.conv(f"{name}.sk", x)

    stem = stored("conv_1", x)
    outs, firsts = [], []
    for n in range(blocks):
        first = functional.silu(stored(f"blocks.{n}.c1_r", stem))
        change = stored(f"blocks.{n}.c3_r", functional.silu(stored(f"blocks.{n}.c2_r", first)))
        outs.append((change + stem) * (torch.sigmoid(change) - 0.5))
        firsts.append(first)
    features = r.conv("conv_cat", torch.cat((stem, stored("conv_2", outs[-1]), outs[0], firsts[-1]), 1))
    return functional.pixel_shuffle(r.conv("upsampler.0", features), scale).clamp(min=0)


def save(path: pathlib.Path, tensors: Tensors) -> None:
    write_safetensors(str(path), {name: value.contiguous().numpy() for name, value in tensors.items()})


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_alone(taken: int, given: int, scale: int, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(5)
    tensors = sen2sr(taken, given, 6, scale)
    save(tmp_path / "model.safetensor", tensors)
    card, network = load(tmp_path / "model.safetensor")
    assert (card.family, card.kind, card.scale, card.reach) == ("sen2sr", SINGLE_IMAGE, scale, 6)
    assert (len(card.input_bands), len(card.output_bands)) == (taken, given)
    assert card.input_bands[: given if given == 6 else 4] == card.output_bands
    assert card.value_range.name == "s2-10k" and card.tiles.fixed is None and "left out" in card.notes
    image = torch.rand(2, taken, 12, 15)
    with torch.inference_mode():
        assert_close(network(image), run_sen2sr(tensors, image, scale))


def test_sen2sr_with_fused_convolutions_only(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(6)
    tensors = sen2sr(4, 4, 6, 2)
    save(tmp_path / "parts.safetensors", tensors)
    _, parts = load(tmp_path / "parts.safetensors")
    stored = {name[: -len(".sk.weight")] for name in tensors if name.endswith(".sk.weight")}
    fused = {name: value for name, value in tensors.items() if not name.startswith(tuple(s + "." for s in stored))}
    for name in stored:
        weight, bias = parts.get_submodule(name)._kernel()
        fused.update({f"{name}.eval_conv.weight": weight.detach(), f"{name}.eval_conv.bias": bias.detach()})
    save(tmp_path / "fused.safetensors", fused)
    card, network = load(tmp_path / "fused.safetensors")
    assert card.hyperparameters["parts"] == ["eval_conv"]
    image = torch.rand(1, 4, 9, 9)
    with torch.inference_mode():
        assert_close(network(image), run_sen2sr(tensors, image, 2))


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_keeps_the_low_frequencies_of_its_input(
    taken: int, given: int, scale: int, tmp_path: pathlib.Path
) -> None:
    torch.manual_seed(7)
    tensors, side = sen2sr(taken, given, 6, scale), 16
    distance = np.hypot(*np.meshgrid(*[np.arange(side * scale) - side * scale // 2] * 2))
    mask = (1 / (1 + (distance / 4) ** 6)).astype(np.float32)
    save(tmp_path / "sr_model.safetensor", tensors)
    write_safetensors(str(tmp_path / "sr_hard_constraint.safetensor"), {"weights": mask})
    (tmp_path / "load.py").write_text("raise SystemExit('never run')")
    card, network = load(tmp_path / "sr_model.safetensor")
    assert card.reach is None and card.tiles.fixed == (side, side) and card.training_tile == side
    image = torch.rand(1, taken, side, side)
    with torch.inference_mode():
        plain = run_sen2sr(tensors, image, scale).numpy().astype(np.float64)
        size = (side * scale, side * scale)
        enlarged = functional.interpolate(image[:, :given], size=size, mode="bicubic", antialias=True).numpy()
        spectra = [np.fft.fftshift(np.fft.fft2(x), axes=(-2, -1)) for x in (enlarged, plain)]
        mixed = spectra[0] * mask + spectra[1] * (1 - mask)
        wanted = np.fft.ifft2(np.fft.ifftshift(mixed, axes=(-2, -1))).real.astype(np.float32)
        assert_close(network(image), torch.from_numpy(wanted))
        with pytest.raises(ValueError, match="constraint"):
            network(image[..., 1:])


@pytest.mark.parametrize(("taken", "given", "scale"), [(4, 4, 4), (10, 6, 1)])
def test_sen2sr_as_its_package(taken: int, given: int, scale: int, tmp_path: pathlib.Path) -> None:
    cnn, tricks = package_module("opensr_baseline/cnn"), package_module("tricks")
    torch.manual_seed(8)
    original = cnn.CNNSR(taken, given, 24, scale, True, False, 6).eval()
    for name, value in original.state_dict().items():
        # The convolutions that it makes up itself are spoilt, as it makes them anew before it uses them.
        value.add_(0.05 * torch.randn(value.shape) + (1.0 if "eval_conv" in name else 0.0))
    tensors = {name: value.clone() for name, value in original.state_dict().items()}
    if scale == 4:
        assert (len(tensors), sum(value.numel() for value in tensors.values())) == (204, 572336)
    mask = torch.rand(16 * scale, 16 * scale)
    save(tmp_path / "model.safetensor", tensors)
    save(tmp_path / "hard_constraint.safetensor", {"weights": mask})
    constraint = tricks.HardConstraint(mask, "all" if taken == given else [0, 1, 2, 3, 4, 5])
    image = torch.rand(1, taken, 16, 16)
    with torch.inference_mode():
        wanted = constraint(image, original(image).clamp(min=0))
        assert_close(load(tmp_path / "model.safetensor")[1](image), wanted)
