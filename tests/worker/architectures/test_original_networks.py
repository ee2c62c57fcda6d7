"""Our modules compute what the originals do: written here as those projects write them, with their names."""

from __future__ import annotations

import pathlib
from typing import Callable, Dict

import pytest

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class TutorialConv(nn.Module):
    def __init__(self, taken: int, given: int, kernel: int, norm: bool = False, act: str = "") -> None:
        super().__init__()
        layers = [nn.Conv2d(taken, given, kernel, padding=kernel // 2)]
        layers += [nn.BatchNorm2d(given)] if norm else []
        layers += {"": [], "prelu": [nn.PReLU()], "tanh": [nn.Tanh()]}[act]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_block(x)


class TutorialResidual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_block1 = TutorialConv(width, width, 3, True, "prelu")
        self.conv_block2 = TutorialConv(width, width, 3, True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_block2(self.conv_block1(x)) + x


class TutorialSubPixel(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width * 4, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.prelu = nn.PReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(self.pixel_shuffle(self.conv(x)))


class Tutorial(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_block1 = TutorialConv(3, 8, 9, act="prelu")
        self.residual_blocks = nn.Sequential(*(TutorialResidual(8) for _ in range(2)))
        self.conv_block2 = TutorialConv(8, 8, 3, True)
        self.subpixel_convolutional_blocks = nn.Sequential(*(TutorialSubPixel(8) for _ in range(2)))
        self.conv_block3 = TutorialConv(8, 3, 9, act="tanh")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stem = self.conv_block1(x)
        output = self.conv_block2(self.residual_blocks(stem)) + stem
        return self.conv_block3(self.subpixel_convolutional_blocks(output))


class TutorialGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = Tutorial()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class LornatangBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.rcb = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rcb(x) + x


class LornatangUpsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.upsample_block = nn.Sequential(nn.Conv2d(width, width * 4, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.upsample_block(x)


class Lornatang(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 8, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(*(LornatangBlock(8) for _ in range(2)))
        self.conv2 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.upsampling = nn.Sequential(LornatangUpsample(8))
        self.conv3 = nn.Conv2d(8, 3, 9, padding=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stem = self.conv1(x)
        output = self.conv2(self.trunk(stem)) + stem
        return self.conv3(self.upsampling(output)).clamp(0.0, 1.0)


class ThomasBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class ThomasUpsample(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width * 4, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.prelu = nn.PReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(self.pixel_shuffle(self.conv(x)))


class Thomas(nn.Module):
    """Ends with tanh here; the original adds 1 and halves, which the value range does for us."""

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 8, 9, padding=4), nn.PReLU())
        for n in range(2, 7):
            self.add_module(f"block{n}", ThomasBlock(8))
        self.block7 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.block8 = nn.Sequential(*(ThomasUpsample(8) for _ in range(3)), nn.Conv2d(8, 3, 9, padding=4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = features = self.block1(x)
        for n in range(2, 7):
            features = getattr(self, f"block{n}")(features)
        return torch.tanh(self.block8(first + self.block7(features)))


class BasicBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(torch.relu(self.conv1(x)))


class Basic(nn.Module):
    def __init__(self, upscale: int) -> None:
        super().__init__()
        self.upscale = upscale
        self.conv_first = nn.Conv2d(3, 8, 3, 1, 1)
        self.body = nn.Sequential(*(BasicBlock(8) for _ in range(2)))
        self.upconv1 = nn.Conv2d(8, 72 if upscale == 3 else 32, 3, 1, 1)
        if upscale == 4:
            self.upconv2 = nn.Conv2d(8, 32, 3, 1, 1)
        self.conv_hr = nn.Conv2d(8, 8, 3, 1, 1)
        self.conv_last = nn.Conv2d(8, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        leaky = nn.LeakyReLU(0.1)
        output = self.body(leaky(self.conv_first(x)))
        output = leaky(nn.PixelShuffle(3 if self.upscale == 3 else 2)(self.upconv1(output)))
        if self.upscale == 4:
            output = leaky(nn.PixelShuffle(2)(self.upconv2(output)))
        output = self.conv_last(leaky(self.conv_hr(output)))
        return output + functional.interpolate(x, scale_factor=self.upscale, mode="bilinear", align_corners=False)


class EsrganDense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for k in range(1, 6):
            self.add_module(f"conv{k}", nn.Conv2d(8 + 4 * (k - 1), 8 if k == 5 else 4, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        known = [x]
        for k in range(1, 5):
            known.append(functional.leaky_relu(getattr(self, f"conv{k}")(torch.cat(known, 1)), 0.2))
        return self.conv5(torch.cat(known, 1)) * 0.2 + x


class EsrganBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.RDB1, self.RDB2, self.RDB3 = EsrganDense(), EsrganDense(), EsrganDense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.RDB3(self.RDB2(self.RDB1(x))) * 0.2 + x


class Esrgan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, 8, 3, 1, 1)
        self.RRDB_trunk = nn.Sequential(EsrganBlock(), EsrganBlock())
        self.trunk_conv = nn.Conv2d(8, 8, 3, 1, 1)
        self.upconv1 = nn.Conv2d(8, 8, 3, 1, 1)
        self.upconv2 = nn.Conv2d(8, 8, 3, 1, 1)
        self.HRconv = nn.Conv2d(8, 8, 3, 1, 1)
        self.conv_last = nn.Conv2d(8, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        leaky = nn.LeakyReLU(0.2)
        features = self.conv_first(x)
        features = features + self.trunk_conv(self.RRDB_trunk(features))
        for layer in (self.upconv1, self.upconv2):
            features = leaky(layer(functional.interpolate(features, scale_factor=2, mode="nearest")))
        return self.conv_last(leaky(self.HRconv(features)))


ORIGINALS: Dict[str, Callable[[], nn.Module]] = {
    "tutorial": Tutorial,
    "tutorial generator": TutorialGenerator,
    "Lornatang": Lornatang,
    "leftthomas": Thomas,
    "BasicSR x2": lambda: Basic(2),
    "BasicSR x3": lambda: Basic(3),
    "BasicSR x4": lambda: Basic(4),
    "ESRGAN": Esrgan,
}


def shaken(network: nn.Module) -> nn.Module:
    """Every number random, so that none can hide behind a neutral start value."""
    generator = torch.Generator().manual_seed(5)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.is_floating_point() and value.ndim == 1:
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return network.eval()


@pytest.mark.parametrize("whole", [False, True], ids=["state dict", "whole object"])
@pytest.mark.parametrize("name", ORIGINALS)
def test_same_output_as_the_original(name: str, whole: bool, tmp_path: pathlib.Path) -> None:
    from sr_plugin.worker.architectures.build import load_network

    torch.manual_seed(1)
    original = shaken(ORIGINALS[name]())
    path = tmp_path / "model.pth"
    torch.save({"epoch": 1, "model": original} if whole else original.state_dict(), path)
    network = load_network(str(path))
    image = torch.rand(2, 3, 11, 14)
    with torch.inference_mode():
        wanted, found = original(image), network(image)
    assert not network.training
    assert found.shape == wanted.shape
    assert wanted.std() > 1e-3
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
