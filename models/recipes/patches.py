"""Draw training batches: crops of many scenes, flipped, turned, brightened and degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np
import torch

from models.recipes.degradation import MARGIN, degrade
from models.recipes.scenes import LAND_NIR, Scene

_GAIN = (0.6, 1.6)
_OFFSET = (-0.01, 0.03)
_LEAST_LAND = 0.3
#: How often a crop of mostly water is kept all the same.
_KEEP_WATER = 0.1
_ATTEMPTS = 20


@dataclass(frozen=True)
class PatchPlan:
    """What a batch looks like.

    Attributes:
        scale: enlargement to train.
        patch: edge of an input patch in low-resolution pixels.
        groups: point spread functions a batch.
        per_group: patches that share a point spread function.
        skew: above 1 for more of the strongly blurred inputs.
        area_power: scenes are drawn by their land area to this power; below 1 a large scene does not outvote small
            ones, near 1 small ones are not seen so often that they are learned by heart.
        band_spread: largest relative change of one band against the others.
    """

    scale: int
    patch: int = 40
    groups: int = 4
    per_group: int = 2
    skew: float = 1.0
    area_power: float = 0.5
    band_spread: float = 0.1


class PatchSource:
    """Random batches.

    Args:
        scenes: images to crop; those smaller than a crop are mirrored outwards.
        plan: of the batches.
        seed: of all that is random here.
    """

    def __init__(self, scenes: List[Scene], plan: PatchPlan, seed: int) -> None:
        self._plan = plan
        self._edge = (plan.patch + 2 * MARGIN) * plan.scale
        self.random = np.random.default_rng(seed)
        usable = [scene for scene in scenes if scene.valid.any()]
        self._scenes = [self._grown(scene) for scene in usable]
        land = np.array([(scene.valid & (scene.image[3] > LAND_NIR)).sum() for scene in usable])
        share = land**plan.area_power
        self._share = share / share.sum()

    def _grown(self, scene: Scene) -> Scene:
        missing = [max(0, self._edge - length) for length in scene.valid.shape]
        if not any(missing):
            return scene
        width = [(0, 0)] + [(m // 2, m - m // 2) for m in missing]
        return Scene(scene.source, np.pad(scene.image, width, mode="symmetric"))

    def _crop(self) -> np.ndarray:
        for _ in range(_ATTEMPTS):
            scene = self._scenes[self.random.choice(len(self._scenes), p=self._share)]
            top, left = (int(self.random.integers(0, length - self._edge + 1)) for length in scene.valid.shape)
            window = (slice(top, top + self._edge), slice(left, left + self._edge))
            land = (scene.image[3][window] > LAND_NIR).mean()
            wanted = land >= _LEAST_LAND or self.random.random() < _KEEP_WATER
            if wanted and scene.valid[window].all():
                break
        return scene.image[(slice(None), *window)]

    def _varied(self, crop: np.ndarray) -> np.ndarray:
        """One of the eight symmetries, and another brightness, so that sensor level and haze do not matter."""
        turned = np.rot90(crop, self.random.integers(4), axes=(1, 2))
        if self.random.random() < 0.5:
            turned = turned[:, :, ::-1]
        spread = self._plan.band_spread
        bands = self.random.uniform(1.0 - spread, 1.0 + spread, (4, 1, 1))
        gain = np.exp(self.random.uniform(*np.log(_GAIN)))
        return (turned * (gain * bands) + self.random.uniform(*_OFFSET)).astype(np.float32)

    def batch(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """Input ``(n, 4, p, p)`` and target ``(n, 4, p * scale, p * scale)``; patches of a group follow each other."""
        low, high = [], []
        for _ in range(self._plan.groups):
            crops = np.stack([self._varied(self._crop()) for _ in range(self._plan.per_group)])
            reduced, target = degrade(crops, self._plan.scale, self.random, self._plan.skew)
            low.append(reduced)
            high.append(target)
        return torch.from_numpy(np.concatenate(low)), torch.from_numpy(np.concatenate(high))
