"""CARN and CARN-M (Ahn et al., 2018, arXiv:1803.08664, figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv

_STAGES = 3
_HEADS = {2: (2,), 3: (3,), 4: (2, 2)}


class Residual(nn.Module):
    """``relu(body(x) + x)`` on ``(N, width, H, W)``; the mobile one has groups and a 1 x 1 convolution behind."""

    def __init__(self, width: int, groups: int, mobile: bool) -> None:
        super().__init__()
        layers = [conv(width, width, groups=groups), nn.ReLU(), conv(width, width, groups=groups)]
        if mobile:
            layers += [nn.ReLU(), conv(width, width, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + x)


class Fusion(nn.Module):
    """Brings the ``inputs`` gathered channels back to ``width`` by a 1 x 1 convolution and a ReLU."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(inputs, width, 1), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class Cascade(nn.Module):
    """Three blocks; behind each, everything before it is gathered and fused. ``(N, width, H, W)`` to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        for k in range(1, _STAGES + 1):
            self.add_module(f"c{k}", Fusion((k + 1) * width, width))

    def block(self, number: int) -> nn.Module:
        """The block of this number, from 1."""
        return self.get_submodule(f"b{number}")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gathered = x
        for k in range(1, _STAGES + 1):
            gathered = torch.cat((gathered, self.block(k)(x)), 1)
            x = self.get_submodule(f"c{k}")(gathered)
        return x


class InnerCascade(Cascade):
    """A cascade of residual blocks; the mobile one uses the first of them three times."""

    def __init__(self, width: int, groups: int, mobile: bool) -> None:
        super().__init__(width)
        self.mobile = mobile
        for k in range(1, (1 if mobile else _STAGES) + 1):
            self.add_module(f"b{k}", Residual(width, groups, mobile))

    def block(self, number: int) -> nn.Module:
        """See :class:`Cascade`."""
        return super().block(1 if self.mobile else number)


class Head(nn.Module):
    """A convolution, a ReLU and a pixel shuffle for each factor; ``width`` channels in and out."""

    def __init__(self, width: int, factors: Sequence[int], groups: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for factor in factors:
            layers += [conv(width, width * factor**2, groups=groups), nn.ReLU(), nn.PixelShuffle(factor)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


class Carn(Cascade):
    """``(N, bands, H, W)``, usually 0 to 1, to ``(N, bands, H * scale, W * scale)``.

    Args:
        bands: bands taken and given.
        width: feature channels.
        mobile: build CARN-M.
        groups, up_groups: groups of the convolutions in residual blocks and in heads.
        heads: scales of the heads in the file; ``scale`` chooses the one that runs.
        single: shuffle factors of the only head, where there are no heads by scale.
        means: whether 1 x 1 convolutions take the mean off and put it back.
        value_range: not used here.
        scale: enlargement.
    """

    def __init__(
        self,
        bands: int = 3,
        width: int = 64,
        mobile: bool = False,
        groups: int = 1,
        up_groups: int = 1,
        heads: Sequence[int] = (2, 3, 4),
        single: Sequence[int] = (),
        means: bool = True,
        value_range: str = "unit",
        scale: int = 4,
    ) -> None:
        super().__init__(width)
        self.means = means
        if means:
            self.sub_mean, self.add_mean = conv(bands, bands, 1), conv(bands, bands, 1)
        self.entry = conv(bands, width)
        for k in range(1, _STAGES + 1):
            self.add_module(f"b{k}", InnerCascade(width, groups, mobile))
        made = {f"up{s}": Head(width, _HEADS[s], up_groups) for s in heads}
        if single:
            made["up"] = Head(width, single, up_groups)
        self.upsample = nn.ModuleDict(made)
        self.head = f"up{scale}" if heads else "up"
        if self.head not in made:
            raise ValueError(f"no head enlarges by {scale}")
        self.exit = conv(width, bands)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Model input to model output, neither clamped."""
        features = super().forward(self.entry(self.sub_mean(x) if self.means else x))
        output = self.exit(self.upsample[self.head](features))
        return self.add_mean(output) if self.means else output
