"""pix2pix generators compute what their projects' networks do, written here as those nest and name their layers."""

from __future__ import annotations

import pathlib
from typing import Any, List, Tuple

import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint
from sr_plugin.core.card import TRANSLATION
from sr_plugin.core.checkpoint.safetensors import write_safetensors
from sr_plugin.core.errors import ModelMismatch

torch = pytest.importorskip("torch")
nn = torch.nn


class Nested(nn.Module):
    """One level of the original: what lies inside, between a halving and a doubling."""

    def __init__(self, level: int, depth: int, width: int, bands: Tuple[int, int], instance: bool) -> None:
        super().__init__()
        self.outermost = level == 0
        inner = width * 2 ** min(level, 3)
        outer = width * 2 ** min(max(level - 1, 0), 3)
        down = nn.Conv2d(bands[0] if self.outermost else outer, inner, 4, 2, 1, bias=instance)
        deepest = level == depth - 1
        up_bias = True if self.outermost else instance
        up = nn.ConvTranspose2d(
            inner if deepest else 2 * inner, bands[1] if self.outermost else outer, 4, 2, 1, bias=up_bias
        )
        norm = nn.InstanceNorm2d if instance else nn.BatchNorm2d
        within = [] if deepest else [Nested(level + 1, depth, width, bands, instance)]
        if self.outermost:
            layers = [down, *within, nn.ReLU(), up, nn.Tanh()]
        elif deepest:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, norm(inner), *within, nn.ReLU(), up, norm(outer), nn.Dropout(0.5)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return self.model(x) if self.outermost else torch.cat((x, self.model(x)), 1)


class Original(nn.Module):
    def __init__(self, depth: int = 5, width: int = 4, bands: Tuple[int, int] = (3, 3), instance: bool = False) -> None:
        super().__init__()
        self.model = Nested(0, depth, width, bands, instance)

    def forward(self, x: Any) -> Any:
        return self.model(x)


def down_layers(taken: int, given: int) -> List[Any]:
    layer = nn.Conv2d(taken, given, 4, 2, 1, bias=False, padding_mode="reflect")
    return [layer, nn.BatchNorm2d(given), nn.LeakyReLU(0.2)]


