"""The classical families compute what independent programs do: packages where they are installed, else written here
from the checkpoint notes, under the names of those projects."""

from __future__ import annotations

import importlib.util
import pathlib
from collections import OrderedDict
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest

from sr_plugin.core.architectures.registry import card_from_checkpoint

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


def torchsr(module: str) -> Any:
    """A module of the torchsr package, loaded on its own as the package asks for torchvision."""
    package = importlib.util.find_spec("torchsr")
    if package is None or not package.submodule_search_locations:
        pytest.skip("torchsr is not installed")
    path = pathlib.Path(package.submodule_search_locations[0]) / "models" / f"{module}.py"
    spec = importlib.util.spec_from_file_location(f"torchsr_{module}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def randomised(network: Any) -> Any:
    """Every number random but for the mean layers, which networks keep as they are."""
    generator = torch.Generator().manual_seed(3)
    for name, value in network.state_dict().items():
        if value.is_floating_point() and "_mean" not in name:
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    return network.eval()


def assert_same(original: Any, path: pathlib.Path, family: str, scale: int, bands: int = 3, side: int = 17) -> None:
    """A file of the original loads as this family, and gives the same values through its card's range."""
    from sr_plugin.worker.architectures.build import load_network

    torch.save(original.state_dict(), path)
    card = card_from_checkpoint(str(path))
    assert (card.family, card.scale, len(card.input_bands)) == (family, scale, bands)
    facts = card.value_range
    image = torch.rand(2, bands, side, side + 3, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = original(image)
        found = load_network(card)(image * facts.in_gain[0]) * facts.out_gain
        torch.testing.assert_close(load_network(str(path))(image * facts.in_gain[0]) * facts.out_gain, found)
    assert found.shape == wanted.shape == (2, bands, side * scale, (side + 3) * scale)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


TORCHSR: Dict[str, Tuple[str, Callable[[Any], Any], str, int]] = {
    "EDSR x2": ("edsr", lambda m: m.EDSR(2, 16, 2, 1.0), "edsr", 2),
    "EDSR x3": ("edsr", lambda m: m.EDSR(3, 16, 3, 1.0), "edsr", 3),
    "EDSR x4": ("edsr", lambda m: m.EDSR(2, 16, 4, 1.0), "edsr", 4),
    "CARN x2": ("carn", lambda m: m.CARN(2), "carn", 2),
    "CARN x4": ("carn", lambda m: m.CARN(4), "carn", 4),
    "CARN-M x3": ("carn", lambda m: m.CARNM(3), "carn", 3),
    "RDN x2": ("rdn", lambda m: m.RDN(2, G0=12, D=2, C=3, G=8), "rdn", 2),
    "RDN x3": ("rdn", lambda m: m.RDN(3, G0=8, D=3, C=2, G=8), "rdn", 3),
    "RDN x4": ("rdn", lambda m: m.RDN(4, G0=12, D=2, C=2, G=8), "rdn", 4),
    "RCAN x4": ("rcan", lambda m: m.RCAN(2, 2, 16, 4, 4), "rcan", 4),
}


@pytest.mark.parametrize("name", TORCHSR)
def test_same_output_as_torchsr(name: str, tmp_path: pathlib.Path) -> None:
    module, make, family, scale = TORCHSR[name]
    torch.manual_seed(0)
    assert_same(randomised(make(torchsr(module))), tmp_path / f"model_x{scale}.pt", family, scale)


def test_the_large_edsr_adds_a_tenth(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    assert_same(torchsr("edsr").EDSR(32, 256, 2, 0.1).eval(), tmp_path / "edsr.pt", "edsr", 2, side=5)


def c(taken: int, given: int, kernel: int = 3) -> Any:
    return nn.Conv2d(taken, given, kernel, padding=kernel // 2)


class FlatNames(nn.Module):
    """Layers by name, as the Keras files have them; the forward pass of each network calls them by name."""

    def __init__(self, **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def run(self, name: str, x: Any, relu: bool = False) -> Any:
        return functional.relu(self.get_submodule(name)(x)) if relu else self.get_submodule(name)(x)


def keras_depth_to_space(x: Any, r: int) -> Any:
    """Written out pixel by pixel: output (y r + dy, x r + dx, k) is input channel (dy r + dx) C + k."""
    n, channels, h, w = x.shape
    given = channels // (r * r)
    out = torch.zeros(n, given, h * r, w * r)
    for dy in range(r):
        for dx in range(r):
            first = (dy * r + dx) * given
            out[:, :, dy::r, dx::r] = x[:, first : first + given]
    return out


class IdealoRdn(FlatNames):
    def __init__(self, x: int, shuffle: bool, blocks: int = 2, convs: int = 2, g: int = 4, g0: int = 8) -> None:
        self.sizes = (x, shuffle, blocks, convs)
        layers = {"F_m1": c(3, g0), "F_0": c(g0, g0), "GFF_1": c(blocks * g0, g0, 1), "GFF_2": c(g0, g0)}
        for d in range(1, blocks + 1):
            layers.update({f"F_{d}_{k}": c(g0 + (k - 1) * g, g) for k in range(1, convs + 1)})
            layers[f"LFF_{d}"] = c(g0 + convs * g, g0, 1)
        layers.update(UPN1=c(g0, 16, 5), UPN2=c(16, 8), UPN3=c(8, 3 * x * x), SR=c(3 if shuffle else 3 * x * x, 3))
        super().__init__(**layers)

    def forward(self, x: Any) -> Any:
        scale, shuffle, blocks, convs = self.sizes
        first = self.run("F_m1", x)
        block = self.run("F_0", first)
        gathered = []
        for d in range(1, blocks + 1):
            dense = [block]
            for k in range(1, convs + 1):
                dense.append(self.run(f"F_{d}_{k}", torch.cat(dense, 1), relu=True))
            block = self.run(f"LFF_{d}", torch.cat(dense, 1)) + block
            gathered.append(block)
        body = self.run("GFF_2", self.run("GFF_1", torch.cat(gathered, 1))) + first
        up = self.run("UPN3", self.run("UPN2", self.run("UPN1", body, relu=True), relu=True))
        nearest = up.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        return self.run("SR", keras_depth_to_space(up, scale) if shuffle else nearest)


class IdealoRrdn(FlatNames):
    def __init__(self, x: int, t: int = 2, d: int = 2, convs: int = 2, g: int = 4, g0: int = 8) -> None:
        self.sizes = (x, t, d, convs)
        layers = {"Pre_blocks_conv": c(3, g0), "post_blocks_conv": c(g0, g0), "PreShuffle": c(g0, 3 * x * x)}
        for i in range(1, t + 1):
            for j in range(1, d + 1):
                layers.update({f"F_{i}_{j}_{k}": c(g0 + (k - 1) * g, g) for k in range(1, convs + 1)})
                layers[f"LFF_{i}_{j}"] = c(g0 + convs * g, g0)
        super().__init__(**layers, SR=c(3, 3))

    def forward(self, x: Any) -> Any:
        scale, t, d, convs = self.sizes
        pre = outer = self.run("Pre_blocks_conv", x)
        for i in range(1, t + 1):
            inner = outer
            for j in range(1, d + 1):
                dense = [inner]
                for k in range(1, convs + 1):
                    dense.append(self.run(f"F_{i}_{j}_{k}", torch.cat(dense, 1), relu=True))
                inner = inner + 0.2 * self.run(f"LFF_{i}_{j}", torch.cat(dense, 1))
            outer = outer + 0.2 * inner
        body = self.run("post_blocks_conv", outer) + pre
        return self.run("SR", keras_depth_to_space(self.run("PreShuffle", body), scale))


class EdsrPytorchRdn(nn.Module):
    """The same layers as torchSR's under the names of EDSR-PyTorch, for values from 0 to 255."""

    def __init__(self) -> None:
        super().__init__()
        self.SFENet1, self.SFENet2 = c(3, 8), c(8, 8)
        self.RDBs = nn.ModuleList()
        for _ in range(2):
            rdb = nn.Module()
            rdb.convs = nn.Sequential()
            for k in range(3):
                layer = nn.Module()
                layer.conv = nn.Sequential(c(8 + 4 * k, 4), nn.ReLU())
                rdb.convs.append(layer)
            rdb.LFF = c(20, 8, 1)
            self.RDBs.append(rdb)
        self.GFF = nn.Sequential(c(16, 8, 1), c(8, 8))
        self.UPNet = nn.Sequential(c(8, 16), nn.PixelShuffle(2), c(4, 16), nn.PixelShuffle(2), c(4, 3))

    def forward(self, x: Any) -> Any:
        first = self.SFENet1(255 * x)
        block, gathered = self.SFENet2(first), []
        for rdb in self.RDBs:
            dense = block
            for layer in rdb.convs:
                dense = torch.cat((dense, layer.conv(dense)), 1)
            block = rdb.LFF(dense) + block
            gathered.append(block)
        return self.UPNet(self.GFF(torch.cat(gathered, 1)) + first) / 255


class BasicSrEdsr(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_first, self.conv_after_body, self.conv_last = c(3, 8), c(8, 8), c(8, 3)
        self.body = nn.Sequential()
        for _ in range(3):
            block = nn.Module()
            block.conv1, block.conv2 = c(8, 8), c(8, 8)
            self.body.append(block)
        self.upsample = nn.Sequential(c(8, 32), nn.PixelShuffle(2), c(8, 32), nn.PixelShuffle(2))

    def forward(self, x: Any) -> Any:
        mean = torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None]
        first = features = self.conv_first((x - mean) * 255)
        for block in self.body:
            features = features + block.conv2(functional.relu(block.conv1(features)))
        return self.conv_last(self.upsample(self.conv_after_body(features) + first)) / 255 + mean


class PlainEdsr(nn.Module):
    """EDSR-PyTorch's names without mean layers, for any bands."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.head = nn.Sequential(c(bands, 8))
        self.body = nn.Sequential()
        for _ in range(2):
            block = nn.Module()
            block.body = nn.Sequential(c(8, 8), nn.ReLU(), c(8, 8))
            self.body.append(block)
        self.body.append(c(8, 8))
        self.tail = nn.Sequential(nn.Sequential(c(8, 72), nn.PixelShuffle(3)), c(8, bands))

    def forward(self, x: Any) -> Any:
        first = features = self.head(x)
        for block in self.body[:-1]:
            features = features + block.body(features)
        return self.tail(self.body[-1](features) + first)


class YjnFsrcnn(nn.Module):
    def __init__(self, scale: int) -> None:
        super().__init__()
        self.first_part = nn.Sequential(c(1, 12, 5), nn.PReLU(12))
        middle = [c(12, 6, 1), nn.PReLU(6), c(6, 6), nn.PReLU(6), c(6, 6), nn.PReLU(6), c(6, 12, 1), nn.PReLU(12)]
        self.mid_part = nn.Sequential(*middle)
        self.last_part = nn.ConvTranspose2d(12, 1, 9, stride=scale, padding=4, output_padding=scale - 1)

    def forward(self, x: Any) -> Any:
        return self.last_part(self.mid_part(self.first_part(x)))


class LornatangFsrcnn(nn.Module):
    def __init__(self, scale: int) -> None:
        super().__init__()
        self.feature_extraction = nn.Sequential(c(1, 12, 5), nn.PReLU(12))
        self.shrink = nn.Sequential(c(12, 6, 1), nn.PReLU(6))
        self.map = nn.Sequential(c(6, 6), nn.PReLU(6), c(6, 6), nn.PReLU(6), c(6, 6), nn.PReLU(6))
        self.expand = nn.Sequential(c(6, 12, 1), nn.PReLU(12))
        self.deconv = nn.ConvTranspose2d(12, 1, 9, stride=scale, padding=4, output_padding=scale - 1)

    def forward(self, x: Any) -> Any:
        return self.deconv(self.expand(self.map(self.shrink(self.feature_extraction(x)))))


def yjn_espcn() -> Any:
    layers = {
        "first_part": nn.Sequential(c(1, 16, 5), nn.Tanh(), c(16, 8), nn.Tanh()),
        "last_part": nn.Sequential(c(8, 9), nn.PixelShuffle(3)),
    }
    return nn.Sequential(OrderedDict(layers))


def lornatang_espcn() -> Any:
    layers = {
        "feature_maps": nn.Sequential(c(3, 16, 5), nn.Tanh(), c(16, 8), nn.Tanh()),
        "sub_pixel": nn.Sequential(c(8, 12), nn.PixelShuffle(2)),
    }
    return nn.Sequential(OrderedDict(layers))


class TwtygqyyVdsr(nn.Module):
    """The published network, given what cubic convolution makes of the input."""

    def __init__(self, scale: int, layers: int = 3) -> None:
        super().__init__()
        self.scale = scale
        self.input, self.output = (nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in ((1, 8), (8, 1)))
        self.residual_layer = nn.Sequential()
        for _ in range(layers):
            layer = nn.Module()
            layer.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
            self.residual_layer.append(layer)

    def forward(self, x: Any) -> Any:
        enlarged = torch.from_numpy(cubic(x.numpy().astype(np.float64), self.scale)).float()
        features = functional.relu(self.input(enlarged))
        for layer in self.residual_layer:
            features = functional.relu(layer.conv(features))
        return self.output(features) + enlarged


def cubic(image: np.ndarray, scale: int) -> np.ndarray:
    """Cubic convolution with a = -0.5 along the last two axes, edges repeated: a matrix for each axis."""

    def matrix(size: int) -> np.ndarray:
        rows = np.zeros((size * scale, size))
        for i in range(size * scale):
            centre = (i + 0.5) / scale - 0.5
            for k in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
                t = abs(centre - k)
                weight = 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
                rows[i, min(max(k, 0), size - 1)] += weight
        return rows

    return matrix(image.shape[-2]) @ image @ matrix(image.shape[-1]).T


class AimRfdn(nn.Module):
    def __init__(self, width: int = 8, kept: int = 4, narrow: int = 3, blocks: int = 2, scale: int = 2) -> None:
        super().__init__()
        self.count = blocks
        self.fea_conv, self.LR_conv = c(3, width), c(width, width)
        for n in range(1, blocks + 1):
            b = nn.Module()
            b.c1_d, b.c2_d, b.c3_d = c(width, kept, 1), c(width, kept, 1), c(width, kept, 1)
            b.c1_r, b.c2_r, b.c3_r = c(width, width), c(width, width), c(width, width)
            b.c4, b.c5, b.esa = c(width, kept), c(4 * kept, width, 1), nn.Module()
            e = b.esa
            e.conv1, e.conv_f, e.conv4 = c(width, narrow, 1), c(narrow, narrow, 1), c(narrow, width, 1)
            e.conv2 = nn.Conv2d(narrow, narrow, 3, stride=2, padding=0)
            e.conv_max, e.conv3, e.conv3_ = c(narrow, narrow), c(narrow, narrow), c(narrow, narrow)
            self.add_module(f"B{n}", b)
        self.c = nn.Sequential(c(blocks * width, width, 1), nn.LeakyReLU(0.05))
        self.upsampler = nn.Sequential(c(width, 3 * scale * scale), nn.PixelShuffle(scale))

    @staticmethod
    def attended(e: Any, x: Any) -> Any:
        near = e.conv1(x)
        far = nn.MaxPool2d(7, 3)(e.conv2(near))
        far = e.conv3_(torch.relu(e.conv3(torch.relu(e.conv_max(far)))))
        far = nn.Upsample(x.shape[2:], mode="bilinear")(far)
        return torch.sigmoid(e.conv4(far + e.conv_f(near))) * x

    def block(self, b: Any, x: Any) -> Any:
        act = nn.LeakyReLU(0.05)
        d1, r1 = act(b.c1_d(x)), act(b.c1_r(x) + x)
        d2, r2 = act(b.c2_d(r1)), act(b.c2_r(r1) + r1)
        d3, r3 = act(b.c3_d(r2)), act(b.c3_r(r2) + r2)
        return self.attended(b.esa, b.c5(torch.cat((d1, d2, d3, act(b.c4(r3))), 1)))

    def forward(self, x: Any) -> Any:
        x = 255 * x
        first = features = self.fea_conv(x)
        results = []
        for n in range(1, self.count + 1):
            features = self.block(self.get_submodule(f"B{n}"), features)
            results.append(features)
        return self.upsampler(self.LR_conv(self.c(torch.cat(results, 1))) + first) / 255


#: Network, family, scale, bands.
WRITTEN: Dict[str, Tuple[Callable[[], Any], str, int, int]] = {
    "idealo RDN nearest x2": (lambda: IdealoRdn(2, False), "rdn", 2, 3),
    "idealo RDN nearest x3": (lambda: IdealoRdn(3, False), "rdn", 3, 3),
    "idealo RDN shuffle x3": (lambda: IdealoRdn(3, True), "rdn", 3, 3),
    "idealo RRDN x3": (lambda: IdealoRrdn(3), "rrdn", 3, 3),
    "idealo RRDN x4": (lambda: IdealoRrdn(4), "rrdn", 4, 3),
    "EDSR-PyTorch RDN x4": (EdsrPytorchRdn, "rdn_edsr", 4, 3),
    "BasicSR EDSR x4": (BasicSrEdsr, "edsr_basicsr", 4, 3),
    "EDSR 10 bands x3": (lambda: PlainEdsr(10), "edsr", 3, 10),
    "EDSR 1 band x3": (lambda: PlainEdsr(1), "edsr", 3, 1),
    "FSRCNN x2": (lambda: YjnFsrcnn(2), "fsrcnn", 2, 1),
    "FSRCNN x4": (lambda: YjnFsrcnn(4), "fsrcnn", 4, 1),
    "Lornatang FSRCNN x3": (lambda: LornatangFsrcnn(3), "fsrcnn", 3, 1),
    "ESPCN x3": (yjn_espcn, "espcn", 3, 1),
    "Lornatang ESPCN x2": (lornatang_espcn, "espcn", 2, 3),
    "VDSR x2": (lambda: TwtygqyyVdsr(2), "vdsr", 2, 1),
    "VDSR x3": (lambda: TwtygqyyVdsr(3), "vdsr", 3, 1),
    "VDSR x4": (lambda: TwtygqyyVdsr(4), "vdsr", 4, 1),
    "RFDN x2": (AimRfdn, "rfdn", 2, 3),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_same_output_as_written_from_the_notes(name: str, tmp_path: pathlib.Path) -> None:
    make, family, scale, bands = WRITTEN[name]
    torch.manual_seed(0)
    assert_same(randomised(make()), tmp_path / f"net_x{scale}.pth", family, scale, bands)


def test_super_image_leaves_the_mean_layers_out(tmp_path: pathlib.Path) -> None:
    """The same tensors under another file name mean another network."""
    original = torchsr("edsr").EDSR(2, 8, 2, 1.0).eval()

    class SuperImage(nn.Module):
        def state_dict(self, *_: Any, **__: Any) -> Any:
            return original.state_dict()

        def forward(self, x: Any) -> Any:
            first = original.head(x)
            return original.tail(original.body(first) + first)

    assert_same(SuperImage(), tmp_path / "pytorch_model_2x.pt", "edsr", 2)
