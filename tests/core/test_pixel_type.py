"""Casting to pixel types."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.pixel_type import PIXEL_TYPES, avoid_value, cast_pixels, fits_type, recast_pixels, working_type

INTEGERS = [t for t in PIXEL_TYPES if not t.startswith("float")]


@pytest.mark.parametrize("name", INTEGERS)
@given(value=st.floats(-1e12, 1e12))
def test_integers_are_rounded_and_saturate(name, value):
    limits = np.iinfo(name)
    expected = int(min(max(np.rint(value), limits.min), limits.max))
    assert int(cast_pixels(np.array([value]), name)[0]) == expected


@pytest.mark.parametrize("name", INTEGERS)
def test_every_extreme_survives_the_working_type(name):
    limits = np.iinfo(name)
    values = np.array([limits.min, limits.max, 0, 1], name)
    assert (cast_pixels(values.astype(working_type(name)), name) == values).all()


def test_float32_never_wraps_at_the_end_of_32_bit_integers():
    values = np.array([5e9, -5e9], np.float32)
    assert cast_pixels(values, "int32").tolist() == [2**31 - 1, -(2**31)]


def test_nan_becomes_zero_in_integers():
    assert cast_pixels(np.array([np.nan, np.inf, -np.inf]), "int16").tolist() == [0, 32767, -32768]


def test_floats_are_not_clipped():
    assert cast_pixels(np.array([-3.5, 2e5], np.float32), "float32").tolist() == [-3.5, 2e5]


def test_which_values_pixels_can_have():
    assert fits_type(255, "uint8") and fits_type(-9999.0, "int16") and fits_type(float("nan"), "float32")
    assert not any(fits_type(value, "uint8") for value in (-9999.0, 256, 0.5, float("nan"), float("inf")))


def test_valid_pixels_never_take_the_nodata_value():
    pixels = np.array([[[0, 5], [0, 0]]], np.uint16)
    valid = np.array([[[True, True], [False, True]]])
    avoid_value(pixels, 0, valid)
    assert pixels.tolist() == [[[1, 5], [0, 1]]]
    signed = np.array([[[-9999]]], np.int16)
    avoid_value(signed, -9999, np.ones(signed.shape, bool))
    assert signed.item() == -9998
    top = np.array([[[255]]], np.uint8)
    avoid_value(top, 255, np.ones(top.shape, bool))
    assert top.item() == 254
    floating = np.array([[[-9999.0]]], np.float32)
    avoid_value(floating, -9999.0, np.ones(floating.shape, bool))
    assert -9999.0 < floating.item() < -9998.9


@pytest.mark.parametrize("shape", [(3, 400, 301), (70000,), (0,), (2, 0, 5), ()])
def test_large_arrays_are_cast_as_small_ones(shape):
    values = np.random.default_rng(0).normal(30000, 30000, shape)
    values = np.where(values > 60000, np.nan, values)
    expected = np.clip(np.rint(np.nan_to_num(values, nan=0.0)), 0, 65535).astype(np.uint16)
    found = cast_pixels(values.copy(), "uint16")
    assert found.shape == shape
    np.testing.assert_array_equal(found, expected)


def test_a_part_of_an_array_is_cast():
    values = np.arange(60.0).reshape(3, 4, 5) + 0.6
    np.testing.assert_array_equal(cast_pixels(values.copy()[:, 1:3, 2:4], "uint8"), np.rint(values)[:, 1:3, 2:4])


def test_pixels_of_another_type_saturate():
    wide = np.array([0, 255, 256, 65535], np.uint16)
    assert recast_pixels(wide, "uint8").tolist() == [0, 255, 255, 255]
    assert recast_pixels(wide, "uint16") is wide
