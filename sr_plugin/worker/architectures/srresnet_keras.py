"""SRResNet (Ledig et al., 2017, arXiv:1609.04802, figure 4) with what Keras does otherwise than torch."""

from __future__ import annotations

import torch
from torch import nn

from sr_plugin.worker.architectures.parts import DepthToSpace, conv

#: Keras adds this to variances, torch 1e-5.
_EPSILON = 1e-3


class _Block(nn.Module):
    """``x + bn2(conv2(act(bn1(conv1(x)))))`` on ``(N, width, H, W)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width), conv(width, width)
        self.bn1, self.bn2 = nn.BatchNorm2d(width, _EPSILON), nn.BatchNorm2d(width, _EPSILON)
        self.act = nn.PReLU(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


class _Up(nn.Module):
    """Doubling in Keras' channel order; ``(N, taken, H, W)`` to ``(N, width, 2 * H, 2 * W)``."""

    def __init__(self, taken: int, width: int) -> None:
        super().__init__()
        self.conv = conv(taken, 4 * width)
        self.shuffle = DepthToSpace(2)
        self.act = nn.PReLU(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.shuffle(self.conv(x)))


class _Net(nn.Module):
    """The network itself; one level down, so that its names cannot be taken for another family's."""

    def __init__(
        self, in_bands: int, out_bands: int, width: int, up_width: int, blocks: int, upsamplings: int, kernel: int
    ) -> None:
        super().__init__()
        self.stem, self.stem_act = conv(in_bands, width, kernel), nn.PReLU(width)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.trunk, self.trunk_bn = conv(width, width), nn.BatchNorm2d(width, _EPSILON)
        self.up = nn.Sequential(*(_Up(up_width if k else width, up_width) for k in range(upsamplings)))
        self.last = conv(up_width, out_bands, kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.stem_act(self.stem(x))
        return torch.tanh(self.last(self.up(self.trunk_bn(self.trunk(self.blocks(first))) + first)))


class SrResNetKeras(nn.Module):
    """``(N, in_bands, H, W)`` from 0 to 1, to ``(N, out_bands, H * s, W * s)`` from -1 to 1, ``s = 2**upsamplings``.

    Args:
        in_bands, out_bands: bands taken and given.
        width, up_width: feature channels before and behind the first enlargement.
        blocks: residual blocks.
        upsamplings: number of doublings.
        outer_kernel: side of the first and the last kernel.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        up_width: int = 64,
        blocks: int = 16,
        upsamplings: int = 2,
        outer_kernel: int = 9,
    ) -> None:
        super().__init__()
        self.keras = _Net(in_bands, out_bands, width, up_width, blocks, upsamplings, outer_kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        return self.keras(x)
