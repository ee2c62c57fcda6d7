"""Spectral indices: which bands they take, and their values."""

from __future__ import annotations

import numpy as np
import pytest

from sr_plugin.core.bands import LayerBand
from sr_plugin.core.spectral_indices import INDICES, index_named, index_values, possible_indices


def layer(*names, sensor=""):
    return [LayerBand(number, name, sensor=sensor) for number, name in enumerate(names, start=1)]


def test_the_bands_of_sentinel2():
    found = possible_indices(layer("B02", "B03", "B04", "B08", "B11", "B12"))
    assert found == [("ndvi", 3, 2), ("nbr", 3, 5), ("iron_oxide", 2, 0), ("clay", 4, 5)]


def test_the_bands_of_landsat_have_other_numbers():
    found = possible_indices(layer("B2", "B3", "B4", "B5", "B6", "B7", sensor="landsat-oli"))
    assert found == [("ndvi", 3, 2), ("nbr", 3, 5), ("iron_oxide", 2, 0), ("clay", 4, 5)]


def test_bands_that_nobody_named_allow_none():
    assert possible_indices(layer("", "", "", "")) == []
    assert possible_indices(layer("red", "green", "blue")) == [("iron_oxide", 0, 2)]


def test_positions_are_those_in_the_sequence():
    chosen = [band for band in layer("B02", "B03", "B04", "B08") if band.number in (3, 4)]
    assert possible_indices(chosen) == [("ndvi", 1, 0)]


@pytest.mark.parametrize("index", INDICES, ids=lambda index: index.name)
def test_values(index):
    first, second = np.array([0.4, 0.1, 0.2]), np.array([0.1, 0.3, 0.0])
    expected = (first - second) / (first + second) if index.kind == "difference" else first[:2] / second[:2]
    found = index_values(index_named(index.name), first, second)
    assert found[: len(expected)] == pytest.approx(expected)
    assert np.isnan(found[len(expected) :]).all()
    for name in index.bands:
        assert name in index.formula
