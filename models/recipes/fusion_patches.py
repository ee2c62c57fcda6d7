"""Draw batches for band fusion after Wald's protocol: everything is made coarser by the ratio of the pixel sizes.

The measured coarse bands become the target and the network learns from the step below what it is to do at the step
above, with true bands of that scene on both sides (Lanaras et al., 2018, arXiv:1803.04271, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np
import torch

from models.recipes.degradation import Blur, dsen2_blur, random_blurs, reduction_matrix
from models.recipes.fusion_scenes import RATIOS, FusionScene

#: Network input of reflectance 1.0.
UNIT = 5.0
_GAIN = (0.5, 1.8)
_BAND_GAIN = 0.25
_HAZE = (-0.01, 0.05)
_SHARE_OF_MIXED = 0.4
_LARGEST_MIX = 0.6
#: Mean reflectance of the last 10 m band below which a crop counts as water, which hardly teaches.
_WATER = 0.05
_KEEP_WATER = 0.15
_ATTEMPTS = 20


@dataclass(frozen=True)
class FusionPlan:
    """What a batch looks like.

    Attributes:
        count: groups of bands, 2 for the 20 m bands and 3 for the 60 m bands.
        patch: edge of a patch in pixels of the target.
        patches: number of them in a batch.
        margin: pixels of the coarsest input that a crop has around the patch, so that no kernel is cut off.
        area_power: scenes are drawn by their area to this power.
        dsen2_share: part of the batches made coarser as DSen2 does; the others get a random point spread.
    """

    count: int
    patch: int
    patches: int
    margin: int
    area_power: float = 0.6
    dsen2_share: float = 0.65

    @property
    def ratio(self) -> int:
        """By how much everything is made coarser."""
        return RATIOS[self.count - 1]


def wald(groups: Sequence[np.ndarray], blurs: Tuple[Blur, Blur], margin: int) -> Tuple[List[np.ndarray], np.ndarray]:
    """Every group of bands made coarser by the ratio of the coarsest, and the measured coarsest one.

    Args:
        groups: ``(..., bands, h / r, w / r)`` reflectance, finest first, with r of :data:`RATIOS`.
        blurs: point spread along rows and columns, in pixels of each group.
        margin: pixels of the coarsest result to cut off at each side.

    Returns:
        The inputs, each on its own grid, and the target on the grid of the first input.
    """
    ratio = RATIOS[len(groups) - 1]
    inputs = []
    for group, own in zip(groups, RATIOS):
        keep = margin * ratio // own
        lengths = [length // ratio for length in group.shape[-2:]]
        rows, columns = (
            reduction_matrix(n, ratio, blur)[keep : n - keep].astype(group.dtype) for n, blur in zip(lengths, blurs)
        )
        inputs.append(rows @ group @ columns.T)
    keep = margin * ratio
    height, width = groups[-1].shape[-2:]
    return inputs, groups[-1][..., keep : height - keep, keep : width - keep]


class FusionSource:
    """Random batches.

    Args:
        scenes: to crop; those smaller than a crop are mirrored outwards.
        plan: of the batches.
        seed: of all that is random here.
    """

    def __init__(self, scenes: List[FusionScene], plan: FusionPlan, seed: int) -> None:
        self._plan = plan
        self._edge = plan.patch + 2 * plan.margin * plan.ratio
        self.random = np.random.default_rng(seed)
        area = np.array([scene.groups[-1][0].size for scene in scenes], dtype=float)
        self._scenes = [self._grown(scene) for scene in scenes]
        self._share = area**plan.area_power / (area**plan.area_power).sum()

    def _grown(self, scene: FusionScene) -> FusionScene:
        missing = [max(0, self._edge - length) for length in scene.groups[-1].shape[1:]]
        grown = []
        for group, own in zip(scene.groups, RATIOS):
            factor = self._plan.ratio // own
            width = [(0, 0)] + [(m // 2 * factor, (m - m // 2) * factor) for m in missing]
            grown.append(np.pad(group, width, mode="symmetric"))
        return FusionScene(scene.source, tuple(grown))

    def _crop(self) -> List[np.ndarray]:
        for _ in range(_ATTEMPTS):
            scene = self._scenes[self.random.choice(len(self._scenes), p=self._share)]
            lengths = scene.groups[-1].shape[1:]
            corner = [int(self.random.integers(0, length - self._edge + 1)) for length in lengths]
            crop = []
            for group, own in zip(scene.groups, RATIOS):
                factor = self._plan.ratio // own
                top, left = (start * factor for start in corner)
                crop.append(group[:, top : top + self._edge * factor, left : left + self._edge * factor])
            wanted = crop[0][3].mean() > _WATER or self.random.random() < _KEEP_WATER
            if wanted and all((group > 0).all() for group in crop):
                break
        return crop

    def _mixed(self, crop: List[np.ndarray]) -> List[np.ndarray]:
        """Coarse bands that are in part others: the network is to see from the image which band resembles which."""
        ratio = self._plan.ratio
        on_coarse = []
        for group, own in zip(crop, RATIOS):
            factor = ratio // own
            bands, height, width = group.shape
            blocks = group.reshape(bands, height // factor, factor, width // factor, factor)
            on_coarse.append(blocks.mean(axis=(2, 4)))
        every = np.concatenate(on_coarse)
        given = crop[-1].shape[0]
        share = self.random.uniform(0.0, _LARGEST_MIX, (given, 1, 1))
        weights = self.random.dirichlet(np.full(len(every), 0.3), given) * self.random.uniform(0.7, 1.3, (given, 1))
        other = np.tensordot(weights.astype(np.float32), every, axes=1)
        return [*crop[:-1], (1 - share) * crop[-1] + share * other]

    def _varied(self, crop: List[np.ndarray]) -> List[np.ndarray]:
        """One of the eight symmetries, and other gains and haze, so that sensor, level and season matter less."""
        if self.random.random() < _SHARE_OF_MIXED:
            crop = self._mixed(crop)
        turns, mirrored = self.random.integers(4), self.random.random() < 0.5
        gain = np.exp(self.random.uniform(*np.log(_GAIN)))
        varied = []
        for group in crop:
            group = np.rot90(group, turns, axes=(1, 2))
            group = group[:, :, ::-1] if mirrored else group
            size = (len(group), 1, 1)
            bands = gain * self.random.uniform(1.0 - _BAND_GAIN, 1.0 + _BAND_GAIN, size)
            varied.append((group * bands + self.random.uniform(*_HAZE, size)).astype(np.float32))
        return varied

    def batch(self) -> Tuple[List[torch.Tensor], torch.Tensor]:
        """One input for each group, ``(n, bands, p / r, p / r)``, and the target ``(n, bands, p, p)``.

        In the range of the network: reflectance times :data:`UNIT`.
        """
        crops = [self._varied(self._crop()) for _ in range(self._plan.patches)]
        groups = [np.stack(group) for group in zip(*crops)]
        if self.random.random() < self._plan.dsen2_share:
            blurs = (dsen2_blur(self._plan.ratio),) * 2
        else:
            blurs = random_blurs(self._plan.ratio, self.random, 1.0)
        inputs, target = wald(groups, blurs, self._plan.margin)
        return [torch.from_numpy(x * np.float32(UNIT)) for x in inputs], torch.from_numpy(target * np.float32(UNIT))
