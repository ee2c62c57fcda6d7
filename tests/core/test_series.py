"""Settings of a series."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sr_plugin.core.series import SeriesSettings, ViewPlace

SERIES = SeriesSettings(
    bands=2,
    views=(
        ViewPlace((0.0, 0.0), (), (1.0, 1.0), (0.0, 0.0)),
        ViewPlace((0.25, -0.5), ((0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.1, 0.2)), (1.1, 0.9), (3.0, 4.0)),
    ),
    nodes=((10.0, 30.0), (10.0, 50.0)),
    noise=(1.0, 2.0),
    typical=(100.0, 200.0),
)


def test_the_wire_form_holds_everything():
    assert SeriesSettings.from_wire(json.loads(json.dumps(SERIES.to_wire()))) == SERIES
    assert SERIES.planes == 6


@pytest.mark.parametrize("spoilt", [{"views": [{"shift": [1]}]}, {"nodes": [[1.0]]}, {"unknown": 1}])
def test_garbage_is_refused(spoilt):
    with pytest.raises((KeyError, TypeError, ValueError)):
        SeriesSettings.from_wire({**SERIES.to_wire(), **spoilt})


def test_local_shifts_are_bilinear_and_constant_beyond_the_nodes():
    shifts = SERIES.local_shifts(1, 0, 0, 41, 61)
    assert shifts.shape == (2, 41, 61)
    assert shifts[:, 10, 10] == pytest.approx([0.0, 0.0]) and shifts[:, 0, 0] == pytest.approx([0.0, 0.0])
    assert shifts[:, 20, 30] == pytest.approx([0.05, 0.1])
    assert shifts[:, 40, 60] == pytest.approx([0.1, 0.2])
    assert not SERIES.local_shifts(0, 0, 0, 5, 5).any()


def test_windows_of_the_field_agree():
    """What a tile sees of the field does not depend on where the tile begins."""
    whole = SERIES.local_shifts(1, 0, 0, 60, 60)
    assert np.array_equal(SERIES.local_shifts(1, 13, 27, 20, 30), whole[:, 13:33, 27:57])
