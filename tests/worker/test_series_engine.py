"""What a gap of one view does to the pixels around it: nothing."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from sr_plugin.core.builtin import builtin_card  # noqa: E402
from sr_plugin.core.grid import Window  # noqa: E402
from sr_plugin.core.radiometry import Radiometry  # noqa: E402
from sr_plugin.core.series import SeriesSettings, ViewPlace  # noqa: E402
from sr_plugin.core.session import RunSettings, TileTask  # noqa: E402
from sr_plugin.worker.series_engine import SeriesEngine, match_views, split_views  # noqa: E402
from sr_plugin.worker.view_fusion import wholly_seen  # noqa: E402
from tests.series_scenes import fine_scene, seen  # noqa: E402

SHIFTS = [(0.0, 0.0), (0.5, 0.45), (-0.4, 0.3)]
FIELD = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.15), (0.1, 0.15))


def _stack(below: float, shifts=SHIFTS, torn=(1,)) -> np.ndarray:
    """Three views of one band, of which some have a gap that holds a value."""
    fine = fine_scene(120, 136, 1)
    views = np.concatenate([seen(fine, shift, 0.001, n) for n, shift in enumerate(shifts)])
    valid = np.ones(views.shape, bool)
    for number in torn:
        valid[number, 20:34, 22:40] = False
    return np.concatenate([np.where(valid, views, np.float32(below)), valid]).astype(np.float32)


def _settings(field=(), **options) -> SeriesSettings:
    shifts = [ViewPlace(shift, field if n else (), (1.02,), (0.003,)) for n, shift in enumerate(SHIFTS)]
    nodes = ((10.0, 50.0), (10.0, 58.0)) if field else ((), ())
    return SeriesSettings(1, tuple(shifts), nodes, (0.01,), (0.001,), (0.2,), **options)


def _fused(stack: np.ndarray, settings: SeriesSettings, model: str = "shift-and-add:2") -> np.ndarray:
    radiometry = Radiometry((1.0,), (0.0,), (1.0,), (0.0,))
    engine = SeriesEngine(builtin_card(model), RunSettings(radiometry, "float32", series=settings), None)
    task = TileTask((0, 0, 0, 0), Window(0, 0, stack.shape[2], stack.shape[1]))
    return engine.run(stack, task).arrays[0].data


@pytest.mark.parametrize("below", [-3.4028234663852886e38, 1e20, -9999.0, 6.0])
@pytest.mark.parametrize("torn", [(1,), (0, 1)])
@pytest.mark.parametrize("model", ["shift-and-add:2", "average:2"])
@pytest.mark.parametrize("field", [(), FIELD], ids=["one shift", "varying"])
def test_what_a_gap_holds_changes_no_pixel(below, torn, model, field):
    plain = _fused(_stack(0.2, torn=torn), _settings(field), model)
    assert np.isfinite(plain).all()
    assert np.array_equal(_fused(_stack(below, torn=torn), _settings(field), model), plain)


def test_gaps_are_filled_from_their_surroundings():
    values, valid = split_views(_stack(np.nan), _settings(), np.dtype(np.float32))
    gap = values[1, 0][~valid[1]]
    around = values[1, 0][16:38, 18:44]
    assert gap.size and around.min() <= gap.min() and gap.max() <= around.max()


def test_a_view_that_is_straightened_has_a_pixel_where_all_four_taps_have_one():
    settings = _settings(((0.0, 0.5),) * 4)
    views = match_views(*split_views(_stack(0.2), settings, np.dtype(np.float32)), settings, (0, 0))
    # The gap is 22 to 39; a pixel lies half a pixel before its place and takes two more on either side.
    assert np.flatnonzero(~views.valid[1][27]).tolist() == list(range(21, 42))


def test_a_pixel_is_wholly_seen_where_all_four_taps_are_valid():
    valid = np.ones((9, 12), bool)
    valid[:, 6] = False
    assert np.flatnonzero(~wholly_seen(valid, (0.0, 0.0))[4]).tolist() == [6]
    assert np.flatnonzero(~wholly_seen(valid, (0.0, 0.5))[4]).tolist() == [5, 6, 7, 8]
    assert wholly_seen(np.ones((5, 5), bool), (0.3, -0.2)).all()
