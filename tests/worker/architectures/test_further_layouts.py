"""VDSR of EDSR-PyTorch, the ResNet generator of CycleGAN, TensorLayer's SRGAN: as built and named there."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import FAMILIES, card_from_checkpoint, recognise
from sr_plugin.core.card import TRANSLATION
from sr_plugin.core.errors import ModelMismatch
from tests.worker.architectures.references import assert_close
from tests.worker.architectures.test_classical_networks import assert_same, cubic, keras_depth_to_space, randomised

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class EdsrPytorchVdsr(nn.Module):
    """Values from 0 to 255 inside; the input is enlarged by cubic convolution before."""

    def __init__(self, scale: int, layers: int = 5, bias: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.sub_mean, self.add_mean = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        for layer, sign in ((self.sub_mean, -1), (self.add_mean, 1)):
            layer.weight.data = torch.eye(3)[:, :, None, None]
            layer.bias.data = sign * 255 * torch.tensor([0.4488, 0.4371, 0.4040])
        widths = [3, *[8] * (layers - 1), 3]
        self.body = nn.Sequential()
        for n, (taken, given) in enumerate(zip(widths, widths[1:], strict=False)):
            parts = [nn.Conv2d(taken, given, 3, padding=1, bias=bias)]
            self.body.append(nn.Sequential(*parts, *([nn.ReLU()] if n < layers - 1 else [])))

    def forward(self, x: Any) -> Any:
        enlarged = torch.from_numpy(cubic(255 * x.numpy().astype(np.float64), self.scale)).float()
        x = self.sub_mean(enlarged)
        return self.add_mean(self.body(x) + x) / 255


@pytest.mark.parametrize(("scale", "bias"), [(2, True), (3, False)])
def test_vdsr_of_edsr_pytorch(scale: int, bias: bool, tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / f"vdsr_x{scale}.pt"
    assert_same(randomised(EdsrPytorchVdsr(scale, bias=bias)), path, "vdsr_edsr", scale)
    card = card_from_checkpoint(str(path))
    assert card.value_range.name == "byte" and not card.per_band and card.reach == {2: 5, 3: 4}[scale]
    assert "x2" in card.notes or scale == 3


def test_vdsr_with_means_takes_three_bands() -> None:
    state = {name: value.numpy() for name, value in EdsrPytorchVdsr(2).state_dict().items()}
    state["body.0.0.weight"] = np.zeros((8, 4, 3, 3), np.float32)
    state["body.4.0.weight"], state["body.4.0.bias"] = np.zeros((4, 8, 3, 3), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ModelMismatch, match="three|3 bands"):
        recognise(state)


# CycleGAN


class ResNetBlock(nn.Module):
    def __init__(self, width: int, norm: Any, bias: bool, dropout: bool) -> None:
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return x + self.conv_block(x)


class ResNetGenerator(nn.Module):
    def __init__(
        self, blocks: int, norm: Any, bands: Tuple[int, int] = (3, 3), dropout: bool = False, w: int = 4
    ) -> None:
        super().__init__()
        bias = norm is not nn.BatchNorm2d
        first = nn.Conv2d(bands[0], w, 7, bias=bias)
        layers = [nn.ReflectionPad2d(3), first, norm(w), nn.ReLU()]
        for k in (1, 2):
            layers += [nn.Conv2d(k * w, 2 * k * w, 3, stride=2, padding=1, bias=bias), norm(2 * k * w), nn.ReLU()]
        layers += [ResNetBlock(4 * w, norm, bias, dropout) for _ in range(blocks)]
        for k in (4, 2):
            up = nn.ConvTranspose2d(k * w, k * w // 2, 3, stride=2, padding=1, output_padding=1, bias=bias)
            layers += [up, norm(k * w // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, bands[1], 7), nn.Tanh())

    def forward(self, x: Any) -> Any:
        return self.model(x)


GENERATORS: Dict[str, Tuple[Any, Dict[str, Any]]] = {
    "nine blocks, instance": (lambda: ResNetGenerator(9, nn.InstanceNorm2d), {"blocks": 9, "norm": "instance"}),
    "six blocks, batch": (lambda: ResNetGenerator(6, nn.BatchNorm2d), {"blocks": 6, "norm": "batch", "biased": False}),
    "dropout": (lambda: ResNetGenerator(2, nn.BatchNorm2d, dropout=True), {"blocks": 2, "norm": "batch"}),
    "4 to 1 bands": (lambda: ResNetGenerator(1, nn.InstanceNorm2d, (4, 1)), {"in_bands": 4, "out_bands": 1}),
}


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("early", [False, True])
def test_resnet_generators(name: str, early: bool, tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    make, told = GENERATORS[name]
    torch.manual_seed(0)
    original = make()
    generator = torch.Generator().manual_seed(4)
    for key, value in original.state_dict().items():
        if value.is_floating_point():
            value.add_(0.1 * (torch.rand(value.shape, generator=generator) - (0 if "var" in key else 0.5)))
    original.eval()
    state = original.state_dict()
    if early and told.get("norm") != "batch":
        # Files of early torch also hold the statistics of instance normalisation, which the project drops.
        norms = {key: m for key, m in original.named_modules() if isinstance(m, nn.InstanceNorm2d)}
        for key, module in norms.items():
            state[f"{key}.running_mean"] = torch.full((module.num_features,), 7.0)
            state[f"{key}.running_var"] = torch.full((module.num_features,), 9.0)
    path = tmp_path / "latest_net_G.pth"
    torch.save(state, path)
    card = card_from_checkpoint(str(path))
    assert (card.family, card.kind, card.scale) == ("resnet_translator", TRANSLATION, 1)
    assert card.hyperparameters.items() >= told.items()
    assert card.value_range.name == "signed" and card.generative and not card.verified
    assert (card.reach is None) == (card.hyperparameters["norm"] == "instance")
    image = torch.rand(2, len(card.input_bands), 24, 36) * 2 - 1
    with torch.inference_mode():
        assert_close(load_network(card)(image), original(image))


def test_reach_of_a_resnet_generator_is_the_measured_one() -> None:
    from sr_plugin.worker.architectures.build import build_network

    family = next(family for family in FAMILIES if family.id == "resnet_translator")
    for blocks in (1, 2):
        sizes = {"in_bands": 1, "out_bands": 1, "width": 2, "blocks": blocks, "norm": "batch", "biased": False}
        traits = family.traits({**sizes, "stored_statistics": False, "batch_statistics": False})
        network = build_network("resnet_translator", sizes).eval()
        centre, radius = 4 * (traits.reach // 4 + 2), 0
        for phase in range(4):
            image = torch.rand(1, 1, 2 * centre + 4, 2 * centre + 4)
            image[:, :, centre + phase, centre + phase] = torch.nan
            with torch.inference_mode():
                spoilt = network(image).isnan()[0, 0].nonzero()
            radius = max(radius, int((spoilt - centre - phase).abs().max()))
        assert radius == traits.reach


def test_a_generator_of_another_normalisation_is_refused() -> None:
    state = {k: v.numpy() for k, v in ResNetGenerator(1, nn.BatchNorm2d).state_dict().items() if "tracked" not in k}
    with pytest.raises(ModelMismatch, match="choose batch or instance"):
        recognise(state, {"norm": "group"})
    del state["model.10.conv_block.6.running_mean"]
    with pytest.raises(ModelMismatch, match="model.10.conv_block.6.running_mean"):
        recognise(state)


# TensorLayer


def variables(blocks: int, ups: int, bands: int, kernels: Tuple[int, int], width: int = 6) -> Dict[str, np.ndarray]:
    """The graph's variables as TensorLayer saves them, kernels (row, column, in, out)."""
    random = np.random.default_rng(1)

    def kernel(name: str, side: int, taken: int, given: int, bias: bool) -> Dict[str, np.ndarray]:
        values = random.standard_normal((side, side, taken, given)) / (side * np.sqrt(taken))
        found = {f"SRGAN_g/{name}/W_conv2d:0": values}
        return {**found, f"SRGAN_g/{name}/b_conv2d:0": random.standard_normal(given) / 9} if bias else found

    def norm(name: str) -> Dict[str, np.ndarray]:
        parts = ("beta", "gamma", "moving_mean", "moving_variance")
        return {f"SRGAN_g/{name}/{part}:0": random.random(width) + 0.3 for part in parts}

    found = kernel("n64s1/c", kernels[0], bands, width, True)
    for n in range(blocks):
        for k in (1, 2):
            found.update({**kernel(f"n64s1/c{k}/{n}", 3, width, width, False), **norm(f"n64s1/b{k}/{n}")})
    found.update({**kernel("n64s1/c/m", 3, width, width, False), **norm("n64s1/b/m")})
    for k in range(1, ups + 1):
        found.update(kernel(f"n256s1/{k}", 3, width, 4 * width, True))
    found.update(kernel("out", kernels[1], width, bands, True))
    return {name: array.astype(np.float32) for name, array in found.items()}


