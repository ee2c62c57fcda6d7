"""Settings, classes and figures of compared edges."""

import math

import numpy as np
import pytest

from sr_plugin.core.edges import (
    EDGE_CLASSES,
    HYSTERESIS_REACH,
    EdgeCounts,
    EdgeSettings,
    class_map,
    edge_figures,
    figure_rows,
)
from sr_plugin.core.errors import ParameterError

COUNTS = EdgeCounts(
    pixels=1000, edges_input=40, edges_result=50, edges_truth=60, kept=30, new=20, lost=10, right=45, found=48,
    right_input=36, found_input=30, new_right=15, squares_input=4000.0, squares_result=9000.0, squares_truth=16000.0,
)  # fmt: skip


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"method": "prewitt"}, "prewitt"),
        ({"sigma": -1}, "smoothing"),
        ({"sigma": math.nan}, "smoothing"),
        ({"sigma": 1e6}, "smoothing"),
        ({"tolerance": -1}, "tolerance"),
        ({"tolerance": 1000}, "tolerance"),
        ({"low": 0.9, "high": 0.5}, "threshold"),
        ({"low": -0.1}, "threshold"),
        ({"high": 20.0}, "between 0 and 1"),
        ({"low": math.nan}, "threshold"),
    ],
)
def test_settings_that_cannot_be_used(changes, words):
    with pytest.raises(ParameterError, match=words) as caught:
        EdgeSettings(**changes).checked()
    assert caught.value.hint


def test_settings_travel():
    settings = EdgeSettings("sobel", 0.5, 12.0, 30.0, False, 3)
    assert EdgeSettings.from_wire(settings.to_wire()) == settings
    assert EdgeSettings.from_wire(EdgeSettings().resolved(np.zeros(0)).to_wire()).high > 1e30


def test_quantiles_become_gradients():
    resolved = EdgeSettings(low=0.5, high=0.9).resolved(np.arange(1001, dtype=np.float32))
    assert (resolved.low, resolved.high, resolved.quantiles) == (500.0, 900.0, False)
    absolute = EdgeSettings(low=3.0, high=4.0, quantiles=False)
    assert absolute.resolved(np.arange(5.0)) is absolute


def test_a_flat_reference_has_no_edges():
    resolved = EdgeSettings().resolved(np.zeros(100, np.float32))
    assert 0 < resolved.low <= resolved.high
    # What travels as a single-precision threshold must not become 0.
    assert np.float32(resolved.low) > 0
    noisy = EdgeSettings().resolved(np.full(100, 1e-4, np.float32), largest=1000.0)
    assert noisy.low == pytest.approx(0.01)
    few = np.zeros(1000, np.float32)
    few[0] = 50
    assert EdgeSettings().resolved(few).high == pytest.approx(0.05)


@pytest.mark.parametrize("ratio", [1, 2, 3, 4])
def test_the_halo_is_whole_input_pixels_and_wide_enough(ratio):
    settings = EdgeSettings(sigma=2.0, tolerance=5)
    assert settings.halo(ratio) % ratio == 0
    assert settings.halo(ratio) >= 8 + 5 + HYSTERESIS_REACH + (2 * ratio if ratio > 1 else 0)


def test_counts_add_up_and_travel():
    total = COUNTS + COUNTS + EdgeCounts()
    assert (total.pixels, total.new_right, total.squares_truth) == (2000, 30, 32000.0)
    assert EdgeCounts.from_wire({**COUNTS.to_wire(), "seconds": 3.0}) == COUNTS
    assert edge_figures(total, True) == edge_figures(COUNTS, True)


def test_figures():
    figures = edge_figures(COUNTS, with_truth=True)
    assert (figures.density_input, figures.density_result, figures.density_truth) == (0.04, 0.05, 0.06)
    assert (figures.sharpness_input, figures.sharpness_result, figures.sharpness_truth) == (2.0, 3.0, 4.0)
    assert (figures.kept, figures.new, figures.lost) == (30 / 60, 20 / 60, 10 / 60)
    assert (figures.precision, figures.recall) == (0.9, 0.8)
    assert figures.f1 == pytest.approx(2 * 0.9 * 0.8 / 1.7)
    assert (figures.precision_input, figures.recall_input, figures.new_right) == (0.9, 0.5, 0.75)


def test_figures_without_truth_or_edges():
    figures = edge_figures(COUNTS)
    assert math.isnan(figures.precision) and math.isnan(figures.f1) and math.isnan(figures.density_truth)
    nothing = edge_figures(EdgeCounts(pixels=10), True)
    assert nothing.density_result == 0 and math.isnan(nothing.kept) and math.isnan(nothing.f1)
    assert nothing.to_record()["kept"] is None and nothing.to_record()["density_result"] == 0
    assert edge_figures(EdgeCounts(10, edges_result=2, edges_truth=3), True).f1 == 0.0


def test_rows_leave_out_what_does_not_apply():
    with_truth = [row[0] for row in figure_rows(edge_figures(COUNTS, True))]
    without = [row[0] for row in figure_rows(edge_figures(COUNTS))]
    assert "F1 against the truth" in with_truth and "F1 against the truth" not in without
    assert ("Kept edges", "", "50.0 %", "") in figure_rows(edge_figures(COUNTS))


def test_classes():
    row = lambda *values: np.array([values], bool)  # noqa: E731 - a table of four pixels
    before, after = row(1, 0, 1, 0), row(1, 1, 0, 0)
    classes = class_map(before, after, before, after)
    assert classes.dtype == np.uint8 and classes.tolist() == [[1, 2, 3, 0]]
    assert [item.name for item in EDGE_CLASSES] == ["kept", "new", "lost"]
    assert "not in the input" in EDGE_CLASSES[1].title
