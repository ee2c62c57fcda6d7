"""SRResNet, the generator of SRGAN (Ledig et al., 2017, arXiv:1609.04802, figure 4), in all its variants."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def _conv(taken: int, given: int, kernel: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(taken, given, kernel, padding=kernel // 2, bias=bias)


class ResidualBlock(nn.Module):
    """``x + bn2(conv2(act(bn1(conv1(x)))))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int, kernel: int, bias: bool) -> None:
        super().__init__()
        self.conv1 = _conv(width, width, kernel, bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.act = nn.PReLU()
        self.conv2 = _conv(width, width, kernel, bias)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


class Doubling(nn.Module):
    """Convolution, pixel shuffle by two, PReLU: ``(N, width, H, W)`` to ``(N, width, 2 H, 2 W)``."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv = _conv(width, 4 * width, kernel)
        self.act = nn.PReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(functional.pixel_shuffle(self.conv(x), 2))


class SrResNet(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s = 2**upsamplings``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        blocks: residual blocks.
        upsamplings: number of doublings.
        outer_kernel: kernel of the first and the last convolution.
        inner_kernel: kernel of all others.
        body_bias: whether convolutions before a batch normalisation have a bias.
        final: ``tanh`` (output -1 to 1) or ``clamp`` (output 0 to 1).

    Raises:
        ValueError: when ``final`` is another word.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        blocks: int = 16,
        upsamplings: int = 2,
        outer_kernel: int = 9,
        inner_kernel: int = 3,
        body_bias: bool = True,
        final: str = "tanh",
    ) -> None:
        super().__init__()
        if final not in ("tanh", "clamp"):
            raise ValueError(f"unknown final step {final!r}")
        self.final = final
        self.stem = _conv(in_bands, width, outer_kernel)
        self.stem_act = nn.PReLU()
        self.blocks = nn.Sequential(*(ResidualBlock(width, inner_kernel, body_bias) for _ in range(blocks)))
        self.trunk = _conv(width, width, inner_kernel, body_bias)
        self.trunk_bn = nn.BatchNorm2d(width)
        self.up = nn.Sequential(*(Doubling(width, inner_kernel) for _ in range(upsamplings)))
        self.last = _conv(width, out_bands, outer_kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        stem = self.stem_act(self.stem(x))
        trunk = self.trunk_bn(self.trunk(self.blocks(stem)))
        output = self.last(self.up(stem + trunk))
        return torch.tanh(output) if self.final == "tanh" else torch.clamp(output, 0.0, 1.0)
