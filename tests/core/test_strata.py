"""Strata of land cover."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.strata import balanced_choice, dominant_class, quotas

sizes = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 80), min_size=1)


def test_the_dominant_class():
    classes = np.array([[1, 1, 7], [7, 7, 3]], np.uint8)
    assert dominant_class(classes) == "7"
    assert dominant_class(classes, classes != 7) == "1"
    assert dominant_class(classes, classes > 9) == ""


@given(sizes, st.integers(1, 300))
def test_quotas_are_as_equal_as_strata_allow(found, total):
    taken = quotas(found, total)
    assert sum(taken.values()) == min(total, sum(found.values()))
    assert all(0 <= taken[s] <= found[s] for s in found)
    largest = max(taken.values())
    assert all(taken[s] >= largest - 1 or taken[s] == found[s] for s in found)


@given(sizes)
def test_without_a_number_the_median_stratum_sets_the_bar(found):
    taken = quotas(found, 0)
    assert all(1 <= taken[s] <= found[s] for s in found)
    assert max(taken.values()) <= max(1, sorted(found.values())[len(found) // 2])


def test_a_common_class_does_not_drown_a_rare_one():
    strata = ["water"] * 90 + ["town"] * 5 + ["field"] * 30
    kept = balanced_choice(strata, 30, seed=4)
    assert Counter(strata[i] for i in kept) == {"water": 13, "field": 12, "town": 5}
    assert kept == sorted(kept) == balanced_choice(strata, 30, seed=4) != balanced_choice(strata, 30, seed=5)
