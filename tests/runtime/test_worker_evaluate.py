"""Evaluation in a worker process."""

from __future__ import annotations

import numpy as np
import pytest

from sr_plugin.core.errors import ParameterError, ProtocolError
from sr_plugin.core.evaluation import EvaluationSettings
from sr_plugin.core.grid import Window
from sr_plugin.core.protocol import NamedArray
from sr_plugin.runtime.worker_session import WorkerSession
from sr_plugin.worker.local_session import LocalSession
from tests.waiting import LONG

pytest.importorskip("skimage")
SETTINGS = EvaluationSettings(2, 4, True, peak=1000.0, cell=32, limits=((0.0, 1000.0),) * 2).to_wire()


@pytest.fixture
def session(worker_python):
    with WorkerSession(worker_python) as opened:
        yield opened


def rasters():
    rng = np.random.default_rng(0)
    coarse = rng.uniform(100, 900, (2, 20, 24)).astype(np.float32)
    fine = coarse.repeat(4, 1).repeat(4, 2)
    return [
        NamedArray("input", coarse, 4.0),
        NamedArray("result", fine + rng.normal(0, 9, fine.shape).astype(np.float32)),
        NamedArray("truth", fine),
        NamedArray("valid_truth", (rng.uniform(size=fine.shape[1:]) < 0.99).astype(np.uint8)),
    ]


@pytest.mark.parametrize("part", ["measure", "sample"])
def test_a_process_answers_as_this_one_does(session, part):
    arguments = (part, rasters(), SETTINGS, Window(0, 32, 96, 48))
    far = session.evaluate(*arguments).result(LONG)
    with LocalSession() as local:
        near = local.evaluate(*arguments).result(LONG)
    assert [item.name for item in far.arrays] == [item.name for item in near.arrays]
    for one, other in zip(far.arrays, near.arrays):
        np.testing.assert_array_equal(one.data, other.data)
    assert far.statistics == near.statistics


def test_a_process_ranks_as_this_one_does(session):
    rng = np.random.default_rng(1)
    arrays = [NamedArray(name, rng.uniform(size=(2, 300))) for name in ("uncertainty", "error")]
    arguments = ("rank", [*arrays, NamedArray("tiles", np.arange(300) // 150)], {}, Window(0, 0, 0, 0))
    far = session.evaluate(*arguments).result(LONG)
    with LocalSession() as local:
        near = local.evaluate(*arguments).result(LONG)
    assert [item.name for item in far.arrays] == [item.name for item in near.arrays]
    for one, other in zip(far.arrays, near.arrays):
        np.testing.assert_array_equal(one.data, other.data)
    with pytest.raises(ProtocolError, match="without its sample"):
        session.evaluate("rank", arrays, {}, Window(0, 0, 0, 0)).result(LONG)


def test_errors_come_back_as_themselves(session):
    wrong = [*rasters()[:1], NamedArray("result", np.zeros((2, 5, 5), np.float32))]
    with pytest.raises(ParameterError, match="one grid"):
        session.evaluate("measure", wrong, SETTINGS, Window(0, 0, 5, 5)).result(LONG)
    with pytest.raises(ProtocolError, match="no part"):
        session.evaluate("guess", rasters(), SETTINGS, Window(0, 0, 5, 5)).result(LONG)
    with pytest.raises(ProtocolError, match="before it was learnt"):
        session.evaluate("classify", rasters(), {"classes": 2, "evaluation": SETTINGS}, Window(0, 0, 5, 5)).result(LONG)
    with pytest.raises(ProtocolError, match="without the input"):
        session.evaluate("sample", rasters()[1:], SETTINGS, Window(0, 0, 5, 5)).result(LONG)
