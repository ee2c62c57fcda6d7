"""Evaluation: settings, figures from sums, places."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_plugin.core.card import PointSpread
from sr_plugin.core.errors import ParameterError
from sr_plugin.core.evaluation import EvaluationSettings, figures_of, mean_ranks, measure_names, ranking
from sr_plugin.core.evaluation_metrics import METRICS, metric_named

SETTINGS = EvaluationSettings(2, 4, True, peak=100.0, indices=(("ndvi", 1, 0),))


def sums(settings=SETTINGS, **values):
    names = measure_names(settings)
    given_ = {name.replace("_B", "."): value for name, value in values.items()}
    assert set(given_) <= set(names)
    return np.array([given_.get(name, 0.0) for name in names])


@given(st.integers(1, 5), st.integers(1, 12), st.booleans(), st.integers(1, 1000))
def test_cells_and_halos_fit_the_grid_of_every_scale(bands, ratio, truth, side):
    settings = EvaluationSettings(bands, ratio, truth).with_cell_near(side).checked()
    assert settings.cell % (16 * settings.step) == settings.halo % (16 * settings.step) == 0
    assert settings.cell % ratio == settings.halo % ratio == 0
    # Five pixels of the coarsest scale.
    assert settings.halo >= 5 * 16 * settings.step
    assert len(set(measure_names(settings))) == len(measure_names(settings))


def test_settings_travel():
    settings = EvaluationSettings(
        3, 2, True, 255.0, 64, PointSpread("gaussian", 0.2), (("ndvi", 1, 0),), 0.1, ((0.0, 1.0),) * 3
    )
    import json

    assert EvaluationSettings.from_wire(json.loads(json.dumps(settings.to_wire()))) == settings


@pytest.mark.parametrize(
    "change", [{"peak": 0}, {"peak": math.nan}, {"psf": PointSpread("gaussian", 1.0)}, {"cell": 100}]
)
def test_settings_that_cannot_be_used(change):
    with pytest.raises(ParameterError):
        EvaluationSettings(**{"bands": 2, "ratio": 4, "against_truth": True, **change}).checked()


def test_without_nested_grids_there_must_be_a_truth():
    with pytest.raises(ParameterError, match="nested"):
        EvaluationSettings(1, 0, False, cell=1).checked()
    assert not any(name.startswith("back") for name in measure_names(EvaluationSettings(1, 0, True)))


def test_figures_by_hand():
    found = figures_of(
        sums(
            pixels=4,
            reference_B0=40,
            reference_B1=80,
            squared_B0=16,
            squared_B1=64,
            absolute_B0=8,
            absolute_B1=16,
            error_B0=-8,
            error_B1=4,
        ),
        SETTINGS,
    )
    assert found.per_band["rmse"] == (2.0, 4.0) and found.per_band["bias"] == (-2.0, 1.0)
    assert found.overall["rmse"] == pytest.approx(math.sqrt(10))
    assert found.overall["psnr"] == pytest.approx(10 * math.log10(100**2 / 10))
    assert found.overall["ergas"] == pytest.approx(100 / 4 * math.sqrt(((2 / 10) ** 2 + (4 / 20) ** 2) / 2))
    assert found.pixels == 4
    assert math.isnan(found.overall["ssim"]) and math.isnan(found.indices["ndvi"]["mae"])


def test_ergas_knows_the_pixel_sizes_of_grids_that_are_not_nested():
    measured = {"pixels": 4, "reference_B0": 40, "reference_B1": 40, "squared_B0": 16, "squared_B1": 16}
    found = []
    for settings in (SETTINGS, replace(SETTINGS, ratio=0, span=4.0), replace(SETTINGS, ratio=0, span=2.5)):
        found.append(figures_of(sums(settings, **measured), settings).overall["ergas"])
    assert found == pytest.approx([100 / 4 * 0.2, 100 / 4 * 0.2, 100 / 2.5 * 0.2])


def test_nothing_measured_is_not_a_number():
    found = figures_of(sums(), SETTINGS)
    assert all(math.isnan(value) for value in found.overall.values())
    record = found.to_record()
    assert set(record["overall"].values()) == {None} and record["indices"]["ndvi"]["mae"] is None


def figures(**overall):
    found = figures_of(sums(), SETTINGS)
    return type(found)({**found.overall, **overall}, {}, {}, 1)


def test_places():
    found = {
        "bicubic": figures(psnr=30.0, ssim=0.8, sam=2.0),
        "result": figures(psnr=32.0, ssim=0.9, sam=2.0),
        "result2": figures(psnr=31.0, ssim=0.7, sam=3.0),
    }
    # PSNR 3 1 2, SSIM 2 1 3, SAM 1.5 1.5 3.
    assert mean_ranks(found) == pytest.approx({"bicubic": 6.5 / 3, "result": 3.5 / 3, "result2": 8 / 3})
    assert [name for name, _ in ranking(found)] == ["result", "bicubic", "result2"]


def test_a_metric_that_one_candidate_lacks_does_not_rank():
    found = {"bicubic": figures(psnr=30.0, ms_ssim=0.9), "result": figures(psnr=29.0)}
    assert mean_ranks(found) == {"bicubic": 1.0, "result": 2.0}


def test_every_metric_is_defined():
    for metric in METRICS:
        assert metric_named(metric.key) is metric and len(metric.definition) > 20
        assert metric.best in ("high", "low", "") and not (metric.ranked and not metric.best)
