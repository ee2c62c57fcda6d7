"""Maps between data and network."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.radiometry import BandScaling, Radiometry, compose, from_model, to_model
from sr_plugin.core.value_range import VALUE_RANGES, ValueRange

DATA = np.array([[[0.0, 1200.0], [2500.0, 2900.0]]] * 3)


@pytest.mark.parametrize("name", sorted(VALUE_RANGES))
def test_quantities_reach_the_network_as_its_range_says(name):
    value_range = VALUE_RANGES[name]
    radiometry = compose([BandScaling(1 / 10000)] * 3, value_range, 3)
    network, remainder = to_model(DATA, radiometry)
    gains, offsets = value_range.for_bands(3).in_gain, value_range.for_bands(3).in_offset
    quantity = DATA / 10000
    for band in range(3):
        np.testing.assert_allclose(network[band], quantity[band] * gains[band] + offsets[band], rtol=1e-5, atol=1e-6)
    assert remainder is None


@given(st.floats(0.1, 1e5), st.floats(-10, 10))
def test_an_identity_network_gives_back_the_data(divisor, offset):
    plain = ValueRange("plain", in_gain=(2.0,), in_offset=(-1.0,), out_gain=0.5, out_offset=0.5)
    radiometry = compose([BandScaling(1 / divisor, offset)] * 3, plain, 3)
    network, _ = to_model(DATA, radiometry)
    back = from_model(network, radiometry, np.dtype(np.float64))
    np.testing.assert_allclose(back, DATA, atol=1e-6 * divisor * (20 + 3000 / divisor))


def test_values_outside_the_range_are_carried():
    radiometry = compose([BandScaling(1 / 10000)], VALUE_RANGES["s2-3000"], 1)
    data = np.array([[[-500.0, 1500.0, 7000.0]]])
    network, remainder = to_model(data, radiometry)
    assert network.min() >= -1 - 1e-6 and network.max() <= 1 + 1e-6
    np.testing.assert_allclose(remainder, [[[-500.0, 0.0, 4000.0]]], atol=1e-9)
    np.testing.assert_allclose(from_model(network, radiometry, np.dtype(np.float64)) + remainder, data, atol=0.01)


def test_the_wire_form_is_json():
    radiometry = compose([BandScaling(1 / 255)] * 3, VALUE_RANGES["imagenet-signed"], 3)
    assert Radiometry.from_wire(json.loads(json.dumps(radiometry.to_wire()))) == radiometry


def test_a_range_for_three_bands_does_not_fit_four():
    with pytest.raises(ValueError, match="3 band factors for 4 bands"):
        compose([BandScaling()] * 4, VALUE_RANGES["imagenet-signed"], 4)


def test_results_of_their_own_type_come_as_they_are():
    """A picture of bytes from reflectance that is stored times 10000."""
    own = ValueRange("own", "reflectance", (2.0,), (-1.0,), 127.5, 127.5, (0.0, 1.0), "uint8")
    radiometry = compose([BandScaling(1e-4)] * 3, own, 3)
    seen, _ = to_model(np.full((3, 1, 1), 5000, np.float32), radiometry)
    np.testing.assert_allclose(seen, 0.0, atol=1e-6)
    for number, expected in ((-1.0, 0.0), (0.0, 127.5), (1.0, 255.0)):
        back = from_model(np.full((3, 1, 1), number, np.float32), radiometry, np.dtype(np.float32))
        np.testing.assert_allclose(back, expected)
