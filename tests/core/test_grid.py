"""Windows and grids."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.grid import Grid, Window

ROTATED = (1000.0, 8.0, 6.0, 2000.0, 6.0, -8.0)
finite = st.floats(-1e6, 1e6)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 16), st.tuples(finite, finite))
def test_refining_keeps_the_corner_and_divides_all_terms(width, height, scale, origin):
    x, y = origin
    grid = Grid(width, height, (x, 8.0, 6.0, y, 6.0, -8.0), "wkt")
    fine = grid.refined(scale)
    assert (fine.width, fine.height) == (width * scale, height * scale)
    assert fine.to_map(0, 0) == grid.to_map(0, 0)
    assert fine.geotransform[1] == 8.0 / scale and fine.geotransform[4] == 6.0 / scale
    end, fine_end = grid.to_map(width, height), fine.to_map(width * scale, height * scale)
    assert fine_end == pytest.approx(end, abs=1e-6)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_pixel_and_map_coordinates_are_inverse(col, row):
    grid = Grid(10, 10, ROTATED)
    assert grid.to_pixel(*grid.to_map(col, row)) == pytest.approx((col, row), abs=1e-6)


def test_extent_of_whole_pixels_gives_back_the_window():
    grid = Grid(100, 80, (500000.0, 10.0, 0.0, 4100000.0, 0.0, -10.0))
    window = Window(13, 7, 21, 34)
    assert grid.window_of_extent(grid.extent(window)) == window


def test_extent_takes_every_pixel_that_it_touches():
    grid = Grid(100, 80, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    assert grid.window_of_extent((15, -35, 26, -5)) == Window(1, 0, 2, 4)


def test_extent_outside_is_empty():
    grid = Grid(100, 80, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0))
    assert grid.window_of_extent((5000, -35, 6000, -5)).empty


def test_pixel_size_of_a_rotated_grid():
    assert Grid(10, 10, ROTATED).pixel_size == pytest.approx((10.0, 10.0))


def test_cropping_moves_the_corner_along_the_rotated_axes():
    part = Grid(10, 10, ROTATED).cropped(Window(2, 3, 4, 5))
    assert (part.geotransform[0], part.geotransform[3]) == (1000 + 16 + 18, 2000 + 12 - 24)
    assert math.isclose(part.geotransform[1], 8.0)
