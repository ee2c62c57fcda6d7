"""Draw crops of many scenes, turned and brightened, for pairs that a network is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np

from models.recipes.scenes import LAND_NIR, Scene

_GAIN = (0.6, 1.6)
_OFFSET = (-0.01, 0.03)
_LEAST_LAND = 0.3
#: How often a crop of mostly water is kept all the same.
_KEEP_WATER = 0.1
_ATTEMPTS = 20


@dataclass(frozen=True)
class Crop:
    """A window of a scene.

    Attributes:
        scene: what it was cut from, mirrored outwards where it was too small.
        top, left: its corner in pixels of that.
        image: ``(4, edge, edge)`` float32 reflectance.
    """

    scene: Scene
    top: int
    left: int
    image: np.ndarray


class CropSource:
    """Random crops.

    Args:
        scenes: images to crop; those smaller than a crop are mirrored outwards.
        edge: of the crops, in pixels.
        rng: of all that is random here.
        area_power: scenes are drawn by their land area to this power; below 1 a large scene does not outvote small
            ones, near 1 small ones are not seen so often that they are learned by heart.
    """

    def __init__(self, scenes: List[Scene], edge: int, rng: np.random.Generator, area_power: float) -> None:
        self._edge, self._random = edge, rng
        usable = [scene for scene in scenes if scene.valid.any()]
        self._scenes = [self._grown(scene) for scene in usable]
        land = np.array([(scene.valid & (scene.image[3] > LAND_NIR)).sum() for scene in usable])
        share = land**area_power
        self._share = share / share.sum()

    def _grown(self, scene: Scene) -> Scene:
        missing = [max(0, self._edge - length) for length in scene.valid.shape]
        if not any(missing):
            return scene
        width = [(0, 0)] + [(m // 2, m - m // 2) for m in missing]
        return Scene(scene.source, np.pad(scene.image, width, mode="symmetric"), scene.place)

    def draw(self) -> Crop:
        """A crop, mostly one of land and without gaps."""
        for _ in range(_ATTEMPTS):
            scene = self._scenes[self._random.choice(len(self._scenes), p=self._share)]
            top, left = (int(self._random.integers(0, length - self._edge + 1)) for length in scene.valid.shape)
            window = (slice(top, top + self._edge), slice(left, left + self._edge))
            land = (scene.image[3][window] > LAND_NIR).mean()
            wanted = land >= _LEAST_LAND or self._random.random() < _KEEP_WATER
            if wanted and scene.valid[window].all():
                break
        return Crop(scene, top, left, scene.image[(slice(None), *window)])


def varied(image: np.ndarray, rng: np.random.Generator, band_spread: float) -> np.ndarray:
    """One of the eight symmetries, and another brightness, so that sensor level and haze do not matter.

    Args:
        image: ``(bands, edge, edge)`` float32 reflectance.
        rng: of all that is random here.
        band_spread: largest relative change of one band against the others.
    """
    turned = np.rot90(image, rng.integers(4), axes=(1, 2))
    if rng.random() < 0.5:
        turned = turned[:, :, ::-1]
    bands = rng.uniform(1.0 - band_spread, 1.0 + band_spread, (len(image), 1, 1))
    gain = np.exp(rng.uniform(*np.log(_GAIN)))
    return (turned * (gain * bands) + rng.uniform(*_OFFSET)).astype(np.float32)
