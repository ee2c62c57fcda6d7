"""Pictures of patches for people: low beside high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from sr_plugin.core.resampling import enlarge_nearest
from sr_plugin.pipeline.edge_panels import png_bytes
from sr_plugin.pipeline.pairs.raster_view import PatchPixels
from sr_plugin.pipeline.pairs.scene import PairScene
from sr_plugin.raster.source import BandInfo

#: Side of each half in pixels.
SIDE = 160
_GAP_COLOUR = 200
#: Thousands of small pictures: the usual level takes longer than all the rest of a run.
_FAST = ("ZLEVEL=1",)
_SEPARATOR = 4
_ENDS = (1.0, 99.0)
_COLOURS = ("red", "green", "blue")
Ends = Tuple[Tuple[float, float], ...]


def picture_bands(bands: Sequence[BandInfo]) -> Tuple[int, ...]:
    """Positions of the bands that stand for red, green and blue, or of the one that makes a grey picture."""
    from sr_plugin.core.sensors import SENTINEL2

    names: List[str] = []
    for band in bands:
        known = SENTINEL2.get(band.description.strip().upper(), ("", 0.0))[0]
        names.append(known or band.layer_band.colour)
    if all(colour in names for colour in _COLOURS):
        return tuple(names.index(colour) for colour in _COLOURS)
    return (0, 1, 2) if len(bands) >= 3 else (0,)


@dataclass(frozen=True)
class Stretch:
    """How values become brightness.

    Attributes:
        bands: positions of the bands that are shown: one or three.
        ends: values that become black and white, one pair a band.
    """

    bands: Tuple[int, ...]
    ends: Ends

    def picture(self, pixels: PatchPixels) -> np.ndarray:
        """``(SIDE, SIDE, 3)`` uint8: repeated or left out pixels, gaps grey."""
        data, valid = (pixels.data[0], pixels.valid[0]) if pixels.data.ndim == 4 else (pixels.data, pixels.valid)
        planes = []
        for band, (low, high) in zip(self.bands, self.ends):
            shown = (data[band].astype(np.float32) - low) * (255.0 / max(high - low, 1e-9))
            planes.append(np.where(valid, np.clip(shown, 0, 255), _GAP_COLOUR).astype(np.uint8))
        image = np.stack(planes if len(planes) == 3 else planes * 3)
        return np.moveaxis(_resized(image), 0, -1)


def _resized(image: np.ndarray) -> np.ndarray:
    """``(3, h, w)`` -> ``(3, SIDE, SIDE)``: means of whole pixels where there are too many, then nearest neighbour."""
    factor = max(1, min(image.shape[-2:]) // SIDE)
    if factor > 1:
        height, width = (side // factor * factor for side in image.shape[-2:])
        blocks = image[:, :height, :width].reshape(3, height // factor, factor, width // factor, factor)
        image = blocks.mean(axis=(2, 4)).astype(np.uint8)
    elif min(image.shape[-2:]) * 2 <= SIDE:
        image = enlarge_nearest(image, SIDE // min(image.shape[-2:]))
    rows, columns = (np.arange(SIDE) * side // SIDE for side in image.shape[-2:])
    return image[:, rows][:, :, columns]


def _ends(samples: Sequence[PatchPixels], bands: Tuple[int, ...], pixel_type: str) -> Ends:
    if pixel_type == "uint8":
        return ((0.0, 255.0),) * len(bands)
    found = []
    for band in bands:
        values = np.concatenate([p.data[..., band, :, :][p.valid].ravel() for p in samples])
        low, high = np.percentile(values, _ENDS) if values.size else (0.0, 1.0)
        found.append((float(low), float(high)))
    return tuple(found)


class PreviewMaker:
    """Pictures of the patches of one scene, all with one stretch.

    Args:
        scene: the scene.
        samples: ``low`` and ``high`` of a few of its patches.
        same_units: True where values of both mean the same, so that one stretch serves both.
    """

    def __init__(self, scene: PairScene, samples: Sequence[Tuple[PatchPixels, PatchPixels]], same_units: bool) -> None:
        self._halves = []
        for index, infos in enumerate((scene.low_bands, scene.high_bands)):
            bands = picture_bands(scene.high_bands if same_units else infos)
            pixels = [sample[1 if same_units else index] for sample in samples]
            kind = pixels[0].data.dtype.name
            self._halves.append(Stretch(bands, _ends(pixels, bands, kind)))

    def png(self, low: PatchPixels, high: PatchPixels) -> bytes:
        """One preview as a PNG file."""
        left, right = (stretch.picture(p) for stretch, p in zip(self._halves, (low, high)))
        line = np.full((SIDE, _SEPARATOR, 3), 255, np.uint8)
        return png_bytes(np.concatenate((left, line, right), axis=1), _FAST)


#: Size of a preview in pixels.
WIDTH, HEIGHT = 2 * SIDE + _SEPARATOR, SIDE
