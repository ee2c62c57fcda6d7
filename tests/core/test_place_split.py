"""The split by place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.place_split import assign_splits, ground_cells, pixel_cells, split_of

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
boxes = st.tuples(st.floats(-300, 300), st.floats(-300, 300), st.floats(1, 40), st.floats(1, 40))


def corners(box):
    x, y, width, height = box
    return [(x, y), (x + width, y), (x, y + height), (x + width, y + height)]


def overlap(first, second):
    return all(
        first[axis] < second[axis] + second[axis + 2] and second[axis] < first[axis] + first[axis + 2]
        for axis in (0, 1)
    )


def splits_of(patches, seed):
    touched = {}
    for cells in patches:
        for cell in cells:
            touched[cell] = touched.get(cell, 0) + 1
    splits = assign_splits(touched, SHARES, seed)
    return [split_of(cells, splits) for cells in patches]


def test_a_patch_touches_all_rows_between_its_corners():
    # 400 m of a patch on cells of 100 m at the equator.
    side = 400 / 111194.93
    rows = {cell.split("_")[0] for cell in ground_cells(corners((0.0, 0.0001, side, side)), 100.0)}
    assert rows == {"0", "1", "2", "3", "4"}


@given(st.lists(boxes, min_size=2, max_size=40), st.integers(0, 99))
def test_patches_of_two_splits_never_share_ground(found, seed):
    splits = splits_of([pixel_cells(corners(box), 50.0) for box in found], seed)
    for i, first in enumerate(found):
        for k, second in enumerate(found[:i]):
            if splits[i] and splits[k] and splits[i] != splits[k]:
                assert not overlap(first, second)


@given(st.lists(st.tuples(st.floats(-170, 170), st.floats(-80, 80)), min_size=2, max_size=30), st.integers(0, 9))
def test_the_same_on_the_globe(places, seed):
    # Pairs of patches that overlap by half, as two rasters of one place do.
    found = [(x, y, 0.004, 0.004) for x, y in places] + [(x + 0.002, y - 0.001, 0.004, 0.004) for x, y in places]
    splits = splits_of([ground_cells(corners(box), 4000.0) for box in found], seed)
    for first, second in zip(splits, splits[len(places) :]):
        assert not first or not second or first == second


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 30), min_size=1, max_size=60), st.integers(0, 99))
def test_training_always_gets_something_and_every_place_one_split(patches, seed):
    splits = assign_splits(patches, SHARES, seed)
    assert set(splits) == set(patches) and "train" in splits.values()
    if len(patches) >= 3:
        assert set(splits.values()) == {"train", "validation", "test"}
    assert splits == assign_splits(dict(reversed(list(patches.items()))), SHARES, seed)


def test_shares_are_met_on_a_large_area():
    patches = {f"{row}_{column}": 9 for row in range(20) for column in range(20)}
    splits = assign_splits(patches, SHARES, 1)
    for split, share in SHARES.items():
        assert sum(s == split for s in splits.values()) / 400 == pytest.approx(share, abs=0.01)


def test_places_that_are_judged_lie_together():
    patches = {f"{row}_{column}": 9 for row in range(10) for column in range(10)}
    splits = assign_splits(patches, SHARES, 0)

    def lonely(place):
        row, column = map(int, place.split("_"))
        near = ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1))
        return all(splits.get(f"{y}_{x}") != splits[place] for y, x in near)

    judged = [place for place, split in splits.items() if split != "train"]
    assert sum(map(lonely, judged)) <= len(judged) // 4


def test_known_splits_stay():
    fixed = {"a": "test", "b": "validation"}
    splits = assign_splits({"a": 1, "b": 1, "c": 50, "d": 50}, SHARES, 0, fixed)
    assert {**splits, **fixed} == splits


def test_a_split_without_share_gets_nothing():
    patches = {str(n): 1 for n in range(30)}
    assert set(assign_splits(patches, {"train": 0.8, "validation": 0.2}, 0).values()) == {"train", "validation"}


def test_a_patch_across_a_border_has_no_split():
    assert split_of(frozenset("ab"), {"a": "train", "b": "test"}) == ""
    with pytest.raises(KeyError):
        split_of(frozenset("ax"), {"a": "train"})


def test_a_picture_may_be_one_place():
    assert pixel_cells([(0, 0), (900, 900)], None, "a.png") == {"a.png"}
    assert pixel_cells([(0, 0), (31, 31)], 32, "a.png") == {"a.png:0_0"}
