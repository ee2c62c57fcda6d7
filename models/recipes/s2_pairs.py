"""Write the dataset that ``s2-rgbn-x2``, ``s2-rgbn-x4`` and their variants are trained on with ``superres:train``.

Run from the repository root: ``python -m models.recipes.s2_pairs --data FOLDER --output FOLDER --scale 2``. The real
10 m bands are the target; the input is made of them by a point spread function that is drawn anew for every patch.
"""

from __future__ import annotations

import argparse
import math
from typing import Dict, Iterator, List, Tuple

import numpy as np

from models.recipes.degradation import (
    MARGIN,
    Blur,
    gaussian_blur,
    inner_pair,
    protocols,
    random_blurs,
    transfer_of,
    with_random_noise,
)
from models.recipes.patches import Crop, CropSource, varied
from models.recipes.scenes import BANDS, CREDIT, TRAINING_SOURCES, training_scenes, validation_scenes
from sr_plugin.core.bands import sentinel2_band
from sr_plugin.core.card import SINGLE_IMAGE
from sr_plugin.core.dataset import Dataset, PatchRecord
from sr_plugin.core.dataset_card import TRAIN, VALIDATION, ArraySpec, DatasetCard, SourceNote
from sr_plugin.core.dataset_writer import DatasetWriter

#: Bands by the name of the choice, as positions in those of a scene.
BAND_CHOICES: Dict[str, Tuple[int, ...]] = {"rgbn": (0, 1, 2, 3), "rgb": (0, 1, 2)}
#: Edge of a patch in low-resolution pixels.
_PATCH = {2: 48, 4: 40}
#: What products store: whole ten-thousandths of reflectance. Signed, as noise on dark ground may fall below 0.
_PIXEL_TYPE, _GAIN = "int16", 0.0001
_AREA_POWER, _VALIDATION_AREA_POWER = 0.75, 0.5
_BAND_SPREAD = 0.25
_GSD = 10.0

Pair = Tuple[Crop, np.ndarray, np.ndarray, float]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that holds the image sources")
    parser.add_argument("--output", required=True, help="folder of the dataset, which must not exist")
    parser.add_argument("--scale", type=int, choices=sorted(_PATCH), required=True)
    parser.add_argument("--bands", choices=sorted(BAND_CHOICES), default="rgbn")
    parser.add_argument("--count", type=int, default=24000, help="patches to train on")
    parser.add_argument("--validation", type=int, default=100, help="patches to validate on")
    parser.add_argument("--mtf", type=float, help="one transfer at the Nyquist frequency instead of many point spreads")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _crops(scenes: List, scale: int, rng: np.random.Generator, area_power: float) -> CropSource:
    return CropSource(scenes, (_PATCH[scale] + 2 * MARGIN) * scale, rng, area_power)


def training_pairs(data: str, scale: int, count: int, mtf: float | None, seed: int) -> Iterator[Pair]:
    """Crop, low, high and transfer of each patch to train on; ``mtf`` as on the command line."""
    rng = np.random.default_rng((seed, 1))
    crops = _crops(training_scenes(data), scale, rng, _AREA_POWER)
    fixed = None if mtf is None else (gaussian_blur(scale, mtf),) * 2
    for _ in range(count):
        crop = crops.draw()
        blurs = fixed or random_blurs(scale, rng, 1.0)
        low, high = inner_pair(varied(crop.image, rng, _BAND_SPREAD), scale, blurs)
        yield crop, with_random_noise(low, rng), high, _transfer(blurs, scale)


def validation_pairs(data: str, scale: int, count: int, seed: int) -> Iterator[Pair]:
    """The same to validate on: as measured, without noise, by the protocols that figures are given for in turn."""
    rng = np.random.default_rng((seed, 2))
    crops = _crops(validation_scenes(data), scale, rng, _VALIDATION_AREA_POWER)
    blurs = list(protocols(scale).values())
    for number in range(count):
        crop, blur = crops.draw(), blurs[number % len(blurs)]
        low, high = inner_pair(crop.image, scale, (blur, blur))
        yield crop, low, high, _transfer((blur, blur), scale)


def _transfer(blurs: Tuple[Blur, Blur], scale: int) -> float:
    rows, columns = (transfer_of(blur, scale) for blur in blurs)
    return math.sqrt(rows * columns)


def _stored(reflectance: np.ndarray) -> np.ndarray:
    limits = np.iinfo(_PIXEL_TYPE)
    return np.clip(np.rint(reflectance / _GAIN), limits.min, limits.max).astype(_PIXEL_TYPE)


def dataset_card(scale: int, bands: str, mtf: float | None, seed: int) -> DatasetCard:
    """The card of the dataset, without what the writer counts."""
    edge = _PATCH[scale]
    specs = tuple(sentinel2_band(BANDS[position]) for position in BAND_CHOICES[bands])
    low = ArraySpec("low", specs, edge, edge, _PIXEL_TYPE, _GSD * scale, _GAIN)
    high = ArraySpec("high", specs, edge * scale, edge * scale, _PIXEL_TYPE, _GSD, _GAIN)
    return DatasetCard(
        name=f"s2-{bands}-x{scale}",
        kind=SINGLE_IMAGE,
        scale=scale,
        inputs=(low,),
        target=high,
        quantity="reflectance",
        point_spread={"kind": "gaussian", "mtf_nyquist": [0.2, 0.6] if mtf is None else [mtf, mtf]},
        sources=tuple(SourceNote(name, licence=licence, gsd_m=_GSD) for name, (licence, _) in TRAINING_SOURCES.items()),
        seed=seed,
        split={"rule": "The validation has the south of the large scene and every third BigEarthNet patch."},
        settings={"area_power": _AREA_POWER, "band_spread": _BAND_SPREAD, "share_of_block_means": 0.25},
        credit=CREDIT,
        software="models/recipes/s2_pairs.py",
    )


def write_dataset(arguments: argparse.Namespace) -> Dataset:
    """Write the dataset that the command line asks for.

    Raises:
        OutputError: when the folder holds something already or cannot be written.
    """
    positions, scale = list(BAND_CHOICES[arguments.bands]), arguments.scale
    pairs = {
        TRAIN: training_pairs(arguments.data, scale, arguments.count, arguments.mtf, arguments.seed),
        VALIDATION: validation_pairs(arguments.data, scale, arguments.validation, arguments.seed),
    }
    with DatasetWriter(arguments.output, dataset_card(scale, arguments.bands, arguments.mtf, arguments.seed)) as writer:
        for split, drawn in pairs.items():
            for crop, low, high, transfer in drawn:
                record = PatchRecord(
                    id="",
                    split=split,
                    place=crop.scene.place,
                    source=crop.scene.source,
                    col=crop.left // scale,
                    row=crop.top // scale,
                    mtf=transfer,
                )
                writer.add(record, {"low": _stored(low[positions]), "high": _stored(high[positions])})
        return writer.finish()


def main() -> None:
    dataset = write_dataset(parse_arguments())
    print(f"{dataset.card.counts} in {dataset.folder}")


if __name__ == "__main__":
    main()
