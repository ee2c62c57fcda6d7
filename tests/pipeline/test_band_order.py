"""Bands of several rasters brought into one order."""

from __future__ import annotations

import pytest

from sr_plugin.core.card import BandSpec
from sr_plugin.pipeline.pairs.band_order import band_order

RED, NIR, EDGE = BandSpec("B04", "red", 0.665), BandSpec("B08", "nir", 0.842), BandSpec("B05", "rededge", 0.704)
PLAIN = [BandSpec("band 1"), BandSpec("band 2")]
COLOURS = [BandSpec("band 1", "red"), BandSpec("band 2", "blue")]
SWAPPED = [BandSpec("band 1", "blue"), BandSpec("band 2", "red")]


@pytest.mark.parametrize(
    "wanted, found, order",
    [
        ([RED, NIR], [RED, NIR], [0, 1]),
        ([RED, NIR], [NIR, RED], [1, 0]),
        ([RED, NIR], [BandSpec("nir", "nir", 0.84), BandSpec("red", "red", 0.66)], [1, 0]),
        ([RED, NIR], [RED, EDGE], None),
        ([RED, NIR], PLAIN, [0, 1]),
        (COLOURS, SWAPPED, [1, 0]),
        ([BandSpec("a.tif 1"), BandSpec("a.tif 2")], [BandSpec("b.tif 1"), BandSpec("b.tif 2")], [0, 1]),
        ([BandSpec("height"), BandSpec("slope")], [BandSpec("slope"), BandSpec("height")], [1, 0]),
        # One name, two wavelengths: Landsat's B05 is another band than Sentinel-2's.
        ([EDGE], [BandSpec("B05", "nir", 0.865)], None),
    ],
)
def test_order(wanted, found, order):
    assert band_order(wanted, found) == order
