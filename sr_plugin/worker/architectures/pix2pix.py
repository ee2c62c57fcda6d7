"""The U-Net generator of pix2pix (Isola et al., 2017, arXiv:1611.07004, section 6.1) as three projects build it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_SLOPE = 0.2
_STYLES = ("original", "maps", "tutorial")
_NORMS = ("batch", "instance")
_CHANNEL_DOUBLINGS = 3


class _Level(nn.Module):
    """A convolution that halves or doubles height and width, and its normalisation."""

    def __init__(self, layer: nn.Module, norm: nn.Module | None, batch_statistics: bool) -> None:
        super().__init__()
        self.conv = layer
        self.norm = norm
        self.batch_statistics = batch_statistics

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        if self.norm is None:
            return x
        if self.batch_statistics and isinstance(self.norm, nn.BatchNorm2d):
            return functional.batch_norm(x, None, None, self.norm.weight, self.norm.bias, True, 0.0, self.norm.eps)
        return self.norm(x)


class Pix2Pix(nn.Module):
    """``(N, in_bands, H, W)`` to ``(N, out_bands, H, W)``; H and W must be multiples of ``2**depth``.

    Args:
        in_bands, out_bands: bands taken and given.
        width: channels of the outermost level; inner levels have up to eight times as many.
        depth: how often the image is halved.
        norm: ``batch`` or ``instance`` (without weights).
        biased: parts whose convolutions have a bias, out of ``first``, ``down``, ``bottleneck``, ``up``, ``last``.
        style: ``original`` pads with zeros, activates what skips over and puts it before the rest; ``tutorial`` and
            ``maps`` reflect at the border but in the bottleneck, do not activate it again and put it behind; ``maps``
            was trained on results from 0 to 1, to which it is clamped.
        batch_statistics: whether batch normalisation takes its statistics from the tile, as in training.

    Raises:
        ValueError: when ``style`` or ``norm`` is another word.
    """

    def __init__(
        self,
        in_bands: int = 3,
        out_bands: int = 3,
        width: int = 64,
        depth: int = 8,
        norm: str = "batch",
        biased: Sequence[str] = ("last",),
        style: str = "original",
        batch_statistics: bool = False,
    ) -> None:
        super().__init__()
        if style not in _STYLES or norm not in _NORMS:
            raise ValueError(f"unknown style {style!r} or normalisation {norm!r}")
        self.style = style
        self._biased, self._norm, self._batch_statistics = tuple(biased), norm, batch_statistics
        widths = [width * 2 ** min(level, _CHANNEL_DOUBLINGS) for level in range(depth)]
        down, up = nn.ModuleList(), nn.ModuleList()
        for level, given in enumerate(widths):
            outer = widths[level - 1] if level else 0
            deepest = level == depth - 1
            part = "first" if level == 0 else "bottleneck" if deepest else "down"
            down.append(self._down(outer or in_bands, given, part))
            up.append(self._up(given if deepest else 2 * given, outer or out_bands, "up" if level else "last"))
        # Under the style's name, because that is how files tell it.
        self.add_module(style, nn.ModuleDict({"down": down, "up": up}))

    def _norm_of(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels) if self._norm == "batch" else nn.InstanceNorm2d(channels)

    def _down(self, taken: int, given: int, part: str) -> _Level:
        padding = "zeros" if self.style == "original" or part == "bottleneck" else "reflect"
        layer = nn.Conv2d(taken, given, 4, 2, 1, bias=part in self._biased, padding_mode=padding)
        return _Level(layer, self._norm_of(given) if part == "down" else None, self._batch_statistics)

    def _up(self, taken: int, given: int, part: str) -> _Level:
        layer = nn.ConvTranspose2d(taken, given, 4, 2, 1, bias=part in self._biased)
        return _Level(layer, self._norm_of(given) if part == "up" else None, self._batch_statistics)

    def _joined(self, skipped: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        if self.style == "original":
            return torch.cat((functional.relu(skipped), x), 1)
        return torch.cat((x, skipped), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output."""
        levels = self.get_submodule(self.style)
        *down, bottleneck = levels["down"]
        last, *up = levels["up"]
        skipped = []
        for level in down:
            x = functional.leaky_relu(level(x), _SLOPE)
            skipped.append(x)
        x = functional.relu(bottleneck(x))
        for level in reversed(up):
            x = self._joined(skipped.pop(), functional.relu(level(x)))
        x = torch.tanh(last(x))
        return x.clamp(0.0, 1.0) if self.style == "maps" else x