def run_tensorlayer(found: Dict[str, np.ndarray], image: Any, blocks: int, ups: int) -> Any:
    def get(name: str) -> Any:
        return torch.from_numpy(found[f"SRGAN_g/{name}:0"])

    def convolved(name: str, x: Any) -> Any:
        kernel = get(f"{name}/W_conv2d").permute(3, 2, 0, 1)
        bias = get(f"{name}/b_conv2d") if f"SRGAN_g/{name}/b_conv2d:0" in found else None
        return functional.conv2d(x, kernel, bias, padding=kernel.shape[-1] // 2)

    def normed(name: str, x: Any) -> Any:
        mean, variance, gamma, beta = (
            get(f"{name}/{part}")[:, None, None] for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * gamma + beta

    first = x = torch.relu(convolved("n64s1/c", image))
    for n in range(blocks):
        inner = torch.relu(normed(f"n64s1/b1/{n}", convolved(f"n64s1/c1/{n}", x)))
        x = x + normed(f"n64s1/b2/{n}", convolved(f"n64s1/c2/{n}", inner))
    x = normed("n64s1/b/m", convolved("n64s1/c/m", x)) + first
    for k in range(1, ups + 1):
        x = torch.relu(keras_depth_to_space(convolved(f"n256s1/{k}", x), 2))
    return torch.tanh(convolved("out", x))


@pytest.mark.parametrize(("blocks", "ups", "bands", "kernels"), [(2, 2, 3, (3, 1)), (1, 1, 4, (9, 9))])
def test_tensorlayer(blocks: int, ups: int, bands: int, kernels: Tuple[int, int], tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    found = variables(blocks, ups, bands, kernels)
    path = tmp_path / "g_srgan.npz"
    np.savez(path, **found)
    card = card_from_checkpoint(str(path))
    assert (card.family, card.scale, len(card.input_bands)) == ("srresnet_tensorlayer", 2**ups, bands)
    assert card.value_range.name == "signed" and card.generative and not card.verified
    assert card.reach == kernels[0] // 2 + 2 * blocks + 1 + 1 + (1 if ups == 2 else 0) + kernels[1] // 2 // 2**ups
    image = torch.rand(1, bands, 9, 11) * 2 - 1
    with torch.inference_mode():
        assert_close(load_network(card)(image), run_tensorlayer(found, image, blocks, ups))
    del found["SRGAN_g/n64s1/b/m/moving_mean:0"]
    np.savez(path, **found)
    with pytest.raises(ModelMismatch, match="tensorlayer.trunk_bn.running_mean"):
        card_from_checkpoint(str(path))
