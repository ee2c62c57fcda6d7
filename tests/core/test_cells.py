"""Coarse cells on a fine grid, nested with every phase and not nested at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_plugin.core.cells import CellPlace, differences, enlarge_linear, make_means_agree, spread_valid

places = st.builds(
    lambda left, top, ratio: CellPlace(-left, -top, ratio, ratio),
    st.floats(0, 5.9),
    st.floats(0, 5.9),
    st.sampled_from([1.5, 2.0, 2.3, 3.0, 6.0]),
)


def whole_means(image, place):
    """Means over whole cells by brute force: every pixel in 20 x 20 parts."""
    parts = 20
    fine = image.repeat(parts, 0).repeat(parts, 1)
    rows = int(np.ceil((image.shape[0] - place.top) / place.height))
    columns = int(np.ceil((image.shape[1] - place.left) / place.width))
    means = np.full((rows, columns), np.nan)
    for row in range(rows):
        for column in range(columns):
            top, left = place.top + row * place.height, place.left + column * place.width
            if top < 0 or left < 0 or top + place.height > image.shape[0] or left + place.width > image.shape[1]:
                continue
            cut = [round(v * parts) for v in (top, top + place.height, left, left + place.width)]
            means[row, column] = fine[cut[0] : cut[1], cut[2] : cut[3]].mean()
    return means


@pytest.mark.parametrize("phase", [(0, 0), (1, 0), (1, 1), (0.5, 0.25), (0.1, 0.9)])
@pytest.mark.parametrize("ratio", [2, 3])
def test_means_over_cells(phase, ratio):
    rng = np.random.default_rng(1)
    image = rng.random((13, 17))
    place = CellPlace(-float(phase[0]), -float(phase[1]), float(ratio), float(ratio))
    expected = whole_means(image, place)
    cells = rng.random(expected.shape)
    agreed = make_means_agree(image, cells, place)
    inside = ~np.isnan(expected)
    assert inside.any()
    np.testing.assert_allclose(whole_means(agreed, place)[inside], cells[inside], atol=1e-5)
    found, (row, column) = differences(image, cells, place)
    part = (slice(row, row + found.shape[0]), slice(column, column + found.shape[1]))
    assert inside[part].all() and found.size == inside.sum()
    np.testing.assert_allclose(found, (cells - expected)[part], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(place=places, seed=st.integers(0, 99))
def test_the_correction_is_the_smallest_one(place, seed):
    """A second correction changes nothing, and what has the right means is left as it is."""
    rng = np.random.default_rng(seed)
    image, cells = rng.random((19, 23)), rng.random((20, 20))
    once = make_means_agree(image, cells, place)
    np.testing.assert_allclose(make_means_agree(once, cells, place), once, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(place=places, row=st.integers(0, 20), column=st.integers(0, 20))
def test_a_part_of_the_grid_has_the_values_of_the_whole(place, row, column):
    rng = np.random.default_rng(3)
    cells = rng.random((2, 40, 40))
    whole = enlarge_linear(cells, place, (50, 50))
    part = enlarge_linear(cells, place.shifted(-column, -row), (15, 18))
    np.testing.assert_allclose(part, whole[:, row : row + 15, column : column + 18], atol=1e-9)


def test_linear_interpolation_is_that_of_the_network():
    torch = pytest.importorskip("torch")
    cells = np.random.default_rng(0).random((3, 9, 7)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(cells)[None], scale_factor=6, mode="bilinear", align_corners=False
    )
    found = enlarge_linear(cells, CellPlace(0.0, 0.0, 6.0, 6.0), (54, 42))
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-6)


def test_a_ramp_stays_where_it_is_on_grids_that_do_not_nest():
    place = CellPlace(-1.3, -0.7, 2.6, 2.2)
    centres = place.left + (np.arange(20) + 0.5) * place.width
    cells = np.broadcast_to(centres, (20, 20))
    found = enlarge_linear(cells, place, (30, 30))
    np.testing.assert_allclose(found, np.broadcast_to(np.arange(30) + 0.5, (30, 30)), atol=1e-9)


def test_validity_goes_by_the_centre_of_a_pixel_and_ends_with_the_cells():
    valid = np.ones((1, 2, 3), bool)
    valid[0, 0, 1] = False
    found = spread_valid(valid, CellPlace(-1.0, 0.0, 2.0, 2.0), (5, 6))
    row = [True, False, False, True, True, False]
    np.testing.assert_array_equal(found[0], [row, row, [True] * 5 + [False], [True] * 5 + [False], [False] * 6])


def test_without_a_whole_cell_nothing_is_changed():
    image = np.random.default_rng(0).random((3, 3))
    place = CellPlace(-1.0, -1.0, 6.0, 6.0)
    np.testing.assert_array_equal(make_means_agree(image, np.ones((1, 1)), place), image)
    assert differences(image, np.ones((1, 1)), place)[0].size == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), ratio=st.sampled_from([2, 6]), phase=st.integers(0, 5))
def test_means_agree_between_the_ends(seed, ratio, phase):
    """Cells within reach of the ends get their means although many pixels lie at an end."""
    rng = np.random.default_rng(seed)
    place = CellPlace(-float(phase % ratio), -float(phase % ratio), float(ratio), float(ratio))
    image = rng.normal(10, 60, (25, 30))
    cells = rng.uniform(1, 99, (16, 16))
    agreed = make_means_agree(image, cells, place, (0, 100))
    assert np.abs(differences(agreed, cells, place)[0]).max() < 1e-6
    assert agreed.min() > -1e-6 and agreed.max() < 100 + 1e-6


def test_means_may_differ_by_what_is_allowed():
    rng = np.random.default_rng(4)
    place = CellPlace(-1.0, 0.0, 2.0, 2.0)
    image, cells = rng.uniform(0, 100, (20, 24)), rng.uniform(0, 100, (10, 13))
    allowed = np.full(cells.shape, 5.0)
    before, (row, column) = differences(image, cells, place)
    agreed = make_means_agree(image, cells, place, None, allowed)
    after, _ = differences(agreed, cells, place)
    np.testing.assert_allclose(after, np.clip(before, -5, 5), atol=1e-9)
    assert (row, column) == (0, 1) and (np.abs(before) < 5).any()
