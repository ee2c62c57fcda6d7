"""Values brought to another gain and offset."""

from __future__ import annotations

import numpy as np
import pytest

from sr_plugin.pipeline.pairs.rescaling import Rescaling


def test_a_new_offset_keeps_whole_numbers_and_never_wraps():
    newer = Rescaling.between((1e-4, -0.1), (1e-4, 0.0))
    assert newer == Rescaling(1.0, -1000.0)
    values = newer(np.array([900, 1000, 4321], np.uint16))
    assert values.dtype == np.uint16 and values.tolist() == [0, 0, 3321]


@pytest.mark.parametrize("kind, expected", [("uint16", "float32"), ("float32", "float32"), ("uint32", "float64")])
def test_another_gain_gives_floating_values(kind, expected):
    mapped = Rescaling.between((1.0, 0.0), (1e-4, -0.1))
    values = mapped(np.array([0, 1, 2]).astype(kind))
    assert values.dtype.name == mapped.pixel_type(kind) == expected
    assert values * 1e-4 - 0.1 == pytest.approx([0, 1, 2], abs=1e-5)


def test_equal_scalings_change_nothing():
    same = Rescaling.between((1 / 255, 0.5), (1 / 255, 0.5))
    values = np.arange(3, dtype=np.uint8)
    assert not same.changes and same(values) is values
