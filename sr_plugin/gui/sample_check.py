"""Runs the shipped sample and checks its result against the stored one: does super-resolution work on this machine?"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Mapping, Tuple

import numpy as np

from sr_plugin.core.errors import SourceUnreadable
from sr_plugin.core.locations import resources_folder
from sr_plugin.processing import settings
from sr_plugin.processing.translation import tr

SAMPLE = "sentinel2_virginia_10m.tif"
_EXPECTED = "expected_s2-rgbn-x2.json"


def sample_path() -> str:
    """The shipped raster."""
    return os.path.join(resources_folder(), "sample", SAMPLE)


def expected_path() -> str:
    """The stored facts of its result."""
    return os.path.join(resources_folder(), "sample", _EXPECTED)


def sample_parameters(source: str) -> Dict[str, Any]:
    """Parameters of ``superres:superresolve`` for the check.

    Args:
        source: layer id or path of the sample.
    """
    return {
        "INPUT": source,
        "MODEL": "s2-rgbn-x2",
        "BANDS": [1, 2, 3, 4],
        "DEVICE": settings.DEVICE.value(),
        # What is stored was computed so, whatever the user prefers.
        "PRECISION": "float32",
        "CONSISTENCY": False,
        "OUTPUT": "TEMPORARY_OUTPUT",
    }


def facts_of(pixels: np.ndarray, step: int) -> List[Dict[str, Any]]:
    """Per band mean, standard deviation and every ``step``-th pixel.

    Args:
        pixels: ``(bands, h, w)``.
        step: distance of the pixels in rows and columns; the first lies half of it inside.
    """
    return [
        {
            "mean": round(float(band.mean(dtype=np.float64)), 3),
            "std": round(float(band.std(dtype=np.float64)), 3),
            "pixels": band[step // 2 :: step, step // 2 :: step].astype(int).tolist(),
        }
        for band in pixels
    ]


def differences(path: str) -> List[str]:
    """What of a result differs from the stored one by more than runtimes and devices do; empty where nothing does.

    Args:
        path: result of a run with :func:`sample_parameters`.

    Raises:
        SourceUnreadable: when the result or the stored facts cannot be read.
    """
    try:
        with open(expected_path(), encoding="utf-8") as file:
            expected = json.load(file)
    except (OSError, ValueError) as error:
        raise SourceUnreadable(tr("The stored result of the sample cannot be read ({}).").format(error)) from error
    pixels = _read(path)
    shape = tuple(expected["shape"])
    if pixels.shape != shape:
        return [tr("its size is {} instead of {}").format(_size(pixels.shape), _size(shape))]
    found: List[str] = []
    for number, (band, stored) in enumerate(zip(facts_of(pixels, expected["step"]), expected["bands"]), start=1):
        found += _band_differences(number, band, stored, expected["tolerance"])
    return found


def _band_differences(
    number: int, band: Mapping[str, Any], stored: Mapping[str, Any], tolerance: Mapping[str, float]
) -> List[str]:
    found = []
    for key, text in (
        ("mean", tr("mean of band {band}: {is_:.1f} instead of {should:.1f}")),
        ("std", tr("standard deviation of band {band}: {is_:.1f} instead of {should:.1f}")),
    ):
        if abs(band[key] - stored[key]) > tolerance[key]:
            found.append(text.format(band=number, is_=band[key], should=stored[key]))
    worst = float(np.abs(np.asarray(band["pixels"]) - np.asarray(stored["pixels"])).max())
    if worst > tolerance["pixel"]:
        found.append(tr("pixels of band {band} differ by up to {worst:.0f}").format(band=number, worst=worst))
    return found


def _read(path: str) -> np.ndarray:
    # Imported here: reading rasters is no part of loading the plugin.
    from sr_plugin.raster.source import RasterSource

    source = RasterSource(path)
    numbers = tuple(range(1, source.band_count + 1))
    return source.read(numbers, source.grid.window).data


def _size(shape: Tuple[int, ...]) -> str:
    bands, height, width = shape
    return f"{width} x {height} x {bands}"
