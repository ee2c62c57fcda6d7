"""Windows of networks that see their whole tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.blending import Blender, BlendPlan, rising_weights
from sr_plugin.core.grid import Window
from sr_plugin.core.resampling import enlarge_nearest


@st.composite
def plans(draw):
    bounds = Window(0, 0, draw(st.integers(1, 70)), draw(st.integers(1, 70)))
    col, row = draw(st.integers(0, bounds.width - 1)), draw(st.integers(0, bounds.height - 1))
    area = Window(col, row, draw(st.integers(1, bounds.width - col)), draw(st.integers(1, bounds.height - row)))
    height, width = draw(st.integers(4, 24)), draw(st.integers(4, 24))
    border = draw(st.integers(0, min(height, width) // 4))
    overlap = draw(st.integers(border, min(height, width) // 2 - border))
    return BlendPlan(area, bounds, height, width, overlap, border)


def blend(plan, scale, values):
    """Run windows of ``values(tile)`` through the blender; gives the area and the tiles' order of completion."""
    blender, out = Blender(plan, scale), None
    for tile in plan:
        cell = blender.add(tile, values(tile))
        if out is None:
            out = np.full((cell.shape[0], plan.area.height * scale, plan.area.width * scale), np.nan)
        place = tile.core.shifted(-plan.area.col, -plan.area.row).scaled(scale)
        out[:, place.row : place.bottom, place.col : place.right] = cell
    return out


@given(plans(), st.integers(1, 3))
@settings(max_examples=300)
def test_windows_that_agree_give_the_untiled_result(plan, scale):
    rng = np.random.default_rng(0)
    scene = rng.random((2, plan.bounds.height, plan.bounds.width)).astype(np.float32)
    out = blend(
        plan, scale, lambda t: enlarge_nearest(scene[:, t.read.row : t.read.bottom, t.read.col : t.read.right], scale)
    )
    area = scene[:, plan.area.row : plan.area.bottom, plan.area.col : plan.area.right]
    np.testing.assert_allclose(out, enlarge_nearest(area, scale), rtol=1e-5)


@given(plans())
@settings(max_examples=200)
def test_every_window_has_the_size_that_the_network_wants(plan):
    for tile in plan:
        assert tile.padded_size == (plan.width, plan.height)
        assert tile.core.intersection(tile.read) == tile.core
        assert tile.read.intersection(plan.bounds) == tile.read


@given(plans())
@settings(max_examples=100)
def test_windows_that_differ_pass_into_each_other_smoothly(plan):
    levels = np.random.default_rng(1).random(len(plan))
    out = blend(plan, 1, lambda t: np.full((1, t.read.height, t.read.width), levels[t.index], np.float32))
    assert np.isfinite(out).all()
    assert out.min() >= levels.min() - 1e-6 and out.max() <= levels.max() + 1e-6
    blended = plan.overlap - plan.border
    if blended >= 4:
        largest_step = max(np.abs(np.diff(out, axis=a)).max(initial=0) for a in (1, 2))
        assert largest_step <= np.pi / 2 / blended * np.ptp(levels) * 1.1 + 1e-6


def test_weights_and_their_mirror_add_up():
    weights = rising_weights(9)
    np.testing.assert_allclose(weights + weights[::-1], 1, rtol=1e-6)


def test_too_much_overlap_is_refused():
    with pytest.raises(ValueError, match="half their size"):
        BlendPlan(Window(0, 0, 9, 9), Window(0, 0, 9, 9), 8, 8, 5)


def test_what_reaches_into_a_cell():
    plan = BlendPlan(Window(0, 0, 30, 30), Window(0, 0, 30, 30), 12, 12, 3)
    assert plan.columns == 3 and plan.needed_for(0) == (0,) and plan.needed_for(4) == (0, 1, 3, 4)


@given(st.integers(0, 40), st.integers(0, 10))
def test_weights_leave_the_border_to_the_neighbour(middle, border):
    weights = rising_weights(middle + border, border)
    assert (weights[middle:] == 1).all()
    inner = weights[:middle]
    assert (inner > 0).all() and (inner < 1).all() and (np.diff(inner) > 0).all()
    np.testing.assert_allclose(inner + inner[::-1], 1, atol=1e-6)


@given(plans())
@settings(max_examples=200)
def test_the_sides_of_windows_are_left_out(plan):
    """Of what a network gave, padding included, the border counts nowhere, not even where the raster ends."""

    def spoilt(tile):
        values = np.full((1, plan.height, plan.width), 1000.0, np.float32)
        inner = slice(plan.border, plan.height - plan.border), slice(plan.border, plan.width - plan.border)
        values[0][inner] = 7
        left, top, _, _ = tile.pad
        return values[:, top : top + tile.read.height, left : left + tile.read.width]

    np.testing.assert_allclose(blend(plan, 1, spoilt), 7.0, rtol=1e-5)
