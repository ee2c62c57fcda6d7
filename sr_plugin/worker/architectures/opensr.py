"""The generators of OpenSR SRGAN (Donike et al., 2025, https://github.com/ESAOpenSR/SRGAN)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv

_SLOPE = 0.2


class _Dense(nn.Module):
    """Five convolutions, each over everything before it; only the last one's result, ``(N, width, H, W)``."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for k in range(1, 6):
            self.add_module(f"c{k}", conv(width + (k - 1) * growth, width if k == 5 else growth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *inner, last = self.children()
        for layer in inner:
            x = torch.cat((x, functional.leaky_relu(layer(x), _SLOPE)), 1)
        return last(x)


class _Block(nn.Module):
    """``x + residual_scale * change(x)`` on ``(N, width, H, W)``."""

    def __init__(self, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale

    def change(self, x: torch.Tensor) -> torch.Tensor:
        """What the block adds."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.residual_scale * self.change(x)


class _Residual(_Block):
    """Convolution, PReLU, convolution."""

    def __init__(self, width: int, kernel: int, inner: int, residual_scale: float) -> None:
        super().__init__(residual_scale)
        self.body = nn.Sequential(conv(width, width, kernel), nn.PReLU(), conv(width, width, kernel))

    def change(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class _Dense3(_Block):
    """Three dense blocks one after the other."""

    def __init__(self, width: int, kernel: int, inner: int, residual_scale: float) -> None:
        super().__init__(residual_scale)
        self.db1, self.db2, self.db3 = (_Dense(width, inner) for _ in range(3))

    def change(self, x: torch.Tensor) -> torch.Tensor:
        return self.db3(self.db2(self.db1(x)))


class _Pair(_Block):
    """Two convolutions with something between or behind them, which subclasses say."""

    def __init__(self, width: int, kernel: int, residual_scale: float) -> None:
        super().__init__(residual_scale)
        self.conv1, self.act, self.conv2 = conv(width, width, kernel), nn.PReLU(), conv(width, width, kernel)


class _ChannelAttention(_Pair):
    """Bands of features weighted by what their mean over the whole tile says."""

    def __init__(self, width: int, kernel: int, inner: int, residual_scale: float) -> None:
        super().__init__(width, kernel, residual_scale)
        layers = (conv(width, inner, 1), nn.ReLU(), conv(inner, width, 1), nn.Sigmoid())
        self.se = nn.Sequential(nn.AdaptiveAvgPool2d(1), *layers)

    def change(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.act(self.conv1(x)))
        return y * self.se(y)


class _LargeKernels(nn.Module):
    """Attention of a 5 x 5 and a dilated 7 x 7 kernel for each channel, mixed by a 1 x 1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dw5 = conv(width, width, 5, groups=width)
        self.dw7d = nn.Conv2d(width, width, 7, padding=9, dilation=3, groups=width)
        self.pw = conv(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.pw(self.dw7d(self.dw5(x))))


class _LargeKernelAttention(_Pair):
    """Large-kernel attention between the two convolutions."""

    def __init__(self, width: int, kernel: int, inner: int, residual_scale: float) -> None:
        super().__init__(width, kernel, residual_scale)
        self.lka = _LargeKernels(width)

    def change(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.lka(self.act(self.conv1(x))))


class _Noise(_Pair):
    """Features scaled and shifted by what a noise vector says; the vector is zero, so that all tiles agree."""

    def __init__(self, width: int, kernel: int, inner: int, residual_scale: float) -> None:
        super().__init__(width, kernel, residual_scale)
        self.noise_size = inner
        self.noise_mlp = nn.Sequential(nn.Linear(inner, width), nn.SiLU(), nn.Linear(width, 2 * width))

    def change(self, x: torch.Tensor) -> torch.Tensor:
        gain, offset = self.noise_mlp(x.new_zeros(1, self.noise_size))[..., None, None].chunk(2, 1)
        return self.conv2(self.act(self.conv1(x) * (1 + gain) + offset))


_BLOCKS: dict[str, Callable[[int, int, int, float], nn.Module]] = {
    "res": _Residual,
    "rcab": _ChannelAttention,
    "rrdb": _Dense3,
    "lka": _LargeKernelAttention,
    "cgan": _Noise,
}


def _upsampler(width: int, upsamplings: int) -> nn.Sequential:
    """Convolution, pixel shuffle by two and PReLU for each doubling."""
    layers: list[nn.Module] = []
    for _ in range(upsamplings):
        layers += [conv(width, 4 * width), nn.PixelShuffle(2), nn.PReLU()]
    return nn.Sequential(*layers)


class OpenSr(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s = 2**upsamplings``; no final activation.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        blocks: number of blocks.
        block: ``res``, ``rcab``, ``rrdb``, ``lka`` or ``cgan``.
        inner_width: growth of ``rrdb``, squeezed width of ``rcab``, size of the noise vector of ``cgan``.
        outer_kernel: kernel of the first and the last convolution.
        inner_kernel: kernel of the blocks (but those of ``rrdb``) and of the convolution behind them.
        upsamplings: number of doublings.
        residual_scale: part of each block's change that is added.

    Raises:
        ValueError: when ``block`` is another word.
    """

    def __init__(
        self,
        in_bands: int = 4,
        out_bands: int = 4,
        width: int = 64,
        blocks: int = 16,
        block: str = "res",
        inner_width: int = 0,
        outer_kernel: int = 9,
        inner_kernel: int = 3,
        upsamplings: int = 2,
        residual_scale: float = 0.2,
    ) -> None:
        super().__init__()
        if block not in _BLOCKS:
            raise ValueError(f"unknown block {block!r}")
        make = _BLOCKS[block]
        self.head = nn.Sequential(conv(in_bands, width, outer_kernel), nn.PReLU())
        self.body = nn.Sequential(*(make(width, inner_kernel, inner_width, residual_scale) for _ in range(blocks)))
        self.body_tail = conv(width, width, inner_kernel)
        self.upsampler = _upsampler(width, upsamplings)
        self.tail = conv(width, out_bands, outer_kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        features = self.head(x)
        return self.tail(self.upsampler(features + self.body_tail(self.body(features))))


class OpenSrEsrgan(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H * s, W * s)`` with ``s = 2**upsamplings``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: feature channels.
        blocks: number of dense blocks in threes.
        growth: channels that each convolution of a dense block adds.
        upsamplings: number of doublings.
        residual_scale: part of each block's change that is added.
    """

    def __init__(
        self,
        in_bands: int = 4,
        out_bands: int = 4,
        width: int = 64,
        blocks: int = 23,
        growth: int = 32,
        upsamplings: int = 2,
        residual_scale: float = 0.2,
    ) -> None:
        super().__init__()
        self.conv_first = conv(in_bands, width)
        self.body = nn.Sequential(*(_Dense3(width, 3, growth, residual_scale) for _ in range(blocks)))
        self.conv_body = conv(width, width)
        self.upsampler = _upsampler(width, upsamplings)
        self.conv_hr = conv(width, width)
        self.conv_last = conv(width, out_bands)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        first = self.conv_first(x)
        enlarged = self.upsampler(first + self.conv_body(self.body(first)))
        return self.conv_last(functional.leaky_relu(self.conv_hr(enlarged), _SLOPE))
