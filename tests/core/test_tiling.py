"""Tiles cover the area once, and their margins cover the reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.card import TileConstraints
from sr_plugin.core.grid import Window
from sr_plugin.core.tiling import TilePlan

sizes = st.integers(1, 90)


@st.composite
def plans(draw):
    bounds = Window(0, 0, draw(sizes), draw(sizes))
    col, row = draw(st.integers(0, bounds.width - 1)), draw(st.integers(0, bounds.height - 1))
    area = Window(col, row, draw(st.integers(1, bounds.width - col)), draw(st.integers(1, bounds.height - row)))
    margin = draw(st.integers(0, 12))
    if draw(st.booleans()):
        size = draw(st.integers(2 * margin + 1, 2 * margin + 30))
        return TilePlan(area, bounds, 1, margin, TileConstraints(fixed=(size, size + 2)))
    multiple = draw(st.sampled_from([1, 2, 4, 6]))
    constraints = TileConstraints(multiple_of=multiple, minimum=draw(st.integers(1, 30)))
    return TilePlan(area, bounds, multiple * draw(st.integers(1, 12)), margin, constraints)


@given(plans())
@settings(max_examples=300)
def test_cores_cover_the_area_exactly_once(plan):
    count = np.zeros((plan.bounds.height, plan.bounds.width), int)
    for tile in plan:
        count[tile.core.row : tile.core.bottom, tile.core.col : tile.core.right] += 1
    inside = np.zeros_like(count)
    inside[plan.area.row : plan.area.bottom, plan.area.col : plan.area.right] = 1
    assert (count == inside).all()


@given(plans())
@settings(max_examples=300)
def test_margins_are_read_wherever_the_raster_has_pixels(plan):
    for tile in plan:
        wanted = tile.core.expanded(plan.margin).intersection(plan.bounds)
        assert tile.read.intersection(plan.bounds) == tile.read
        assert tile.read.intersection(wanted) == wanted


@given(plans())
@settings(max_examples=300)
def test_tiles_obey_the_constraints_of_the_network(plan):
    constraints = plan.constraints
    for tile in plan:
        width, height = tile.padded_size
        if constraints.fixed:
            assert (height, width) == constraints.fixed
            continue
        assert width % constraints.multiple_of == 0 and height % constraints.multiple_of == 0
        assert min(width, height) >= constraints.minimum
        assert tile.read.col % constraints.multiple_of == 0 and tile.read.row % constraints.multiple_of == 0


@given(plans())
@settings(max_examples=100)
def test_the_crop_finds_the_core_again(plan):
    for tile in plan:
        assert tile.crop.col + tile.read.col - tile.pad[0] == tile.core.col
        assert tile.crop.right <= tile.padded_size[0] and tile.crop.bottom <= tile.padded_size[1]


def test_a_margin_that_eats_a_fixed_tile_is_refused():
    with pytest.raises(ValueError, match="leaves nothing"):
        TilePlan(Window(0, 0, 9, 9), Window(0, 0, 9, 9), 1, 8, TileConstraints(fixed=(16, 16)))


def test_index_out_of_range():
    plan = TilePlan(Window(0, 0, 9, 9), Window(0, 0, 9, 9), 4, 1)
    assert len(plan) == 9
    with pytest.raises(IndexError):
        plan[9]
