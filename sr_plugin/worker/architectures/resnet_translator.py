"""The ResNet generator of CycleGAN (Zhu et al., 2017, arXiv:1703.10593, appendix 7.2), also used by pix2pix."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_QUARTER = 4


class _Norm(nn.Module):
    """Batch or instance normalisation on ``(N, channels, H, W)``.

    ``stored`` keeps statistics of instance normalisation that some files hold; they are not used, as the project's
    own program drops them.
    """

    def __init__(self, channels: int, kind: str, stored: bool, batch_statistics: bool) -> None:
        super().__init__()
        self.from_tile = kind == "instance"
        self.batch_statistics = batch_statistics
        if kind == "batch":
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        if kind == "batch" or stored:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.from_tile:
            return functional.instance_norm(x)
        if self.batch_statistics:
            return functional.batch_norm(x, None, None, self.weight, self.bias, True)
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class _Block(nn.Module):
    """``x + norm(conv(relu(norm(conv(x)))))`` on ``(N, channels, H, W)``, reflected at the border."""

    def __init__(self, first: nn.Module, first_norm: nn.Module, second: nn.Module, second_norm: nn.Module) -> None:
        super().__init__()
        layers = (nn.ReflectionPad2d(1), first, first_norm, nn.ReLU(), nn.ReflectionPad2d(1), second, second_norm)
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class ResNetTranslator(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H, W)``, both from -1 to 1; H and W must be multiples of four.

    Args:
        in_bands, out_bands: bands taken and given.
        width: channels at full size; four times as many in the blocks.
        blocks: residual blocks at a quarter of the size, usually six or nine.
        norm: ``batch`` or ``instance`` (without weights).
        biased: whether convolutions before a normalisation have a bias.
        stored_statistics: whether the file holds statistics of instance normalisation.
        batch_statistics: whether batch normalisation takes its statistics from the tile, as in training.

    Raises:
        ValueError: when ``norm`` is another word.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        biased: bool = True,
        stored_statistics: bool = False,
        batch_statistics: bool = False,
    ) -> None:
        super().__init__()
        if norm not in ("batch", "instance"):
            raise ValueError(f"unknown normalisation {norm!r}")

        def normed(channels: int) -> _Norm:
            return _Norm(channels, norm, stored_statistics, batch_statistics)

        def conv(taken: int, given: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(taken, given, kernel, stride, padding=stride - 1, bias=biased)

        inner = _QUARTER * width
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), conv(in_bands, width, 7), normed(width), nn.ReLU()]
        for given in (2 * width, inner):
            layers += [conv(given // 2, given, stride=2), normed(given), nn.ReLU()]
        layers += [_Block(conv(inner, inner), normed(inner), conv(inner, inner), normed(inner)) for _ in range(blocks)]
        for taken in (inner, 2 * width):
            up = nn.ConvTranspose2d(taken, taken // 2, 3, 2, padding=1, output_padding=1, bias=biased)
            layers += [up, normed(taken // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, out_bands, 7), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        return self.model(x)
