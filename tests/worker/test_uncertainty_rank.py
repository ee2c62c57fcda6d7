"""Rank correlation and calibration against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from sr_plugin.core.errors import ParameterError
from sr_plugin.core.uncertainty_figures import GROUPS, UncertaintyFigures

pytest.importorskip("scipy")

from sr_plugin.worker.uncertainty_rank import calibration, judge_uncertainty, rank_correlation  # noqa: E402

ERRORS = np.random.default_rng(3).permutation(np.arange(1.0, 1001.0))


def judged(uncertainty, error=ERRORS, tiles=None):
    levels, errors = np.atleast_2d(uncertainty), np.atleast_2d(error)
    return judge_uncertainty(levels, errors, np.zeros(errors.shape[1], int) if tiles is None else tiles)


@pytest.mark.parametrize("relation", [lambda e: e, lambda e: 0.01 * e * e, np.log])
def test_any_rising_relation_ranks_perfectly(relation):
    found = UncertaintyFigures.from_arrays(judged(relation(ERRORS)), 1000)
    assert found.rank == pytest.approx(1) and found.share == pytest.approx(found.best_share)
    # The squares of 901 to 1000 as a part of those of 1 to 1000.
    assert found.share == pytest.approx((1000 * 1001 * 2001 - 900 * 901 * 1801) / (1000 * 1001 * 2001))
    assert found.errors == pytest.approx([50.5 + 100 * place for place in range(GROUPS)])


def test_the_reverse_order_is_minus_one():
    assert rank_correlation(-ERRORS, ERRORS) == pytest.approx(-1)


def test_shuffled_values_tell_nothing():
    rng = np.random.default_rng(1)
    error = rng.exponential(size=20000)
    found = UncertaintyFigures.from_arrays(judged(rng.permutation(error), error), 20000)
    assert abs(found.rank) < 0.03 and found.share == pytest.approx(0.1, abs=0.02)
    assert np.ptp(found.errors) < 0.15


def test_equal_uncertainties_have_no_order():
    error = np.sort(ERRORS)
    levels, errors, squares = calibration(np.repeat([1.0, 2.0], 500), error)
    assert levels.tolist() == [1.0] * 5 + [2.0] * 5
    assert errors[:5] == pytest.approx([250.5] * 5) and errors[5:] == pytest.approx([750.5] * 5)
    assert squares.sum() == pytest.approx((error**2).sum())


def test_what_is_the_same_everywhere_has_no_rank(recwarn):
    found = UncertaintyFigures.from_arrays(judged(np.full(1000, 7.0)), 1000)
    assert np.isnan(found.rank) and found.to_record()["rank"] is None
    assert found.share == pytest.approx(0.1)
    right = UncertaintyFigures.from_arrays(judged(ERRORS, np.zeros(1000)), 1000)
    assert np.isnan(right.rank) and np.isnan(right.share) and not recwarn.list


def test_a_band_with_more_contrast_does_not_raise_the_whole():
    rng = np.random.default_rng(5)
    size = np.array([[1.0], [1000.0]])
    uncertainty, error = (rng.uniform(size=(2, 20000)) * size for _ in range(2))
    found = UncertaintyFigures.from_arrays(judged(uncertainty, error), 20000)
    assert rank_correlation(uncertainty.ravel(), error.ravel()) > 0.7
    assert abs(found.rank) < 0.03


def test_tiles_are_ranked_on_their_own():
    tiles = np.repeat([0, 1, 2], [480, 480, 40])
    uncertainty = np.where(tiles == 1, -ERRORS, ERRORS)
    assert judged(uncertainty, tiles=tiles)["tile_ranks"] == pytest.approx([1, -1, np.nan], nan_ok=True)


def test_what_does_not_fit_is_told():
    with pytest.raises(ParameterError, match="Only 9 pixel"):
        judged(np.arange(9.0), np.arange(9.0))
    with pytest.raises(ParameterError, match="fit together"):
        judged(np.arange(20.0), np.arange(30.0))
