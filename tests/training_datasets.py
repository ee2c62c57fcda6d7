"""Tiny datasets from arrays, for the tests of the training."""

from __future__ import annotations

import numpy as np

from sr_plugin.core.card import BAND_FUSION, MULTI_IMAGE, SINGLE_IMAGE, TRANSLATION, BandSpec
from sr_plugin.core.dataset import PatchRecord
from sr_plugin.core.dataset_card import ArraySpec, DatasetCard, SourceNote
from sr_plugin.core.dataset_writer import DatasetWriter

RGB = (BandSpec("B04", "red", 0.665), BandSpec("B03", "green", 0.56), BandSpec("B02", "blue", 0.49))
SPLITS = ("train", "train", "train", "train", "validation", "validation")
SIDE = 16


def scene(bands: int, side: int, seed: int) -> np.ndarray:
    """``(bands, side, side)`` of blobs as a camera sees them, whose edges spread over some pixels, from 0 to 1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    image = np.full((bands, side, side), 0.3)
    for _ in range(6):
        row, column, radius = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        image[:, inside] = rng.uniform(0.1, 0.9, (bands, 1))
    for axis in (1, 2):
        for _ in range(2):
            image = (np.roll(image, 1, axis) + image + np.roll(image, -1, axis)) / 3
    return image


def reduced(image: np.ndarray, scale: int) -> np.ndarray:
    """Means over blocks."""
    *front, height, width = image.shape
    return image.reshape(*front, height // scale, scale, width // scale, scale).mean((-3, -1))


def array(name, bands, side, kind="uint16", gain=1e-4):
    """Description of an array of reflectance in the usual integers."""
    specs = tuple(RGB[:3]) if bands == 3 else tuple(BandSpec(f"band {i + 1}") for i in range(bands))
    return ArraySpec(name, specs, side, side, kind, 10.0, gain, 0.0)


def stored(image):
    """Reflectance as stored."""
    return np.round(image * 10000).astype(np.uint16)


def write_dataset(folder, kind=SINGLE_IMAGE, scale=2, bands=3, splits=SPLITS, views=3, side=SIDE, places=None):
    """A dataset of six patches, four to train on and two to validate; its path."""
    wide = side * scale
    if kind == BAND_FUSION:
        inputs = (array("low_10m", 4, 2 * side), array("low_20m", 6, side))
        card = DatasetCard("tiny", kind, 2, inputs, array("high", 6, 2 * side), quantity="reflectance")
    elif kind == TRANSLATION:
        card = DatasetCard("tiny", kind, 1, (array("low", 3, side),), array("high", 3, side), quantity="reflectance")
    else:
        inputs = (array("low", bands, side),)
        count = views if kind == MULTI_IMAGE else 0
        card = DatasetCard("tiny", kind, scale, inputs, array("high", bands, wide), count, "reflectance")
    card = DatasetCard(**{**card.__dict__, "sources": (SourceNote("scene.tif", licence="CC0-1.0"),), "credit": "me"})
    with DatasetWriter(str(folder), card) as writer:
        for number, split in enumerate(splits):
            place = places[number] if places else f"place {number}"
            record = PatchRecord("00000", split, place, "scene.tif")
            writer.add(record, _arrays(kind, scale, bands, views, side, number))
        writer.finish()
    return str(folder)


def _arrays(kind, scale, bands, views, side, number):
    if kind == BAND_FUSION:
        image = scene(10, 2 * side, number)
        return {
            "low_10m": stored(image[:4]),
            "low_20m": stored(reduced(image[4:], 2)),
            "high": stored(image[4:]),
        }
    if kind == TRANSLATION:
        image = scene(3, side, number)
        return {"low": stored(image), "high": stored((image > 0.5) * 0.8 + 0.1)}
    image = scene(bands, side * scale, number)
    low = reduced(image, scale)
    if kind == MULTI_IMAGE:
        rng = np.random.default_rng(number)
        low = np.clip(low[None] + rng.normal(0, 0.01, (views, *low.shape)), 0, 1)
    return {"low": stored(low), "high": stored(image)}
