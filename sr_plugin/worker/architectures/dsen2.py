"""DSen2 and VDSen2 (Lanaras et al., 2018, arXiv:1803.04271, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from sr_plugin.worker.architectures.parts import conv


class DSen2(nn.Module):
    """Groups of bands, each on its own grid or all on that of the first, to the last group on the grid of the first.

    ``(N, 4, H, W), (N, 6, H / 2, W / 2)`` to ``(N, 6, H, W)`` with the groups ``[[4, 1], [6, 2]]``, for example.

    Args:
        groups: bands and pixel size, in pixels of the first group, of every input.
        width: feature channels.
        blocks: residual blocks.
        residual_scale: part of each block's change that is added.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]] = ((4, 1), (6, 2)),
        width: int = 128,
        blocks: int = 6,
        residual_scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.groups = [(int(bands), int(ratio)) for bands, ratio in groups]
        self.residual_scale = residual_scale
        taken, given = sum(bands for bands, _ in self.groups), self.groups[-1][0]
        inner = (conv(width, width) for _ in range(2 * blocks))
        self.convs = nn.ModuleList([conv(taken, width), *inner, conv(width, given)])

    def _enlarged(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Every group on the finest grid: bilinear about pixel centres, edges repeated. Those there already stay.

        Raises:
            ValueError: when there are more or fewer groups than expected, or sizes do not belong together.
        """
        if len(inputs) != len(self.groups):
            raise ValueError(f"{len(inputs)} groups of bands were given, where {len(self.groups)} are expected")
        height, width = inputs[0].shape[-2:]
        enlarged = []
        for x, (bands, ratio) in zip(inputs, self.groups, strict=True):
            nested = x.shape[2] * ratio == height and x.shape[3] * ratio == width
            fine = x.shape[2] == height and x.shape[3] == width
            if x.shape[1] != bands or not (nested or fine):
                raise ValueError(f"a group has the shape {tuple(x.shape)} beside a first one of {height} x {width}")
            if not fine:
                x = functional.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)
            enlarged.append(x)
        return enlarged

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """One array for each group, in the model's range, to the last group in the same range on the finest grid."""
        enlarged = self._enlarged(inputs)
        first, *inner, last = self.convs
        x = functional.relu(first(torch.cat(enlarged, 1)))
        for one, two in zip(inner[::2], inner[1::2], strict=True):
            x = x + self.residual_scale * two(functional.relu(one(x)))
        return last(x) + enlarged[-1]
