"""Improvement, omission and hallucination of single pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sr_plugin.worker.correctness import Distances, distances, memberships, pixel_distance


def test_the_distance_is_the_normalised_difference():
    first, second = np.array([[0.2], [0.5]]), np.array([[0.1], [0.3]])
    assert pixel_distance(first, second) == pytest.approx([(0.1 / 0.3 + 0.2 / 0.8) / 2])


def test_memberships_by_hand():
    found, there = memberships(Distances(*(np.array([value]) for value in (0.2, 0.1, 0.3))))
    near, same = 0.5, 1.5
    excess = near + same - 1
    scores = [
        near + same * (1 - math.exp(-0.05 * excess)),
        same + near * (1 - math.exp(-0.05 * excess)),
        math.exp(-0.05 * near * same),
    ]
    weights = [math.exp(-score / 0.25) for score in scores]
    assert found[:, 0] == pytest.approx([weight / sum(weights) for weight in weights])
    assert there.all()


def test_the_three_corners():
    truth, enlarged = np.array([[0.30, 0.30, 0.30]]), np.array([[0.20, 0.20, 0.20]])
    result = np.array([[0.30, 0.20, 0.02]])
    found, _ = memberships(distances(enlarged, result, truth))
    assert found.argmax(axis=0).tolist() == [0, 1, 2]
    assert found.sum(axis=0) == pytest.approx([1, 1, 1])


def test_nothing_to_improve_is_not_judged():
    same = np.full((2, 3), 0.4)
    shares, there = memberships(distances(same, same + 0.1, same))
    assert not there.any() and np.isfinite(shares).all()


def test_black_pixels_have_a_distance():
    assert pixel_distance(np.zeros((1, 2)), np.array([[0.0, 0.1]])).tolist() == [0.0, 1.0]