def up_layers(taken: int, given: int) -> List[Any]:
    return [nn.ConvTranspose2d(taken, given, 4, 2, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU()]


class Layered(nn.Module):
    """Levels one after the other, as the tutorial and the "maps" project write them."""

    maps = False

    def __init__(self, depth: int = 5, width: int = 4) -> None:
        super().__init__()
        widths = [width * 2 ** min(level, 3) for level in range(depth)]
        first = nn.Conv2d(3, width, 4, 2, 1, padding_mode="reflect")
        self.down = [nn.Sequential(first, nn.LeakyReLU(0.2))]
        self.down += [nn.Sequential(*down_layers(a, b)) for a, b in zip(widths[:-2], widths[1:-1], strict=False)]
        self.deepest = nn.Sequential(nn.Conv2d(widths[-2], widths[-1], 4, 2, 1), nn.ReLU())
        taken = [widths[-1], *(2 * w for w in widths[-2:0:-1])]
        self.up = [nn.Sequential(*up_layers(a, b)) for a, b in zip(taken, widths[-2::-1], strict=False)]
        self.last = nn.Sequential(nn.ConvTranspose2d(2 * width, 3, 4, 2, 1), nn.Tanh())
        self.name_layers()

    def block(self, layers: Any, inner: str) -> Any:
        block = nn.Module()
        block.add_module(inner, layers)
        return block

    def name_layers(self) -> None:
        down, bottleneck, up = list(self.down), self.deepest, list(self.up)
        last = self.last
        for name in ("deepest", "last"):
            delattr(self, name)
        # Plain lists, so that the layers have only their projects' names.
        self.parts = ([*down, bottleneck], [*up, last])
        inner = "Layer" if self.maps else "conv"
        self.add_module("DownConvLayer1" if self.maps else "initial_down", down[0])
        for n, layers in enumerate(down[1:], 1):
            name = f"DownConvLayer{n + 1}" if self.maps else f"down{n}"
            self.add_module(name, self.block(layers, inner))
        self.add_module("BottleNeck" if self.maps else "bottleneck", bottleneck)
        for n, layers in enumerate(up, 1):
            self.add_module(f"UpConvLayer{n}" if self.maps else f"up{n}", self.block(layers, inner))
        self.add_module("FinalConvLayer" if self.maps else "final_up", last)

    def forward(self, x: Any) -> Any:
        down, up = self.parts
        skipped = []
        for layers in down:
            x = layers(x)
            skipped.append(x)
        x = up[0](skipped.pop())
        for layers in up[1:]:
            x = layers(torch.cat((x, skipped.pop()), 1))
        return x.clamp(0, 1) if self.maps else x


class Tutorial(Layered):
    pass


class Maps(Layered):
    maps = True


NETWORKS = {
    "original": lambda: Original(),
    "original, depth 3, 4 to 1 bands": lambda: Original(3, 4, (4, 1)),
    "original with instance normalisation": lambda: Original(5, 4, (3, 3), True),
    "tutorial": Tutorial,
    "maps": Maps,
}


def shaken(network: Any) -> Any:
    generator = torch.Generator().manual_seed(5)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.is_floating_point():
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_same_output_as_the_project(name: str, tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    torch.manual_seed(0)
    original = shaken(NETWORKS[name]())
    path = tmp_path / "latest_net_G.pth"
    saved = original.state_dict()
    torch.save({"state_dict": saved, "optimizer": {}} if name == "tutorial" else saved, path)
    card = card_from_checkpoint(str(path))
    depth = card.hyperparameters["depth"]
    assert (card.family, card.kind, card.scale, card.reach) == ("pix2pix", TRANSLATION, 1, None)
    assert card.hyperparameters["style"] == name.partition(",")[0].partition(" ")[0]
    assert card.value_range.name == ("unit" if name == "maps" else "signed")
    assert card.tiles.multiple_of == 2**depth and card.training_tile == (512 if name == "maps" else 2**depth)
    assert card.generative and not card.verified
    image = torch.rand(2, len(card.input_bands), 64, 96)
    network = load_network(card)
    with torch.inference_mode():
        wanted, found = original(image), network(image)
    assert found.shape == wanted.shape == (2, len(card.output_bands), 64, 96)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    # Its own names are recognised again, with the style.
    copy = tmp_path / "copy.safetensors"
    write_safetensors(str(copy), {key: value.numpy() for key, value in network.state_dict().items()})
    again = card_from_checkpoint(str(copy))
    assert (again.family, again.hyperparameters) == (card.family, card.hyperparameters)


def test_batch_statistics_are_those_of_the_training_mode_without_dropout(tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import build_network, load_network

    torch.manual_seed(0)
    original = shaken(Tutorial())
    path = tmp_path / "gen.pth.tar"
    torch.save(original.state_dict(), path)
    card = card_from_checkpoint(str(path))
    state = load_network(card).state_dict()
    network = build_network("pix2pix", {**card.hyperparameters, "batch_statistics": True}).eval()
    network.load_state_dict(state)
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(image), original.train()(image), rtol=1e-4, atol=1e-5)


def test_the_published_sizes() -> None:
    from sr_plugin.core.architectures.registry import FAMILIES
    from sr_plugin.worker.architectures.build import build_network

    with torch.device("meta"):
        network = build_network("pix2pix", {})
        original = Original(8, 64)
    count = sum(value.numel() for value in network.parameters())
    assert count == sum(value.numel() for value in original.parameters())
    assert count == 54413955
    family = next(family for family in FAMILIES if family.id == "pix2pix")
    assert family.matches({name: tuple(value.shape) for name, value in original.state_dict().items()})


def test_a_missing_layer_is_named(tmp_path: pathlib.Path) -> None:
    state = Original().state_dict()
    state.pop("model.model.1.model.3.model.5.weight")
    path = tmp_path / "net_G.pth"
    torch.save(state, path)
    with pytest.raises(ModelMismatch, match="up.2.conv.weight"):
        card_from_checkpoint(str(path))
