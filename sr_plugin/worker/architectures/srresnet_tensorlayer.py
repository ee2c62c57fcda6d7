"""SRResNet (Ledig et al., 2017, arXiv:1609.04802, figure 4) with ReLUs, as TensorLayer's SRGAN builds it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv, depth_to_space


class _Block(nn.Module):
    """``x + bn2(conv2(relu(bn1(conv1(x)))))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width, bias=bias), conv(width, width, bias=bias)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))


class _Net(nn.Module):
    """The network itself; one level down, so that its names cannot be taken for another family's."""

    def __init__(
        self, in_bands: int, out_bands: int, width: int, blocks: int, ups: int, kernels: Sequence[int], bias: bool
    ) -> None:
        super().__init__()
        self.stem = conv(in_bands, width, kernels[0])
        self.blocks = nn.Sequential(*(_Block(width, bias) for _ in range(blocks)))
        self.trunk, self.trunk_bn = conv(width, width, bias=bias), nn.BatchNorm2d(width)
        self.up = nn.ModuleDict({str(k): conv(width, 4 * width) for k in range(1, ups + 1)})
        self.last = conv(width, out_bands, kernels[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = functional.relu(self.stem(x))
        x = self.trunk_bn(self.trunk(self.blocks(first))) + first
        for layer in self.up.values():
            x = functional.relu(depth_to_space(layer(x), 2))
        return torch.tanh(self.last(x))


class SrResNetTensorLayer(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)``, both from -1 to 1, ``s = 2**upsamplings``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        blocks: residual blocks.
        upsamplings: number of doublings.
        kernels: sides of the first and the last kernel.
        body_bias: whether convolutions before a batch normalisation have a bias.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        blocks: int = 16,
        upsamplings: int = 2,
        kernels: Sequence[int] = (3, 1),
        body_bias: bool = False,
    ) -> None:
        super().__init__()
        self.tensorlayer = _Net(in_bands, out_bands, width, blocks, upsamplings, kernels, body_bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        return self.tensorlayer(x)
