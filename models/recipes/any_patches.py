"""Draw batches of single bands: cropped, turned, brought to one contrast and any brightness, and made coarser.

The networks have no biases, so that they give ``k * y`` for ``k * x`` and the scale of values is of no account (S.
Mohan and others, Robust and interpretable blind denoising via bias-free convolutional neural networks, 2020). What is
left to learn by examples is that brightness against contrast does not matter either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

import numpy as np
import torch

from models.recipes.any_scenes import Plane
from models.recipes.degradation import MARGIN, degrade

#: How often each kind of sensor is drawn, and how an image's area counts within its kind.
_SHARES = {"sentinel-2": 0.4, "landsat": 0.2, "aerial": 0.3, "drone": 0.1}
_AREA_POWER = 0.5
_CONTRAST = 0.1
#: Mean brightness in standard deviations.
_BRIGHTNESS = (0.5, 8.0)
_SHARE_OF_NOISY = 0.5
_LARGEST_NOISE = 0.03
_ATTEMPTS = 30
#: Contrast against the whole image's below which a crop is dull, and how often it is kept all the same.
_DULL = 0.35
_KEEP_DULL = 0.2


@dataclass(frozen=True)
class AnyPlan:
    """What a batch looks like.

    Attributes:
        scale: enlargement to train.
        patch: edge of an input patch in low-resolution pixels.
        groups: point spread functions a batch.
        per_group: patches that share a point spread function.
    """

    scale: int
    patch: int
    groups: int = 4
    per_group: int = 4


class AnySource:
    """Random batches.

    Args:
        planes: to crop; those a little smaller than a crop are mirrored outwards, much smaller ones left out.
        plan: of the batches.
        seed: of all that is random here.
    """

    def __init__(self, planes: List[Plane], plan: AnyPlan, seed: int) -> None:
        self._plan = plan
        self._edge = (plan.patch + 2 * MARGIN) * plan.scale
        self.random = np.random.default_rng(seed)
        self._kinds: Dict[str, Tuple[List[Plane], np.ndarray, np.ndarray]] = {}
        for kind in _SHARES:
            kept = [p for p in planes if p.kind == kind and 2 * min(p.image.shape) >= self._edge and p.valid.any()]
            area = np.array([p.valid.sum() for p in kept], dtype=float) ** _AREA_POWER
            contrast = np.array([p.image[p.valid].std() for p in kept])
            self._kinds[kind] = ([self._grown(p) for p in kept], area / area.sum(), contrast)

    def _grown(self, plane: Plane) -> Plane:
        missing = [max(0, self._edge - length) for length in plane.image.shape]
        width = [(m // 2, m - m // 2) for m in missing]
        image, valid = (np.pad(array, width, mode="symmetric") for array in (plane.image, plane.valid))
        return Plane(plane.kind, plane.source, image, valid)

    def _crop(self) -> np.ndarray:
        kind = self.random.choice(list(_SHARES), p=list(_SHARES.values()))
        planes, share, contrast = self._kinds[kind]
        for _ in range(_ATTEMPTS):
            chosen = self.random.choice(len(planes), p=share)
            plane = planes[chosen]
            top, left = (int(self.random.integers(0, n - self._edge + 1)) for n in plane.image.shape)
            window = (slice(top, top + self._edge), slice(left, left + self._edge))
            crop = plane.image[window]
            bright = crop.std() > _DULL * contrast[chosen] or self.random.random() < _KEEP_DULL
            if bright and crop.std() > 0 and plane.valid[window].all():
                break
        return crop

    def _varied(self, crop: np.ndarray) -> np.ndarray:
        """One of the eight symmetries, one contrast, any brightness."""
        turned = np.rot90(crop, self.random.integers(4))
        if self.random.random() < 0.5:
            turned = turned[:, ::-1]
        brightness = np.exp(self.random.uniform(*np.log(_BRIGHTNESS)))
        normal = (turned - turned.mean()) / max(float(turned.std()), 1e-6)
        return (_CONTRAST * (normal + brightness)).astype(np.float32)

    def batch(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """Input ``(n, 1, p, p)`` and target ``(n, 1, p * scale, p * scale)``."""
        low, high = [], []
        for _ in range(self._plan.groups):
            crops = np.stack([self._varied(self._crop())[None] for _ in range(self._plan.per_group)])
            reduced, target = degrade(crops, self._plan.scale, self.random)
            if self.random.random() < _SHARE_OF_NOISY:
                noise = self.random.normal(0.0, _CONTRAST * self.random.uniform(0, _LARGEST_NOISE), reduced.shape)
                reduced = reduced + noise.astype(np.float32)
            low.append(reduced)
            high.append(target)
        return torch.from_numpy(np.concatenate(low)), torch.from_numpy(np.concatenate(high))
